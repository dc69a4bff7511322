package tail

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/fatih/color"

	"github.com/settlehook/settlehook/internal/plain"
	"github.com/settlehook/settlehook/pkg/events"
)

// paints are the colours of what a person looks for.
var paints = map[string]*color.Color{
	string(events.OutcomeSettled):  paint(color.FgGreen),
	string(events.OutcomeFailed):   paint(color.FgRed),
	string(events.OutcomeReversed): paint(color.FgMagenta),
	string(events.OutcomeExpired):  paint(color.FgHiBlack),
	string(events.OutcomeReview):   paint(color.FgYellow, color.Bold),
	string(events.OutcomeResolved): paint(color.FgCyan),
	kindCallback:                   paint(color.FgHiBlack),
	kindParked:                     paint(color.FgYellow),
	kindRefused:                    paint(color.FgRed),
}

// paint is a colour that is used when Options say so, not when the library finds
// a terminal.
func paint(attributes ...color.Attribute) *color.Color {
	c := color.New(attributes...)
	c.EnableColor()
	return c
}

// text is a line for a person, safe from what outsiders wrote.
func (e entry) text(colored bool) string {
	at := e.At.UTC().Format(time.TimeOnly) + "  "
	if e.Kind == kindUnreadable {
		return at + plain.Line("? "+e.Subject+": "+e.Error)
	}
	begin := fmt.Sprintf("%s %-10s", e.mark, e.what)
	if c := paints[e.what]; colored && c != nil {
		begin = c.Sprint(begin)
	}
	rest := fmt.Sprintf(" %-8s %-7s %-26s %s", e.Merchant, e.Flow, e.OrderID, e.detail)
	if e.detail == "" {
		rest = strings.TrimSuffix(rest, " ")
	}
	return at + begin + plain.Line(rest)
}

// json is an object on one line: an event as it is stored, or what is known of
// another message.
func (e entry) json() string {
	var b bytes.Buffer
	if e.event == nil || json.Compact(&b, e.event) != nil {
		b.Reset()
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		_ = enc.Encode(e) // what an entry holds always can be
	}
	return plain.JSON(bytes.TrimSpace(b.Bytes()))
}
