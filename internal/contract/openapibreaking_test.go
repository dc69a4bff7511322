package contract

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/settlehook/settlehook/internal/testserver"
)

var openAPIs = []string{"openapi-receiver.json", "openapi-admin.json", "openapi-sandbox.json"}

// oasdiff says what a change of an OpenAPI document breaks; empty: nothing.
func oasdiff(t *testing.T, old, now string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), testserver.Binary(t, "oasdiff"), "breaking", old, now,
		"--fail-on", "WARN", "--format", "singleline", "--severity-levels", filepath.Join(testserver.Root(), "internal", "contract", "oasdiff", "severity.txt"))
	out, err := cmd.CombinedOutput()
	if err == nil {
		return ""
	}
	return err.Error() + "\n" + string(out)
}

func TestPublishedOpenAPIHolds(t *testing.T) {
	docs := filepath.Join(testserver.Root(), "docs")
	for _, name := range openAPIs {
		if broken := oasdiff(t, filepath.Join(docs, "contract", "v1", name), filepath.Join(docs, name)); broken != "" {
			t.Errorf("%s breaks what is published: %s", name, broken)
		}
	}
}

// Places in the documents.
const (
	inPush   = "paths /callbacks/{flow}/{merchant} post"
	inPushed = "components/schemas/Callback"
)

func TestBreakingOpenAPIIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		file   string
		change edit
		want   string // of oasdiff's checks; empty: harmless
	}{
		"path":           {"openapi-admin.json", drop("paths", "/readyz"), "api-path-removed"},
		"answer":         {"openapi-admin.json", drop("paths /readyz get responses", "503"), "response-non-success-status-removed"},
		"answer's text":  {"openapi-admin.json", set("paths /livez get responses 200 content text/plain schema", "const", "ok"), "response-body-const-changed"},
		"media type":     {"openapi-receiver.json", drop(inPush+" requestBody content", "application/x-www-form-urlencoded"), "request-body-media-type-removed"},
		"asks for more":  {"openapi-receiver.json", with(inPushed, "required", "fee"), "request-property-became-required"},
		"retyped":        {"openapi-receiver.json", set(inPushed+"/properties/orderId", "type", "integer"), "request-property-type-changed"},
		"header":         {"openapi-receiver.json", drop(inPush+" responses 503", "headers"), "required-response-header-removed"},
		"answers less":   {"openapi-sandbox.json", without("components/schemas/Order", "required", "utr"), "response-property-became-optional"},
		"words":          {"openapi-receiver.json", set(inPush, "summary", "Take it"), ""},
		"optional field": {"openapi-receiver.json", set(inPushed+"/properties", "utr", object{"type": "string"}), ""},
	} {
		t.Run(name, func(t *testing.T) {
			published := filepath.Join(testserver.Root(), "docs", test.file)
			v, err := decode(read(t, "docs", test.file))
			must(t, err)
			test.change(t, v.(object))
			text, err := json.Marshal(v)
			must(t, err)
			now := filepath.Join(t.TempDir(), test.file)
			must(t, os.WriteFile(now, text, 0o600))
			broken := oasdiff(t, published, now)
			if (test.want == "") != (broken == "") || !strings.Contains(broken, test.want) {
				t.Errorf("oasdiff says %q, want %q", broken, test.want)
			}
		})
	}
}
