package sign_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/settlehook/settlehook/pkg/sign"
)

func TestNewKeyring(t *testing.T) {
	one, two := sign.Key{ID: "one", Secret: "s1"}, sign.Key{ID: "two", Secret: "s2"}
	for _, tt := range []struct {
		name, signing string
		keys          []sign.Key
		want, err     string
	}{
		{"last signs", "", []sign.Key{one, two}, "two", ""},
		{"marked signs", "one", []sign.Key{one, two}, "one", ""},
		{"empty ring", "", nil, "", "no key is configured"},
		{"empty secret", "", []sign.Key{one, {ID: "two"}}, "", `key "two" has an empty secret`},
		{"empty id", "", []sign.Key{one, {Secret: "hidden"}}, "", "key 2 has no id"},
		{"duplicate id", "", []sign.Key{one, two, {ID: "one", Secret: "hidden"}}, "", `key id "one" is used twice`},
		{"unknown signing id", "three", []sign.Key{one, two}, "", `signing key "three" is not among the keys`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ring, err := sign.NewKeyring(tt.signing, tt.keys...)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) || strings.Contains(err.Error(), "hidden") {
					t.Fatalf("error %v, want one with %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			p := sign.Params{str("a", "1")}
			if ring.SigningKey().ID != tt.want || ring.Sign(p) != sign.Sign(p, ring.SigningKey().Secret) {
				t.Errorf("key %s signs, want %s", ring.SigningKey().ID, tt.want)
			}
		})
	}
}

func TestKeyringIsImmutable(t *testing.T) {
	keys := []sign.Key{{ID: "one", Secret: "s1"}}
	ring := mustRing(t, keys...)
	keys[0].Secret = "changed"
	if got := string(ring.SigningKey().Secret); got != "s1" {
		t.Errorf("secret became %q", got)
	}
}

func TestSecretsAreNeverPrinted(t *testing.T) {
	const text = "s3cr3t"
	key := sign.Key{ID: "k", Secret: text}
	ring := mustRing(t, key)
	values := []any{key.Secret, key, &key, ring, *ring, []sign.Key{key}, map[string]sign.Secret{"k": text}}
	for _, value := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%c"} {
			got := fmt.Sprintf(verb, value)
			if strings.Contains(got, text) || strings.Contains(strings.ToLower(got), fmt.Sprintf("%x", text)) ||
				strings.Contains(got, "115 51 99") {
				t.Errorf("%s of %T prints the secret: %s", verb, value, got)
			}
		}
		data, err := json.Marshal(value)
		if err != nil || strings.Contains(string(data), text) {
			t.Errorf("JSON of %T: %s, error %v", value, data, err)
		}
	}
	if got := fmt.Sprint(key.Secret, key.Secret.String(), key.Secret.GoString()); got != "[redacted][redacted][redacted]" && got != "[redacted] [redacted] [redacted]" {
		t.Errorf("printed as %s", got)
	}
	asText, err := key.Secret.MarshalText()
	if err != nil || string(asText) != "[redacted]" {
		t.Errorf("text %s, error %v", asText, err)
	}
}

// TestSecretIsReadAsText holds that redaction does not stand in the way of
// reading a configuration.
func TestSecretIsReadAsText(t *testing.T) {
	var key sign.Key
	if err := json.Unmarshal([]byte(`{"ID":"k","Secret":"s3cr3t"}`), &key); err != nil || string(key.Secret) != "s3cr3t" {
		t.Errorf("error %v", err)
	}
}
