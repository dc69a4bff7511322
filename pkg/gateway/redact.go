package gateway

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
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

// withoutPersonal redacts what a gateway's text quotes of the request: refusals
// like "account 0123456789 is closed" go into errors, and so into logs.
func withoutPersonal(text string, sent []field) string {
	for _, f := range sent {
		if f.private() && len(f.value) >= leastPrivate {
			text = strings.ReplaceAll(text, f.value, redacted)
		}
	}
	return text
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

func (fs shownFields) json() ([]byte, error) {
	values := make(map[string]string, len(fs))
	for _, f := range fs {
		values[f.name] = f.shown()
	}
	return json.Marshal(values)
}

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

// MarshalJSON writes the order as it is logged, for loggers that fall back on
// JSON. A create refuses an order read back from it.
func (o CollectOrder) MarshalJSON() ([]byte, error) { return shownFields(o.fields()).json() }

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

// MarshalJSON writes the order as it is logged, for loggers that fall back on
// JSON. A create refuses an order read back from it.
func (o PayOrder) MarshalJSON() ([]byte, error) { return shownFields(o.fields()).json() }
