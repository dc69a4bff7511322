package eventstest

import (
	"slices"
	"strings"

	"github.com/settlehook/settlehook/pkg/events"
)

// wanted reports whether a subject fits one of the filters; without any, all do.
func wanted(filters []string, subject string) bool {
	return len(filters) == 0 || slices.ContainsFunc(filters, func(f string) bool { return fits(f, subject) })
}

// fits matches as NATS does: * is one token, > is one or more at the end.
func fits(filter, subject string) bool {
	have := strings.Split(subject, ".")
	want := strings.Split(filter, ".")
	for i, token := range want {
		switch {
		case i >= len(have):
			return false
		case token == ">":
			return true
		case token != "*" && token != have[i]:
			return false
		}
	}
	return len(have) == len(want)
}

// orderOf names the order of a subject, the same in both flows; what is no
// event's subject stands for itself.
func orderOf(subject string) string {
	parts, err := events.ParseSubject(subject)
	if err != nil {
		return subject
	}
	return events.EscapeToken(parts.Merchant) + "." + events.EscapeToken(parts.OrderID)
}
