package sign

import "strings"

// Names of the fields of a callback, and the name no field may have.
const (
	fieldAmount      = "amount"
	fieldFee         = "fee"
	fieldOrderID     = "orderId"
	fieldPlatOrderID = "platOrderId"
	fieldRemark      = "remark"
	fieldReverse     = "reverse"
	fieldSign        = "sign"
	fieldStatus      = "status"

	fieldKey = "key"
)

// maxID bounds an order id (gateway page, verification rule 4).
const maxID = 64

// shape is what inspecting a callback found: where its fields are (-1: absent,
// null or "") and what is worth knowing for verification.
type shape struct {
	amount, fee, orderID, platOrderID, remark, reverse, sign, status int

	amountValue, feeValue decimalText

	quotedNumber   bool // amount, fee or status is a JSON string
	numericReverse bool // reverse is 0 or 1
	javaDouble     bool // amount or fee has an exponent
	freeRemark     bool // remark holds &name=
}

// CheckCallback checks everything about a callback but its signature: names,
// required fields, types and that no other callback can share its signed text
// (gateway page, verification rules 1, 2 and 4). The error is a
// [*MalformedError].
func CheckCallback(p Params, policy Policy) error {
	_, err := inspect(p, policy)
	return err
}

// field is one documented field of a callback: where shape keeps its index,
// whether it must be there, and how its value is checked.
type field struct {
	name     string
	index    func(*shape) *int
	required bool
	check    func(s *shape, p *Param, policy Policy) error
}

// callbackFields is the documented callback (API document, section 6), in the
// order in which a person would look for what is missing.
var callbackFields = [...]field{
	{fieldOrderID, func(s *shape) *int { return &s.orderID }, true, checkID},
	{fieldPlatOrderID, func(s *shape) *int { return &s.platOrderID }, true, checkID},
	{fieldAmount, func(s *shape) *int { return &s.amount }, true, checkNumber},
	{fieldStatus, func(s *shape) *int { return &s.status }, true, checkStatus},
	{fieldSign, func(s *shape) *int { return &s.sign }, true, checkSign},
	{fieldReverse, func(s *shape) *int { return &s.reverse }, false, checkReverse},
	{fieldFee, func(s *shape) *int { return &s.fee }, false, checkNumber},
	{fieldRemark, func(s *shape) *int { return &s.remark }, false, checkRemark},
}

func inspect(p Params, policy Policy) (shape, error) {
	var s shape
	if err := checkNames(p); err != nil {
		return s, err
	}
	for i := range callbackFields {
		f := &callbackFields[i]
		at := f.index(&s)
		*at = p.index(f.name)
		if *at >= 0 && (p[*at].Kind == KindNull || p[*at].Value == "") {
			*at = -1
		}
		if *at < 0 {
			if f.required {
				return s, malformed(ReasonMissingField, f.name, "is missing")
			}
			continue
		}
		if err := f.check(&s, &p[*at], policy); err != nil {
			return s, err
		}
	}
	return s, checkAmbiguity(p, &s)
}

// checkNames repeats the parsers' checks, since a list may be made by hand,
// and refuses a documented field in other case: it would be signed as an
// unknown field while the documented one seems absent.
func checkNames(p Params) error {
	for i := range p {
		if err := checkName(p[:i], p[i].Name, ReasonDuplicateName); err != nil {
			return err
		}
		for f := range callbackFields {
			if known := callbackFields[f].name; p[i].Name != known && equalFold(p[i].Name, known) {
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
		if !holdsAssignment(p[i].Value) {
			continue
		}
		if i != s.remark {
			return malformed(ReasonAmbiguous, p[i].Name, "holds & followed by a name and =, so its signature could belong to another callback")
		}
		s.freeRemark = true
	}
	if s.freeRemark && (s.reverse < 0 || s.fee < 0) {
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

func checkID(_ *shape, p *Param, _ Policy) error {
	if p.Kind != KindString {
		return malformed(ReasonWrongType, p.Name, "must be a string, not a "+p.Kind.String())
	}
	ok := len(p.Value) <= maxID
	for i := range len(p.Value) {
		ok = ok && '!' <= p.Value[i] && p.Value[i] <= '~' && p.Value[i] != '&'
	}
	if !ok {
		return malformed(ReasonWrongType, p.Name, "must be 1 to 64 printable ASCII characters without white space or &")
	}
	return nil
}

func checkNumber(s *shape, p *Param, policy Policy) error {
	if p.Kind == KindBool {
		return malformed(ReasonWrongType, p.Name, "must be a number, not a boolean")
	}
	value, ok := parsePlain(p.Value)
	if !ok && policy.JavaDouble {
		value, ok = parseExponent(p.Value)
		s.javaDouble = s.javaDouble || ok
	}
	if !ok {
		return malformed(ReasonWrongType, p.Name,
			"must be a plain decimal of at most 15 integer and 4 fraction digits, without sign, exponent or leading zero")
	}
	if p.Name == fieldAmount {
		s.amountValue = value
	} else {
		s.feeValue = value
	}
	s.noteQuoted(p)
	return nil
}

func checkStatus(s *shape, p *Param, _ Policy) error {
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

func checkReverse(s *shape, p *Param, policy Policy) error {
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

func checkRemark(_ *shape, p *Param, _ Policy) error {
	if p.Kind != KindString {
		return malformed(ReasonWrongType, p.Name, "must be a string, not a "+p.Kind.String())
	}
	return nil
}

func checkSign(_ *shape, p *Param, _ Policy) error {
	if p.Kind != KindString {
		return malformed(ReasonWrongType, p.Name, "must be a string, not a "+p.Kind.String())
	}
	if _, _, ok := decodeSign(p.Value); !ok {
		return malformed(ReasonBadSignFormat, p.Name, "must be 32 hex digits")
	}
	return nil
}
