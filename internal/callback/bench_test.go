package callback_test

import (
	"testing"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/pkg/sign"
)

// BenchmarkVerify is a callback's whole way from JSON text to typed fields.
func BenchmarkVerify(b *testing.B) {
	ring, err := sign.NewKeyring("", sign.Key{ID: "a", Secret: "perf-secret-key-0123456789abcdef"})
	if err != nil {
		b.Fatal(err)
	}
	text := `{"platOrderId":"236130395249311744","orderId":"e8a581fa692342ccbaf9cbd6f2598e48",` +
		`"amount":1000,"status":1,"reverse":false,"remark":"no","fee":0,"sign":"`
	params, err := sign.ParseJSON([]byte(text + `"}`))
	if err != nil {
		b.Fatal(err)
	}
	body := []byte(text + ring.Sign(params) + `"}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := callback.Verify("application/json", body, ring, sign.Policy{}); err != nil {
			b.Fatal(err)
		}
	}
}
