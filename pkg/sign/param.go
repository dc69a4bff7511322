package sign

import (
	"slices"
	"strings"
)

// Kind is the JSON type of a parameter's value.
type Kind uint8

// The kinds of a value. Form values are KindString.
const (
	KindString Kind = iota
	KindNumber
	KindBool
	KindNull
)

// String names the kind as JSON does.
func (k Kind) String() string {
	switch k {
	case KindString:
		return "string"
	case KindNumber:
		return "number"
	case KindBool:
		return "boolean"
	case KindNull:
		return "null"
	default:
		return "unknown"
	}
}

// Param is one parameter of a request or callback.
type Param struct {
	Name string
	// Value is the unescaped text of a string, the raw token of a number or
	// boolean, and "" for null. It is the text that is signed.
	Value string
	Kind  Kind

	// form marks a value of a form body: there everything is text, so a number
	// or boolean sent as text is the norm and not a dialect.
	form bool
}

// signable reports whether the parameter belongs into the canonical string:
// everything but sign, null and "" (gateway page, verification rule 3).
func (p *Param) signable() bool {
	return p.Kind != KindNull && p.Value != "" && p.Name != fieldSign
}

// Params is a list of parameters in the order received.
type Params []Param

// Get returns the parameter of exactly this name.
func (p Params) Get(name string) (Param, bool) {
	if i := p.index(name); i >= 0 {
		return p[i], true
	}
	return Param{}, false
}

func (p Params) index(name string) int {
	for i := range p {
		if p[i].Name == name {
			return i
		}
	}
	return -1
}

// Canonical returns the text that is signed, without the key: all parameters
// except sign, null and empty strings, sorted by the bytes of their names, as
// name=value joined with & (gateway page, verification rule 3).
func (p Params) Canonical() string {
	var order [MaxFields]int
	return string(p.appendCanonical(nil, p.sorted(order[:0])))
}

// Redacted returns the signed text for people to compare with what another
// implementation signed: Canonical, with the key's place kept and its secret
// replaced.
func (p Params) Redacted() string {
	return p.Canonical() + keyPrefix + redacted
}

// sorted appends to order the indices of p by the bytes of the names. Equal
// names, which no parsed list has, keep the order received.
func (p Params) sorted(order []int) []int {
	for i := range p {
		order = append(order, i)
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return strings.Compare(p[a].Name, p[b].Name)
	})
	return order
}

func (p Params) appendCanonical(dst []byte, order []int) []byte {
	start := len(dst)
	for _, i := range order {
		if p[i].signable() {
			dst = appendPair(dst, start, p[i].Name, p[i].Value)
		}
	}
	return dst
}

// appendPair appends name=value to the canonical string that begins at start.
func appendPair(dst []byte, start int, name, value string) []byte {
	if len(dst) > start {
		dst = append(dst, '&')
	}
	dst = append(dst, name...)
	dst = append(dst, '=')
	return append(dst, value...)
}
