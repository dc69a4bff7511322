package gateway

import (
	"strings"
	"testing"

	"github.com/settlehook/settlehook/pkg/sign"
)

// TestEchoesAreRedacted: whatever a gateway quotes of a request, in whatever
// writing, it is not shown.
func TestEchoesAreRedacted(t *testing.T) {
	ring, err := sign.NewKeyring("", sign.Key{ID: "old", Secret: "0ld-s3cret"}, sign.Key{ID: "new", Secret: "s3cr3t-1"})
	if err != nil {
		t.Fatal(err)
	}
	c := &Client{keyring: ring}
	sent := []field{
		{fieldCustomName, "acme"},
		{fieldEmail, "ana@acme.example"},
		{fieldRemark, "52998224725"},
		{fieldNumber, "+5511987654321"},
		{fieldBankAccount, "1234567890"},
		{fieldOrderID, "A1-order"},
	}
	for text, want := range map[string]string{
		"no":                                  "no",
		"order A1-order is bad":               "order A1-order is bad",
		"account 1234567890 closed":           "account [redacted] closed",
		"account 123-456-7890, 1234 567 890":  "account [redacted], [redacted]",
		"mail ANA@ACME.example":               "mail [redacted]",
		"mail ana%40acme.example":             "mail [redacted]",
		"CPF 529.982.247-25":                  "CPF [redacted]",
		"phone 5511987654321":                 "phone [redacted]",
		"phone +55 (11) 98765-4321":           "phone +[redacted]",
		"string: a=1&key=s3cr3t-1":            "string: a=1&key=[redacted]",
		"string: a=1&key=0ld-s3cret":          "string: a=1&key=[redacted]",
		"Acme, ana@acme.example: 52998224725": "[redacted], [redacted]: [redacted]",
	} {
		if got := c.withoutPrivate(text, sent); got != want {
			t.Errorf("%q shows as %q, want %q", text, got, want)
		}
	}
	// Short values are in every sentence, and a whole text of nothing but
	// punctuation matches nothing.
	if got := c.withoutPrivate("a to b", []field{{fieldCustomName, "to"}, {fieldRemark, "-- ++ .."}}); got != "a to b" {
		t.Errorf("%q", got)
	}
	if got := c.withoutPrivate(strings.Repeat("x", 600), []field{{fieldRemark, strings.Repeat("x", 512)}}); !strings.HasPrefix(got, redacted) {
		t.Errorf("a long value: %q", got)
	}
}
