package sign

import (
	"crypto/md5"
	"crypto/subtle"
)

// Verified is a callback whose signature one of the merchant's keys gives.
type Verified struct {
	// KeyID is the id of the key that matched.
	KeyID string
	// Dialects are the ways in which body or signed text differ from the plain
	// form, nil if none.
	Dialects []Dialect
	// Params is the callback as received, its sign included.
	Params Params
	// Fields are the documented ones among them.
	Fields Fields
}

// VerifyCallback checks a callback by rules 1 to 5 of the gateway page. It
// returns a [*MalformedError] for a callback that is refused whatever its
// signature (see [CheckCallback]) and a [*SignatureError] when no key gives
// its signature.
//
// The plain text is tried with every key first. Then, with every key, the
// bounded set of other renderings that the body and the policy allow: amount
// and fee as sent, minimal, with one decimal, with two, or as Java doubles;
// with empty strings dropped or kept, or zeros dropped; with reverse as sent or
// as 0 or 1. That is at most 30 texts a key.
func (k *Keyring) VerifyCallback(p Params, policy Policy) (Verified, error) {
	s, err := inspect(p, policy)
	if err != nil {
		return Verified{}, err
	}
	var indices [MaxFields]int
	var stack [stackBuffer]byte
	order := s.sorted(p, indices[:0])
	if id, ok := k.match(p.appendCanonical(stack[:0], order), s.sum); ok {
		return Verified{KeyID: id, Dialects: s.dialects(rendering{}), Params: p, Fields: s.texts(p)}, nil
	}
	for _, r := range s.renderings(p, policy) {
		if id, ok := k.match(r.append(stack[:0], p, order, &s), s.sum); ok {
			return Verified{KeyID: id, Dialects: s.dialects(r), Params: p, Fields: s.texts(p)}, nil
		}
	}
	return Verified{}, &SignatureError{Reason: ReasonBadSignature, KeyIDs: k.ids()}
}

// sorted appends the indices of p in the order in which it is signed. That of the
// documented fields is known, so where there are no others nothing is sorted; what
// has no text to sign is then left out, which an empty string may have.
func (s *shape) sorted(p Params, order []int) []int {
	if !s.documented || hasEmpty(p) {
		return p.sorted(order)
	}
	for f := range s.at {
		if s.at[f] >= 0 {
			order = append(order, int(s.at[f]))
		}
	}
	return order
}

// match returns the id of the key that signs the canonical text like this.
func (k *Keyring) match(text []byte, want [md5.Size]byte) (string, bool) {
	for i := range k.keys {
		sum := sumWithKey(text, k.keys[i].Secret)
		if subtle.ConstantTimeCompare(sum[:], want[:]) == 1 {
			return k.keys[i].ID, true
		}
	}
	return "", false
}

// decodeSign reads 32 hex digits of either case and reports whether one was an
// uppercase letter.
func decodeSign(s string) (sum [md5.Size]byte, upper, ok bool) {
	if len(s) != 2*md5.Size {
		return sum, false, false
	}
	for i := range sum {
		high, low := s[2*i], s[2*i+1]
		a, b := hexDigits[high], hexDigits[low]
		if (a|b)&notHex != 0 {
			return sum, false, false
		}
		sum[i] = a<<4 | b
		upper = upper || isUpper(high) || isUpper(low)
	}
	return sum, upper, true
}

func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }

// rendering is one way of writing the signed text. The zero value is the plain
// one.
type rendering struct {
	numbers        Dialect // "" for as sent
	amount, fee    string  // their texts unless numbers is ""
	emptyKept      bool
	dropZero       bool
	numericReverse bool
}

// renderings lists what is tried after the plain text, the likely first. Those
// that would give a text listed before are left out.
func (s *shape) renderings(p Params, policy Policy) []rendering {
	empties := []rendering{{}}
	if hasEmpty(p) {
		empties = append(empties, rendering{emptyKept: true})
	}
	// With free text in remark every field must be signed in its own right, so
	// none may be dropped.
	if policy.DropZero && !s.freeRemark && s.hasZero(p) {
		empties = append(empties, rendering{dropZero: true})
	}
	numeric := []bool{false}
	if policy.NumericReverse && s.has(reverse) && !s.numericReverse {
		numeric = append(numeric, true)
	}
	var list []rendering
	for _, n := range numeric {
		for _, r := range empties {
			for _, t := range s.numberTexts(p, policy) {
				r.numbers, r.amount, r.fee = t.numbers, t.amount, t.fee
				r.numericReverse = n
				list = append(list, r)
			}
		}
	}
	return list[1:] // the plain one has been tried
}

