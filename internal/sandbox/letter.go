package sandbox

import (
	"crypto/md5"
	"encoding/hex"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/govalues/decimal"

	"github.com/settlehook/settlehook/pkg/sign"
)

// PushEdit changes an order's callbacks on their way out, for tests.
type PushEdit struct {
	// Fields replaces the fields before they are signed: a lie that is signed
	// well. nil leaves them.
	Fields func(sign.Params) sign.Params
	// Body replaces the signed body: a forgery, or a damaged one. nil leaves it.
	Body func([]byte) []byte
}

// OverridePush edits all pushes of one order from now on; the zero PushEdit
// ends that. The order need not exist yet.
func (s *Server) OverridePush(merchant, orderID string, edit PushEdit) {
	s.hooks.setPush(key{merchant, orderID}, edit)
}

// letter is one callback as it goes out, and what is odd about its writing.
type letter struct {
	body        []byte
	contentType string
	mischief    []Mischief
}

const (
	typeJSON = "application/json"
	typeForm = "application/x-www-form-urlencoded"
)

// marked reports whether the order's callbacks say reverse.
func (o Order) marked() bool { return o.Reversed && !o.Unmarked }

// callbackFields are the fields of the order's callback, in the document's
// order, with amounts as their text.
func callbackFields(order Order) sign.Params {
	return sign.Params{
		{Name: "platOrderId", Value: order.PlatOrderID, Kind: sign.KindString},
		{Name: "orderId", Value: order.OrderID, Kind: sign.KindString},
		{Name: paramAmount, Value: order.Shown().String(), Kind: sign.KindNumber},
		{Name: "status", Value: strconv.Itoa(int(order.Status)), Kind: sign.KindNumber},
		{Name: "reverse", Value: strconv.FormatBool(order.marked()), Kind: sign.KindBool},
		{Name: "remark", Value: order.Remark, Kind: sign.KindString},
		{Name: "fee", Value: order.Fee.String(), Kind: sign.KindNumber},
	}
}

// letter writes the order's callback, in the writing that is drawn for what is
// named.
func (s *Server) letter(order Order, what string) letter {
	return s.letterWith(order, what, callbackFields(order))
}

func (s *Server) letterWith(order Order, what string, fields sign.Params) letter {
	edit := s.hooks.push(key{order.Merchant, order.OrderID})
	if edit.Fields != nil {
		fields = edit.Fields(fields)
	}
	l := letter{contentType: typeJSON}
	odd := func(m Mischief) bool {
		if !s.imp.strikes(m, what) {
			return false
		}
		l.mischief = append(l.mischief, m)
		return true
	}
	if odd(PushExtra) {
		fields = append(fields, sign.Param{Name: "utr", Value: order.UTR}, sign.Param{Name: "payTime", Value: "1795392000", Kind: sign.KindNumber})
	}
	signed := fields
	if odd(PushNumbers) {
		fields, signed = inDialect(fields, s.imp.pick("numbers/"+what, 4))
	}
	secret := s.merchants[order.Merchant].ring.SigningKey().Secret
	signature := sign.Sign(signed, secret)
	if order.Remark == "" && odd(PushEmptyKept) {
		signature = signKeepingEmpty(signed, secret)
	}
	if odd(PushUppercase) {
		signature = strings.ToUpper(signature)
	}
	all := append(slices.Clone(fields), sign.Param{Name: "sign", Value: signature, Kind: sign.KindString})
	switch {
	case odd(PushForm):
		l.body, l.contentType = formBody(all), typeForm
	case odd(PushBOM):
		l.body = append([]byte("\xef\xbb\xbf"), all.JSON()...)
	default:
		l.body = all.JSON()
	}
	if edit.Body != nil {
		l.body = edit.Body(l.body)
	}
	return l
}

func formBody(fields sign.Params) []byte {
	form := url.Values{}
	for _, f := range fields {
		form.Set(f.Name, f.Value)
	}
	return []byte(form.Encode())
}

// inDialect returns the fields as they are sent and as they are signed, in the
// n-th dialect of numbers (gateway page, verification rule 5).
func inDialect(fields sign.Params, n int) (sent, signed sign.Params) {
	if n == 3 { // sent as strings
		return rewrite(fields, func(p sign.Param) sign.Param {
			p.Kind = sign.KindString
			return p
		}), fields
	}
	// Signed minimal, with one decimal at least, or with two.
	return fields, rewrite(fields, func(p sign.Param) sign.Param {
		// What is no decimal is a test's own doing, and stays.
		if d, err := decimal.Parse(p.Value); err == nil {
			p.Value = d.Trim(0).Pad(n).String()
		}
		return p
	})
}

// rewrite changes amount and fee.
func rewrite(fields sign.Params, change func(sign.Param) sign.Param) sign.Params {
	changed := slices.Clone(fields)
	for i, p := range changed {
		if p.Name == paramAmount || p.Name == "fee" {
			changed[i] = change(p)
		}
	}
	return changed
}

// signKeepingEmpty signs as senders do that drop null only: "" is signed as
// name=.
func signKeepingEmpty(fields sign.Params, secret sign.Secret) string {
	pairs := make([]string, 0, len(fields)+1)
	for _, p := range fields {
		pairs = append(pairs, p.Name+"="+p.Value)
	}
	slices.Sort(pairs)
	sum := md5.Sum([]byte(strings.Join(append(pairs, "key="+string(secret)), "&")))
	return hex.EncodeToString(sum[:])
}
