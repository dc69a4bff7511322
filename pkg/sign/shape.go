package sign

import (
	"crypto/md5"
	"strings"
)

// maxID bounds an order id (gateway page, verification rule 4).
const maxID = 64

// shape is what inspecting a callback found: where its fields are and what is
// worth knowing for verification.
type shape struct {
	at [fields]int8 // by field; -1: absent, null or ""

	amountValue, feeValue decimalText
	sum                   [md5.Size]byte // that sign claims

	documented     bool // it has no field but the documented ones
	upperHex       bool // sign is written in upper case
	quotedNumber   bool // amount, fee or status is a JSON string
	numericReverse bool // reverse is 0 or 1
	javaDouble     bool // amount or fee has an exponent
	freeRemark     bool // remark holds &name=
}

// has reports whether a field is there with a value.
func (s *shape) has(f fieldID) bool { return s.at[f] >= 0 }

// is reports whether the parameter at i is a field.
func (s *shape) is(i int, f fieldID) bool { return int(s.at[f]) == i }

// CheckCallback checks everything about a callback but its signature: names,
// required fields, types and that no other callback can share its signed text
// (gateway page, verification rules 1, 2 and 4). The error is a
// [*MalformedError].
func CheckCallback(p Params, policy Policy) error {
	_, err := inspect(p, policy)
	return err
}

// callbackFields are the documented callback (API document, section 6), in the
// order in which a person would look for what is missing: what must be there, and
// what may be.
var callbackFields = [fields]struct {
	fieldID
	required bool
}{
	{orderID, true},
	{platOrderID, true},
	{amount, true},
	{status, true},
	{signature, true},
	{reverse, false},
	{fee, false},
	{remark, false},
}

// check checks the value of a field that is there. It is no table of functions,
// since the shape, and with it an allocation for each callback, would escape
// through them.
func (s *shape) check(f fieldID, p *Param, policy Policy) error {
	switch f {
	case orderID, platOrderID:
		return checkID(p)
	case amount:
		return s.checkNumber(p, policy, &s.amountValue)
	case fee:
		return s.checkNumber(p, policy, &s.feeValue)
	case status:
		return s.checkStatus(p)
	case signature:
		return s.checkSign(p)
	case reverse:
		return s.checkReverse(p, policy)
	default:
		return checkRemark(p)
	}
}

// Fields are the texts of a callback's documented fields (API document, section
// 6), "" where a field is absent, null or empty.
type Fields struct {
	Amount, Fee, OrderID, PlatOrderID, Remark, Reverse, Status string
}

// ReadFields returns the fields of a callback that [CheckCallback] passes, or its
// error.
func ReadFields(p Params, policy Policy) (Fields, error) {
	s, err := inspect(p, policy)
	if err != nil {
		return Fields{}, err
	}
	return s.texts(p), nil
}

func (s *shape) texts(p Params) Fields {
	text := func(f fieldID) string {
		if !s.has(f) {
			return ""
		}
		return p[s.at[f]].Value
	}
	return Fields{
		Amount: text(amount), Fee: text(fee), OrderID: text(orderID), PlatOrderID: text(platOrderID),
		Remark: text(remark), Reverse: text(reverse), Status: text(status),
	}
}

func inspect(p Params, policy Policy) (s shape, err error) {
	if !s.find(p) {
		if err := checkNames(p); err != nil {
			return s, err
		}
	}
	for i := range callbackFields {
		f := callbackFields[i].fieldID
		at := s.at[f]
		switch {
		case at >= 0:
			if err := s.check(f, &p[at], policy); err != nil {
				return s, err
			}
		case callbackFields[i].required:
			return s, malformed(ReasonMissingField, fieldNames[f], "is missing")
		}
	}
	return s, checkAmbiguity(p, &s)
}

// find notes where the fields are, and reports whether all names are in order
// at a glance: documented, and no two the same.
func (s *shape) find(p Params) bool {
	for f := range s.at {
		s.at[f] = -1
	}
	var seen fieldSet
	s.documented = true
	plain := true
	for i := range p[:min(len(p), MaxFields)] {
		f := fieldOf(p[i].Name)
		if f == otherField {
			s.documented, plain = false, false
			continue
		}
		if seen.has(f) {
			plain = false
			continue
		}
		seen.add(f)
		if p[i].Kind != KindNull && p[i].Value != "" {
			s.at[f] = int8(i)
		}
	}
	return plain && len(p) <= MaxFields
}

