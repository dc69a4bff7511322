package events_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/settlehook/settlehook/pkg/events"
)

// compiled holds the schemas, each compiled alone: it must stand by itself.
var compiled = sync.OnceValue(func() map[string]*jsonschema.Schema {
	all := map[string]*jsonschema.Schema{}
	for uri, raw := range events.Schemas() {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		if err != nil {
			panic(err)
		}
		c := jsonschema.NewCompiler()
		c.AssertFormat()
		if err := c.AddResource(uri, doc); err != nil {
			panic(err)
		}
		all[uri] = c.MustCompile(uri)
	}
	return all
})

// validate holds an event's envelope and data to their schemas.
func validate(eventType string, wire []byte) error {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(wire))
	if err != nil {
		return err
	}
	if err := compiled()[events.EnvelopeSchemaURI].Validate(doc); err != nil {
		return fmt.Errorf("envelope: %w", err)
	}
	return compiled()[events.SchemaURI(eventType)].Validate(doc.(map[string]any)["data"])
}

func checkSchema(t fataler, eventType string, wire []byte) {
	t.Helper()
	if err := validate(eventType, wire); err != nil {
		t.Fatalf("schema of %s: %v\n%s", eventType, err, wire)
	}
}

func TestSchemaRefusesPlanted(t *testing.T) {
	for name, p := range plantedSettled {
		err := validate("settlehook.payment.settled.v1", []byte(p.in(t, settledWire(t))))
		if refused := err != nil; refused == p.open {
			t.Errorf("%s: refused %t, want %t (%v)", name, refused, !p.open, err)
		}
	}
}

// Each type's own rules, which plantedSettled does not reach.
func TestSchemaRefusesByType(t *testing.T) {
	for name, tc := range map[string]struct{ sample, old, new string }{
		"failed with net":       {"failed", `"direction":"none"`, `"direction":"none","net":"1.00"`},
		"failed credited":       {"failed", `"direction":"none"`, `"direction":"credit"`},
		"expired debited":       {"expired", `"direction":"none"`, `"direction":"debit"`},
		"reversed credit":       {"reversed", `"direction":"debit"`, `"direction":"credit"`},
		"reversed no amount":    {"reversed", `"amount":"1000.00","fee":"12.50","net"`, `"fee":"12.50","net"`},
		"payout credited":       {"settled-least", `"direction":"debit"`, `"direction":"credit"`},
		"review no case":        {"review", `"case":`, `"case0":`},
		"review case":           {"review", `"case":"amount_differs-`, `"case":"amount differs-`},
		"resolved by nobody":    {"resolved", `"by":"asha"`, `"by":""`},
		"resolved why":          {"resolved", `"why":"paid short, agreed with the payer"`, `"why":" "`},
		"resolves nothing":      {"resolved", `"resolves":`, `"resolves0":`},
		"resulting in nonsense": {"resolved", `"resultingEvent":"`, `"resultingEvent":"x`},
	} {
		e := must(t, samples()[tc.sample])
		wire := string(encode(t, e))
		bad := []byte(planted{old: tc.old, new: tc.new}.in(t, wire))
		if name == "resulting in nonsense" {
			bad = []byte(strings.Replace(wire, `"resultingEvent":"m1001/`, `"resultingEvent":"m1001 `, 1))
		}
		if err := validate(e.Type, bad); err == nil {
			t.Errorf("%s: the schema accepts it", name)
		}
		if _, err := events.Decode(bad); err == nil {
			t.Errorf("%s: Decode accepts it", name)
		}
	}
}

// schemaNode is the part of a schema that names fields.
type schemaNode struct {
	ID         string                     `json:"$id"`
	Ref        string                     `json:"$ref"`
	Required   []string                   `json:"required"`
	Properties map[string]json.RawMessage `json:"properties"`
	Defs       map[string]schemaNode      `json:"$defs"`
}

// names returns the properties and the required ones, those of $ref included.
func (n schemaNode) names(defs map[string]schemaNode) (all, required []string) {
	all, required = slices.Collect(maps.Keys(n.Properties)), n.Required
	if name, ok := strings.CutPrefix(n.Ref, "#/$defs/"); ok {
		moreAll, moreRequired := defs[name].names(defs)
		all, required = append(all, moreAll...), append(slices.Clone(required), moreRequired...)
	}
	slices.Sort(all)
	slices.Sort(required)
	return slices.Compact(all), slices.Compact(required)
}

