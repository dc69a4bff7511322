package contract

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/contract/contracttest"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/internal/testserver"
	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/sign"
)

func read(t testing.TB, path ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(append([]string{testserver.Root()}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func asyncAPI(t testing.TB) []byte { return read(t, "docs", "asyncapi.json") }

func TestDocumentIsCurrent(t *testing.T) {
	want, err := AsyncAPI(os.DirFS(filepath.Join(testserver.Root(), "pkg", "events", "testdata")))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(asyncAPI(t))); diff != "" {
		t.Errorf("docs/asyncapi.json is not what the code says; run 'make generate' (-want +got):\n%s", diff)
	}
}

func compile(t testing.TB, name string, raw []byte) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft7)
	c.AssertFormat()
	if err := c.AddResource(name, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestDocumentIsAsyncAPI(t *testing.T) {
	schema := compile(t, "asyncapi.json", read(t, "internal", "contract", "testdata", "asyncapi-3.0.0.json"))
	check := func(text []byte) error {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			return err
		}
		return schema.Validate(doc)
	}
	if err := check(asyncAPI(t)); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{`"asyncapi": "3.0.0"`, `"action": "send"`, `"address": "parked`} {
		broken := strings.Replace(string(asyncAPI(t)), bad, strings.Replace(bad, `": "`, `": [], "x": "`, 1), 1)
		if check([]byte(broken)) == nil {
			t.Errorf("without %s it is accepted", bad)
		}
	}
}

// AsyncAPI's own parser finds more than the schema: references that lead
// nowhere, parameters that are in no address.
func TestParserAcceptsDocument(t *testing.T) {
	if out, err := parse(t, asyncAPI(t)); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	for _, bad := range []struct{ old, new string }{
		{`"#/components/messages/parkedCallback"`, `"#/components/messages/nobody"`},
		{`parked.v1.{flow}.{merchant}`, `parked.v1.{flow}`},
	} {
		broken := bytes.Replace(asyncAPI(t), []byte(bad.old), []byte(bad.new), 1)
		if out, err := parse(t, broken); err == nil {
			t.Errorf("with %s for %s it is accepted:\n%s", bad.new, bad.old, out)
		}
	}
}

func parse(t testing.TB, document []byte) (string, error) {
	t.Helper()
	folder := filepath.Join(testserver.Root(), ".cache", "asyncapi")
	if _, err := os.Stat(filepath.Join(folder, "installed")); err != nil {
		t.Fatal("AsyncAPI's parser is not installed; run 'make asyncapi' once, then test again")
	}
	cmd := exec.CommandContext(t.Context(), "node", "parse.js")
	cmd.Dir, cmd.Stdin = folder, bytes.NewReader(document)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// described is a message of the document with its schemas compiled.
type described struct {
	message
	headers, payload *jsonschema.Schema
}

// messages are those of the checked-in document, by the name of their channel.
func messages(t testing.TB) map[string]described {
	t.Helper()
	all, text := map[string]described{}, asyncAPI(t)
	var d document
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft7)
	c.AssertFormat()
	if err := c.AddResource("contract.json", doc); err != nil {
		t.Fatal(err)
	}
	for name, m := range d.Components.Messages {
		at := "contract.json#/components/messages/" + name
		all[name] = described{m, c.MustCompile(at + "/headers"), c.MustCompile(at + "/payload")}
	}
	return all
}

func TestExamples(t *testing.T) {
	for name, m := range messages(t) {
		for _, e := range m.Examples {
			if err := m.headers.Validate(e.Headers); err != nil {
				t.Errorf("%s: headers: %v", name, err)
			}
			if err := m.payload.Validate(e.Payload); err != nil {
				t.Errorf("%s: payload: %v", name, err)
			}
			if text, is := e.Payload.(string); is {
				checkPushed(t, name, text)
				continue
			}
			body, err := json.Marshal(e.Payload)
			if err != nil {
				t.Fatal(err)
			}
			if err := contracttest.Event(body); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if len(m.Examples) == 0 {
			t.Errorf("%s has no example", name)
		}
	}
}

// The body in the examples is one that would be accepted, with the key "secret".
func checkPushed(t *testing.T, name, body string) {
	t.Helper()
	if name == "quarantineMalformed" {
		return
	}
	p, err := sign.Parse(sign.MediaJSON, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	if given, _ := p.Get("sign"); given.Value != sign.Sign(p, "secret") {
		t.Errorf("%s: the example has the sign %s, want %s", name, given.Value, sign.Sign(p, "secret"))
	}
}

// The schemas of the document, in another dialect, say what those of pkg/events
// say: they take and refuse the same.
func TestSchemasSayTheSame(t *testing.T) {
	all := messages(t)
	for _, f := range families() {
		if f.event == "" {
			continue
		}
		sample := string(read(t, "pkg", "events", "testdata", f.sample))
		for _, change := range []struct{ old, new string }{
			{"", ""},
			{`"currency": "INR"`, `"currency": "inr"`},
			{`"flow": "`, `"flow": "x`},
			{`"outcome": "`, `"outcome": "un`},
			{`"direction": "`, `"direction": "x`},
			{`"merchant": "m1001"`, `"merchant": 1001`},
			{`"case": "`, `"case": "X`},
			{`"specversion": "1.0"`, `"specversion": "1.1"`},
			{`"time": "2026-`, `"time": "on 2026-`},
			{`"orderId": "A.17",`, ``},
			{`"amount": "1000.00"`, `"amount": "1000.00000"`},
			{`"amount": "1000.00"`, `"amount": "0.00"`},
			{`"orderId": "A.17",`, `"orderId": "A.17", "added": true,`},
		} {
			text := strings.Replace(sample, change.old, change.new, 1)
			doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			here, there := all[f.name].payload.Validate(doc), contracttest.Event([]byte(text))
			if (here == nil) != (there == nil) {
				t.Errorf("%s with %q: docs/asyncapi.json says %v, pkg/events/schemas says %v", f.name, change.new, here, there)
			}
		}
	}
}

// Every channel is in its stream, and no subject of these streams is without a
// channel.
func TestChannelsAreTheStreams(t *testing.T) {
	covered := map[string]bool{}
	for _, f := range families() {
		subject := regexp.MustCompile(`\{[a-z]+\}`).ReplaceAllString(f.subject, "x")
		for _, filter := range declaredSubjects(t, f.stream) {
			if matches(filter, subject) {
				covered[filter] = true
			}
		}
		if !slices.ContainsFunc(declaredSubjects(t, f.stream), func(filter string) bool { return matches(filter, subject) }) {
			t.Errorf("%s takes no %s", f.stream, subject)
		}
	}
	for _, name := range []string{stream.Payments, stream.Orders, stream.Balances, stream.Parked, stream.Quarantine} {
		for _, filter := range declaredSubjects(t, name) {
			if !covered[filter] {
				t.Errorf("%s of %s has no channel", filter, name)
			}
		}
	}
	if outcomes := len(events.Outcomes()); len(families()) != outcomes+3+1+1+3 {
		t.Errorf("%d families", len(families()))
	}
}

func declaredSubjects(t testing.TB, name string) []string {
	t.Helper()
	for _, c := range stream.Declare(config.Topology{}) {
		if c.Name == name {
			return c.Subjects
		}
	}
	t.Fatalf("there is no stream %s", name)
	return nil
}

func matches(filter, subject string) bool {
	want, got := strings.Split(filter, "."), strings.Split(subject, ".")
	for i, token := range want {
		if token == ">" {
			return len(got) > i
		}
		if i >= len(got) || token != "*" && token != got[i] {
			return false
		}
	}
	return len(want) == len(got)
}

// parameters' patterns are the tokens that pkg/events writes.
func TestParametersAreTokens(t *testing.T) {
	for name, p := range parameters() {
		pattern, _ := p.(object)["x-pattern"].(string)
		examples, _ := p.(object)["examples"].([]string)
		for _, e := range examples {
			if !regexp.MustCompile(pattern).MatchString(e) {
				t.Errorf("%s: %s does not match %s", name, e, pattern)
			}
		}
		if strings.HasPrefix(name, "order") {
			for id, good := range map[string]bool{events.EscapeToken("A.17/ü*>"): true, "A.17": false, "A%2e": false, "": false} {
				if regexp.MustCompile(pattern).MatchString(id) != good {
					t.Errorf("%s: %q is taken: %t", name, id, !good)
				}
			}
		}
	}
}