// checkNames repeats the parsers' checks, since a list may be made by hand,
// and refuses a documented field in other case: it would be signed as an
// unknown field while the documented one seems absent.
func checkNames(p Params) error {
	for i := range p {
		if err := checkName(p[:i], p[i].Name, ReasonDuplicateName); err != nil {
			return err
		}
		for _, known := range fieldNames {
			if p[i].Name != known && equalFold(p[i].Name, known) {
				return malformed(ReasonBadName, p[i].Name, "must be spelt "+known)
			}
		}
	}
	return nil
}

// checkAmbiguity applies rule 4 of the gateway page. Values are joined
// unescaped, so &name= inside a value can pass for another field. Only remark,
// free text, may hold it, and only where all fields that matter are signed
// behind or before it in their own right.
func checkAmbiguity(p Params, s *shape) error {
	for i := range p {
		if strings.IndexByte(p[i].Value, '&') < 0 || !holdsAssignment(p[i].Value) {
			continue
		}
		if !s.is(i, remark) {
			return malformed(ReasonAmbiguous, p[i].Name, "holds & followed by a name and =, so its signature could belong to another callback")
		}
		s.freeRemark = true
	}
	if s.freeRemark && (!s.has(reverse) || !s.has(fee)) {
		return malformed(ReasonAmbiguous, fieldRemark,
			"holds & followed by a name and =, so amount, fee, orderId, platOrderId, reverse and status must all be present")
	}
	return nil
}

// holdsAssignment reports whether s holds & followed by a name and =.
func holdsAssignment(s string) bool {
	for {
		_, rest, found := strings.Cut(s, "&")
		if !found {
			return false
		}
		n := nameLength(rest)
		if n > 0 && n < len(rest) && rest[n] == '=' {
			return true
		}
		s = rest
	}
}

func checkID(p *Param) error {
	if p.Kind != KindString {
		return malformed(ReasonWrongType, p.Name, "must be a string, not a "+p.Kind.String())
	}
	if !validID(p.Value) {
		return malformed(ReasonWrongType, p.Name, "must be 1 to 64 printable ASCII characters without white space or &")
	}
	return nil
}

func validID(id string) bool {
	if len(id) > maxID {
		return false
	}
	for i := range len(id) {
		if c := id[i]; c < '!' || c > '~' || c == '&' {
			return false
		}
	}
	return true
}

func (s *shape) checkNumber(p *Param, policy Policy, value *decimalText) error {
	if p.Kind == KindBool {
		return malformed(ReasonWrongType, p.Name, "must be a number, not a boolean")
	}
	var ok bool
	*value, ok = parsePlain(p.Value)
	if !ok && policy.JavaDouble {
		*value, ok = parseExponent(p.Value)
		s.javaDouble = s.javaDouble || ok
	}
	if !ok {
		return malformed(ReasonWrongType, p.Name,
			"must be a plain decimal of at most 15 integer and 4 fraction digits, without sign, exponent or leading zero")
	}
	s.noteQuoted(p)
	return nil
}

func (s *shape) checkStatus(p *Param) error {
	if p.Kind == KindBool || (p.Value != "0" && p.Value != "1" && p.Value != "2") {
		return malformed(ReasonWrongType, p.Name, "must be 0, 1 or 2")
	}
	s.noteQuoted(p)
	return nil
}

// noteQuoted notes a number that is sent as a JSON string. In a form every
// number is text.
func (s *shape) noteQuoted(p *Param) {
	s.quotedNumber = s.quotedNumber || (p.Kind == KindString && !p.form)
}

func (s *shape) checkReverse(p *Param, policy Policy) error {
	switch {
	case (p.Kind == KindBool || p.form) && (p.Value == "true" || p.Value == "false"):
		return nil
	case policy.NumericReverse && p.Kind != KindBool && (p.Value == "0" || p.Value == "1"):
		s.numericReverse = true
		return nil
	default:
		return malformed(ReasonWrongType, p.Name, "must be true or false")
	}
}

func checkRemark(p *Param) error {
	if p.Kind != KindString {
		return malformed(ReasonWrongType, p.Name, "must be a string, not a "+p.Kind.String())
	}
	return nil
}

func (s *shape) checkSign(p *Param) error {
	if p.Kind != KindString {
		return malformed(ReasonWrongType, p.Name, "must be a string, not a "+p.Kind.String())
	}
	var ok bool
	if s.sum, s.upperHex, ok = decodeSign(p.Value); !ok {
		return malformed(ReasonBadSignFormat, p.Name, "must be 32 hex digits")
	}
	return nil
}
