package contract

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What is published stays as it is: a change of it that breaks somebody is
// refused here, until it gets a version of its own.
func TestPublishedContractHolds(t *testing.T) {
	broken, err := Breaking(read(t, "docs", "contract", "v1", "asyncapi.json"), asyncAPI(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range broken {
		t.Errorf("it breaks what is published: %s", b)
	}
}

// edit changes a document at a path.
type edit func(t *testing.T, d object)

// within returns the object at a path of names, which are parted by slashes, or
// where names have slashes by spaces.
func within(t *testing.T, d object, path string) object {
	t.Helper()
	by := "/"
	if strings.Contains(path, " ") {
		by = " "
	}
	for _, name := range strings.Split(path, by) {
		next, is := d[name].(object)
		if !is {
			t.Fatalf("there is no %s of %s", name, path)
		}
		d = next
	}
	return d
}

func set(path, name string, value any) edit {
	return func(t *testing.T, d object) { within(t, d, path)[name] = value }
}

func drop(path, name string) edit {
	return func(t *testing.T, d object) {
		o := within(t, d, path)
		if _, there := o[name]; !there {
			t.Fatalf("%s has no %s", path, name)
		}
		delete(o, name)
	}
}

func rename(path, from, to string) edit {
	return func(t *testing.T, d object) {
		o := within(t, d, path)
		o[to] = o[from]
		drop(path, from)(t, d)
	}
}

// without takes a value out of a list, with puts one in.
func without(path, list, value string) edit {
	return func(t *testing.T, d object) {
		o, left := within(t, d, path), []any{}
		for _, v := range o[list].([]any) {
			if v != value {
				left = append(left, v)
			}
		}
		if len(left) == len(o[list].([]any)) {
			t.Fatalf("%s of %s has no %s", list, path, value)
		}
		o[list] = left
	}
}

func with(path, list, value string) edit {
	return func(t *testing.T, d object) {
		o := within(t, d, path)
		o[list] = append(o[list].([]any), value)
	}
}

// Places in the document.
const (
	inPayment = "components/schemas/payment"
	inSettled = "components/schemas/settlehook.payment.settled.v1"
	inOrder   = "components/schemas/settlehook.order.submitted.v1"
	inEvent   = "components/schemas/settlehook.payment.settled.v1.event"
	inParked  = "components/messages/parkedCallback/headers"
)

var breakingChanges = map[string]struct {
	change edit
	want   string // in one of the lines
}{
	"channel removed":              {drop("channels", "paymentExpired"), "payments.v1.expired.{flow}.{merchant}.{order}: the channel is gone"},
	"subject changed":              {set("channels/paymentSettled", "address", "payments.v1.paid.{flow}.{merchant}.{order}"), "payments.v1.settled.{flow}.{merchant}.{order}: the channel is gone"},
	"stream changed":               {set("channels/paymentSettled/x-jetstream", "stream", "LEDGER"), "it was in the stream PAYMENTS, and is in LEDGER"},
	"direction changed":            {set("operations/sendPaymentSettled", "action", "receive"), `settlehook did "send", and now does "receive"`},
	"operation removed":            {drop("operations", "sendPaymentSettled"), `settlehook did "send", and now does ""`},
	"message removed":              {drop("channels/paymentSettled/messages", "paymentSettled"), "settlehook.payment.settled.v1: the message is gone"},
	"message added":                {set("channels/paymentSettled/messages", "another", object{"$ref": "#/components/messages/paymentFailed"}), "the message is new on a channel that is published"},
	"type of an event changed":     {set("components/messages/paymentSettled", "name", "settlehook.payment.paid.v1"), "settlehook.payment.settled.v1: the message is gone"},
	"content type changed":         {set("components/messages/paymentSettled", "contentType", "application/json"), "its content type was application/cloudevents+json, and is application/json"},
	"parameter removed":            {drop("channels/paymentSettled/parameters", "flow"), "{flow}: the value collect is gone"},
	"parameter's values":           {with("components/parameters/flow", "enum", "refund"), "{flow}: the value refund is new"},
	"parameter's escaping":         {set("components/parameters/order", "x-pattern", "^.+$"), "{order}: its pattern was"},
	"field removed":                {drop(inPayment+"/properties", "utr"), "data utr: it is gone"},
	"field renamed":                {rename(inPayment+"/properties", "utr", "bankReference"), "data utr: it is gone"},
	"field retyped":                {set("components/schemas/amount", "type", "number"), `amount: type was "string", and is "number"`},
	"field's type dropped":         {drop("components/schemas/amount", "type"), `data amount: type "string" is gone`},
	"field of a field removed":     {drop("components/schemas/query/properties", "utr"), "data evidence query utr: it is gone"},
	"field no longer required":     {without(inPayment, "required", "currency"), "data currency: it was always there, and may be absent now"},
	"envelope's field optional":    {without(inEvent, "required", "id"), "v1 id: it was always there, and may be absent now"},
	"type's own field optional":    {without(inSettled, "required", "amount"), "data amount: it was always there, and may be absent now"},
	"reference moved":              {set(inPayment+"/properties", "currency", object{"$ref": "#/components/schemas/merchant"}), "data currency: pattern was"},
	"value of an enum removed":     {without(inPayment+"/properties/via", "enum", "sweep"), "data via: the value sweep is gone"},
	"value of an enum added":       {with(inPayment+"/properties/via", "enum", "bank"), "data via: the value bank is new, and readers switch on the others"},
	"enum opened":                  {drop(inPayment+"/properties/via", "enum"), "data via: enum"},
	"pattern loosened":             {set("components/schemas/amount", "pattern", "^.*$"), "data amount: pattern was"},
	"pattern tightened":            {set("components/schemas/orderId", "pattern", "^[A-Z]+$"), "data orderId: pattern was"},
	"pattern dropped":              {drop("components/schemas/currency", "pattern"), "data currency: pattern"},
	"format changed":               {set(inPayment+"/properties/bookingDate", "format", "date-time"), `data bookingDate: format was "date", and is "date-time"`},
	"format dropped":               {drop(inEvent+"/properties/time", "format"), `v1 time: format "date-time" is gone`},
	"bound raised":                 {set("components/schemas/remark", "maxLength", json.Number("4096")), "data remark: maxLength was 256, and is 4096"},
	"bound lowered":                {set("components/schemas/utr", "minLength", json.Number("0")), "data utr: minLength was 1, and is 0"},
	"type const changed":           {set(inEvent+"/properties/type", "const", "settlehook.payment.settled.v2"), "v1 type: const was"},
	"outcome const dropped":        {drop(inSettled+"/properties/outcome", "const"), "data outcome: const"},
	"condition changed":            {set(inSettled+"/then/properties/direction", "const", "debit"), "data: then was"},
	"condition dropped":            {drop(inSettled, "else"), "data: else"},
	"header removed":               {drop(inParked+"/properties", "Settlehook-Subject"), "header Settlehook-Subject: it is gone"},
	"header optional":              {without(inParked, "required", "Settlehook-Subject"), "header Settlehook-Subject: it was always there"},
	"header's pattern":             {set(inParked+"/properties/Settlehook-Sequence", "pattern", "^.*$"), "header Settlehook-Sequence: pattern was"},
	"content type header":          {set("components/messages/paymentSettled/headers/properties/Content-Type", "const", "application/json"), "header Content-Type: const was"},
	"publishers: field required":   {with(inOrder, "required", "email"), "data email: publishers that did not send it are refused now"},
	"publishers: amount tightened": {set(inOrder+"/properties/amount", "minLength", json.Number("4")), "data amount: minLength 4 refuses publishers"},
	"publishers: header required":  {with("components/messages/orderSubmitted/headers", "required", "Settlehook-Attempt"), "header Settlehook-Attempt: publishers that did not send it"},
}

var harmlessChanges = map[string]edit{
	"nothing":             func(*testing.T, object) {},
	"words":               set(inPayment+"/properties/utr", "description", "The reference."),
	"field added":         set(inPayment+"/properties", "bank", object{"type": "string"}),
	"field now required":  with(inPayment, "required", "utr"),
	"pattern where none":  set("components/schemas/utr", "pattern", "^[A-Z0-9]+$"),
	"bound tightened":     set("components/schemas/remark", "maxLength", json.Number("200")),
	"header added":        set(inParked+"/properties", "Settlehook-Region", object{"type": "string"}),
	"order's field added": set(inOrder+"/properties", "note", object{"type": "string"}),
	"channel added":       set("channels", "paymentSettled2", object{"address": "payments.v2.settled.{flow}", "messages": object{}}),
	"version":             set("info", "version", "1.1.0"),
	"an outcome's type": func(t *testing.T, d object) {
		// One more outcome is one more channel; the types of the others stay.
		with(inPayment+"/properties/outcome", "enum", "refunded")(t, d)
	},
	"channel's name": func(t *testing.T, d object) {
		rename("channels", "paymentSettled", "settled")(t, d)
		set("operations/sendPaymentSettled/channel", "$ref", "#/channels/settled")(t, d)
	},
	"schema split": func(t *testing.T, d object) {
		schemas := within(t, d, "components/schemas")
		schemas["anyText"] = object{"allOf": []any{schemas["utr"]}}
		schemas["utr"] = object{"$ref": "#/components/schemas/anyText"}
	},
}

func changed(t *testing.T, change edit) []byte {
	t.Helper()
	v, err := decode(asyncAPI(t))
	if err != nil {
		t.Fatal(err)
	}
	change(t, v.(object))
	text, err := marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestBreakingChangesAreRefused(t *testing.T) {
	for name, test := range breakingChanges {
		t.Run(name, func(t *testing.T) {
			broken, err := Breaking(asyncAPI(t), changed(t, test.change))
			if err != nil {
				t.Fatal(err)
			}
			if lines := strings.Join(broken, "\n"); !strings.Contains(lines, test.want) {
				t.Errorf("found %q, want a line with %q", lines, test.want)
			}
		})
	}
}

func TestHarmlessChangesAreTaken(t *testing.T) {
	for name, change := range harmlessChanges {
		t.Run(name, func(t *testing.T) {
			broken, err := Breaking(asyncAPI(t), changed(t, change))
			if diff := cmp.Diff([]string(nil), broken); diff != "" || err != nil {
				t.Error(diff, err)
			}
		})
	}
}

func TestBreakingNeedsDocuments(t *testing.T) {
	for _, bad := range []string{"", "{", "[]", "{}", `{"channels": 1}`} {
		if _, err := Breaking([]byte(bad), asyncAPI(t)); err == nil {
			t.Errorf("%q is taken for the published contract", bad)
		}
		if _, err := Breaking(asyncAPI(t), []byte(bad)); err == nil {
			t.Errorf("%q is taken for the contract", bad)
		}
	}
}
