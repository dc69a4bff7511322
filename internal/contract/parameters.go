package contract

import "github.com/settlehook/settlehook/pkg/events"

const escaping = " Every byte outside [A-Za-z0-9_-] is written as % and two uppercase hex digits: A.17 is A%2E17."

// parameters are the tokens of the subjects. AsyncAPI has no place for the
// pattern of one, so that stands in an extension.
func parameters() object {
	const written = "^([A-Za-z0-9_-]|%[0-9A-F]{2})+$"
	flows := []string{string(events.FlowCollect), string(events.FlowPay)}
	return object{
		"flow":              about("collect: a payer pays the merchant; pay: the merchant pays out.", object{"enum": flows}),
		"flowOrUnknown":     about("The flow, or _unknown where it is not one of them.", object{"enum": append(flows, events.UnknownToken)}),
		"merchant":          about("The merchant's id in settlehook's configuration."+escaping, object{"examples": []string{"m1001"}, "x-pattern": written}),
		"merchantOrUnknown": about("The merchant's id in settlehook's configuration, or _unknown where none is configured."+escaping, object{"examples": []string{"m1001", events.UnknownToken}, "x-pattern": written}),
		"order":             about("The merchant's order id."+escaping+" The event carries the id as it is.", object{"examples": []string{"A1", events.EscapeToken("A.17")}, "x-pattern": written}),
		"case":              about("The case of a review, by what the parties said: <reason>-<hash8>.", object{"examples": []string{"amount_mismatch-ea06e5c8"}, "x-pattern": "^[a-z][a-z0-9_]{0,47}-[0-9a-f]{8}$"}),
	}
}