// tags returns the json names of a struct and those that are always written.
func tags(v any) (all, required []string) {
	for _, f := range reflect.VisibleFields(reflect.TypeOf(v)) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous {
			continue
		}
		all = append(all, name)
		if options == "" {
			required = append(required, name)
		}
	}
	slices.Sort(all)
	slices.Sort(required)
	return all, required
}

// The schemas name exactly the fields of the Go types, and require at least
// those the Go types always write.
func TestSchemasNameTheFields(t *testing.T) {
	// What a type requires beyond the tags, by its own rules.
	extra := map[string][]string{
		events.Type(events.OutcomeSettled): {"amount", "match"}, events.Type(events.OutcomeReversed): {"amount"},
	}
	for eventType, v := range map[string]any{
		events.Type(events.OutcomeSettled):  events.Settled{},
		events.Type(events.OutcomeFailed):   events.Failed{},
		events.Type(events.OutcomeReversed): events.Reversed{},
		events.Type(events.OutcomeExpired):  events.Expired{},
		events.Type(events.OutcomeReview):   events.Review{},
		events.Type(events.OutcomeResolved): events.Resolved{},
		events.TypeSubmitted:                events.SubmittedOrder{},
		events.TypeRepeated:                 events.SubmittedOrder{},
		events.TypeWithdrawn:                events.SubmittedOrder{},
		events.TypeBalance:                  events.BalanceSnapshot{},
	} {
		root := parseSchema(t, eventType)
		if root.ID != events.SchemaURI(eventType) {
			t.Errorf("%s has $id %s", eventType, root.ID)
		}
		sameNames(t, eventType, root, root.Defs, v, extra[eventType])
		if _, isPayment := v.(events.Data); !isPayment {
			continue
		}
		sameNames(t, eventType+" evidence", root.Defs["evidence"], root.Defs, events.Evidence{}, nil)
		sameNames(t, eventType+" callback", root.Defs["callback"], root.Defs, events.CallbackEvidence{}, nil)
		query := root.Defs["query"]
		query.Required = append(query.Required, "status") // required by its else
		sameNames(t, eventType+" query", query, root.Defs, events.QueryEvidence{}, nil)
	}
}

func sameNames(t *testing.T, what string, n schemaNode, defs map[string]schemaNode, v any, extra []string) {
	t.Helper()
	schemaAll, schemaRequired := n.names(defs)
	goAll, goRequired := tags(v)
	if diff := cmp.Diff(goAll, schemaAll); diff != "" {
		t.Errorf("%s: fields (-Go +schema):\n%s", what, diff)
	}
	goRequired = append(goRequired, extra...)
	slices.Sort(goRequired)
	if diff := cmp.Diff(goRequired, schemaRequired); diff != "" {
		t.Errorf("%s: required (-Go +schema):\n%s", what, diff)
	}
}

// The schemas stand by themselves and so repeat what is common: it must stay
// common.
func TestSchemasShareDefinitions(t *testing.T) {
	defs := func(eventType string) map[string]any {
		raw, _ := events.Schema(eventType)
		var doc struct {
			Defs map[string]any `json:"$defs"`
		}
		if err := json.Unmarshal(raw, &doc); err != nil {
			t.Fatal(err)
		}
		return doc.Defs
	}
	want := defs(events.Type(events.OutcomeSettled))
	for _, o := range events.Outcomes() {
		if diff := cmp.Diff(want, defs(events.Type(o))); diff != "" {
			t.Errorf("$defs of settled and %s differ:\n%s", o, diff)
		}
	}
	for _, name := range []string{events.TypeSubmitted, events.TypeRepeated, events.TypeWithdrawn, events.TypeBalance, "envelope.v1"} {
		for key, def := range defs(name) {
			if key == "signed" {
				continue // of balances alone
			}
			if diff := cmp.Diff(want[key], def); diff != "" {
				t.Errorf("%s of settled and %s differ:\n%s", key, name, diff)
			}
		}
	}
}

func TestSchemaLookup(t *testing.T) {
	if n := len(events.Schemas()); n != 11 {
		t.Errorf("%d schemas, want 11", n)
	}
	for _, unknown := range []string{"", "settlehook.payment.settled.v2", "../schemas/envelope.v1", "x/y"} {
		if _, ok := events.Schema(unknown); ok {
			t.Errorf("Schema(%q) found something", unknown)
		}
	}
}

func parseSchema(t *testing.T, eventType string) schemaNode {
	t.Helper()
	raw, ok := events.Schema(eventType)
	if !ok {
		t.Fatalf("no schema of %s", eventType)
	}
	var n schemaNode
	if err := json.Unmarshal(raw, &n); err != nil {
		t.Fatal(err)
	}
	return n
}