// numberTexts lists the distinct writings of amount and fee, as sent first.
func (s *shape) numberTexts(p Params, policy Policy) []rendering {
	sent := rendering{amount: p[s.at[amount]].Value}
	if s.has(fee) {
		sent.fee = p[s.at[fee]].Value
	}
	list := []rendering{sent}
	add := func(r rendering) {
		if !s.has(fee) {
			r.fee = ""
		}
		for i := range list {
			if list[i].amount == r.amount && list[i].fee == r.fee {
				return
			}
		}
		list = append(list, r)
	}
	for decimals, dialect := range [...]Dialect{DialectNumberMinimal, DialectNumberOneDecimal, DialectNumberTwoDecimals} {
		add(rendering{numbers: dialect, amount: s.amountValue.render(decimals), fee: s.feeValue.render(decimals)})
	}
	if policy.JavaDouble {
		first, ok1 := s.amountValue.renderDouble()
		second, ok2 := s.feeValue.renderDouble()
		if ok1 && ok2 {
			add(rendering{numbers: DialectJavaDouble, amount: first, fee: second})
		}
	}
	return list
}

// append appends the canonical text in this rendering.
func (r *rendering) append(dst []byte, p Params, order []int, s *shape) []byte {
	start := len(dst)
	for _, i := range order {
		param := &p[i]
		empty := param.Kind == KindString && param.Value == "" && param.Name != fieldSign
		if !param.signable() && !(r.emptyKept && empty) {
			continue
		}
		if r.dropZero && s.isZero(p, i) {
			continue
		}
		dst = appendPair(dst, start, param.Name, r.text(p, i, s))
	}
	return dst
}

// text is the value of the parameter at i in this rendering.
func (r *rendering) text(p Params, i int, s *shape) string {
	switch {
	case s.is(i, amount) && r.numbers != "":
		return r.amount
	case s.is(i, fee) && r.numbers != "":
		return r.fee
	case s.is(i, reverse) && r.numericReverse && p[i].Value == "true":
		return "1"
	case s.is(i, reverse) && r.numericReverse:
		return "0"
	default:
		return p[i].Value
	}
}

// isZero reports whether a sender that drops zeros drops the parameter at i.
// The order ids are never dropped: what a callback is about must be signed.
func (s *shape) isZero(p Params, i int) bool {
	switch {
	case s.is(i, orderID), s.is(i, platOrderID):
		return false
	case s.is(i, amount):
		return s.amountValue.isZero()
	case s.is(i, fee):
		return s.feeValue.isZero()
	case s.is(i, reverse):
		return p[i].Value == "false" || p[i].Value == "0"
	}
	switch p[i].Kind {
	case KindBool:
		return p[i].Value == "false"
	case KindNumber:
		value, ok := parsePlain(p[i].Value)
		return ok && value.isZero()
	default:
		return p[i].Value == "0"
	}
}

func (s *shape) hasZero(p Params) bool {
	for i := range p {
		if p[i].signable() && s.isZero(p, i) {
			return true
		}
	}
	return false
}

// hasEmpty reports whether there is an empty string to keep.
func hasEmpty(p Params) bool {
	for i := range p {
		if p[i].Kind == KindString && p[i].Value == "" {
			return true
		}
	}
	return false
}

// dialects lists how the body and the rendering that matched differ from the
// plain form.
func (s *shape) dialects(r rendering) []Dialect {
	var list []Dialect
	add := func(found bool, d Dialect) {
		if found {
			list = append(list, d)
		}
	}
	add(s.upperHex, DialectUppercaseHex)
	add(s.quotedNumber, DialectQuotedNumber)
	add(r.emptyKept, DialectEmptyKept)
	add(r.numbers != "" && r.numbers != DialectJavaDouble, r.numbers)
	add(s.javaDouble || r.numbers == DialectJavaDouble, DialectJavaDouble)
	add(s.numericReverse || r.numericReverse, DialectReverseNumeric)
	add(r.dropZero, DialectDropZero)
	return list
}
