package gateway

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"go.uber.org/zap/zapcore"
)

const redacted = "[redacted]"

// private reports whether a parameter's value must not be shown: the sign, what
// is about a person, and the page a payer returns to, whose address often names
// a session.
func (f field) private() bool {
	switch f.name {
	case "sign", fieldBankAccount, fieldCustomName, fieldRemark, fieldNumber, fieldEmail, fieldCallbackURL:
		return true
	}
	return false
}

// shown is the value as it may be shown.
func (f field) shown() string {
	if f.private() {
		return redacted
	}
	return f.value
}

// leastPrivate is the shortest value looked for in the gateway's texts; shorter
// ones are in every sentence.
const leastPrivate = 4

// withoutPrivate redacts what a gateway's text quotes of the request, and of
// what it was signed with: refusals like "account 0123456789 is closed" go into
// errors, and so into logs. A value is found in another case, with other
// punctuation between its letters and digits, and URL-encoded.
func (c *Client) withoutPrivate(text string, sent []field) string {
	if len(text) < leastPrivate {
		return text
	}
	var values []string
	for _, k := range c.keyring.Keys() {
		values = append(values, string(k.Secret))
	}
	for _, f := range sent {
		if f.private() {
			values = append(values, f.value)
		}
	}
	// The longest first: an address holds a name.
	slices.SortFunc(values, func(a, b string) int { return len(b) - len(a) })
	for _, v := range values {
		for _, form := range []string{v, url.QueryEscape(v)} {
			if quoted := loosely(form); quoted != nil {
				text = quoted.ReplaceAllString(text, redacted)
			}
		}
	}
	return text
}

// loosely matches a value however it is punctuated; nil for one that is too
// short.
func loosely(value string) *regexp.Regexp {
	const punctuation = ` .\-/()+`
	var runes []string
	for _, r := range value {
		if !strings.ContainsRune(" .-/()+", r) {
			runes = append(runes, regexp.QuoteMeta(string(r)))
		}
	}
	if len(runes) < leastPrivate {
		return nil
	}
	return regexp.MustCompile(`(?i)` + strings.Join(runes, `[`+punctuation+`]*`))
}

// shownFields is a list of parameters on its way into a log.
type shownFields []field

// MarshalLogObject implements zapcore.ObjectMarshaler.
func (fs shownFields) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	for _, f := range fs {
		enc.AddString(f.name, f.shown())
	}
	return nil
}

func (fs shownFields) text(typeName string) string {
	var b strings.Builder
	b.WriteString(typeName + "{")
	for i, f := range fs {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(f.name + ":" + f.shown())
	}
	b.WriteByte('}')
	return b.String()
}

func (fs shownFields) slog() slog.Value {
	attrs := make([]slog.Attr, 0, len(fs))
	for _, f := range fs {
		attrs = append(attrs, slog.String(f.name, f.shown()))
	}
	return slog.GroupValue(attrs...)
}

// ErrPrivate is returned by the marshalling of an order of [Client.CreateCollect]
// or [Client.CreatePay]: it holds what is about a person. Store a type of your
// own.
var ErrPrivate = errors.New("orders of pkg/gateway hold personal data and are not marshalled: store a type of your own")

// String returns the order without what is about a person.
func (o CollectOrder) String() string { return shownFields(o.fields()).text("CollectOrder") }

// GoString is String.
func (o CollectOrder) GoString() string { return o.String() }

// Format prints String whatever the verb: a wrong one such as %d would print
// the fields otherwise.
func (o CollectOrder) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, o.String()) }

// MarshalLogObject implements zapcore.ObjectMarshaler.
func (o CollectOrder) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	return shownFields(o.fields()).MarshalLogObject(enc)
}

// LogValue implements slog.LogValuer.
func (o CollectOrder) LogValue() slog.Value { return shownFields(o.fields()).slog() }

// MarshalJSON fails with [ErrPrivate], so that neither a log nor a store holds
// an order by accident.
func (o CollectOrder) MarshalJSON() ([]byte, error) { return nil, ErrPrivate }

// MarshalYAML fails with [ErrPrivate].
func (o CollectOrder) MarshalYAML() (any, error) { return nil, ErrPrivate }

// String returns the order without what is about a person.
func (o PayOrder) String() string { return shownFields(o.fields()).text("PayOrder") }

// GoString is String.
func (o PayOrder) GoString() string { return o.String() }

// Format prints String whatever the verb: a wrong one such as %d would print
// the fields otherwise.
func (o PayOrder) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, o.String()) }

// MarshalLogObject implements zapcore.ObjectMarshaler.
func (o PayOrder) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	return shownFields(o.fields()).MarshalLogObject(enc)
}

// LogValue implements slog.LogValuer.
func (o PayOrder) LogValue() slog.Value { return shownFields(o.fields()).slog() }

// MarshalJSON fails with [ErrPrivate], so that neither a log nor a store holds
// an order by accident.
func (o PayOrder) MarshalJSON() ([]byte, error) { return nil, ErrPrivate }

// MarshalYAML fails with [ErrPrivate].
func (o PayOrder) MarshalYAML() (any, error) { return nil, ErrPrivate }
