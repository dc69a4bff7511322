package cashier_test

import (
	"math/big"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// payable is an amount as a person may write it; more than zero, besides.
var payable = regexp.MustCompile(`^(0|[1-9][0-9]{0,14})(\.[0-9]{1,4})?$`)

// FuzzPay sends any text as the amount. One that can be paid reaches the desk
// as exactly that number; for any other the form comes back with the text in
// it, and the desk hears nothing.
func FuzzPay(f *testing.F) {
	for _, seed := range []string{
		"1000.00", "1000", "0.01", "0", "0.00", "-1", "+1", "1e3", "1E400", "1.", ".5", "01", "1,000.00", "1 000", "1000.0000", "1000.00001",
		"999999999999999.9999", "1000000000000000", "NaN", "Inf", "0x10", "١٢٣", "１００", " 5 ", "\t5\n", "", "5\x00", `"><script>`, "\xff", "1_000",
	} {
		f.Add(seed)
	}
	harmless := parse(f, ask(f, newDesk(), request("POST", pay, "amount=x")).body).skeleton()
	f.Fuzz(func(t *testing.T, text string) {
		desk := newDesk()
		form := url.Values{"amount": {text}}.Encode()
		if len(form) > 4096 {
			return
		}
		a := ask(t, desk, request("POST", pay, form))
		typed := strings.TrimSpace(text)
		value, ok := new(big.Rat).SetString(typed)
		if !payable.MatchString(typed) || !ok || value.Sign() <= 0 {
			if calls := desk.called(); a.status != http.StatusBadRequest || len(calls) > 0 {
				t.Fatalf("%q: status %d, desk %q", text, a.status, calls)
			}
			if got := parse(t, a.body).skeleton(); got != harmless {
				t.Fatalf("%q changes the page:\n%s", text, a.body)
			}
			return
		}
		calls := desk.called()
		if len(calls) != 1 {
			t.Fatalf("%q: status %d, desk %q", text, a.status, calls)
		}
		amount, refusal, _ := strings.Cut(strings.TrimPrefix(calls[0], "pay "), ": ")
		if got, ok := new(big.Rat).SetString(amount); !ok || got.Cmp(value) != 0 {
			t.Fatalf("%q reached the desk as %s", text, amount)
		}
		if want := map[bool]int{true: http.StatusSeeOther, false: http.StatusBadRequest}[refusal == ""]; a.status != want {
			t.Fatalf("%q: status %d, want %d", text, a.status, want)
		}
	})
}
