package sign

import "testing"

// benchBody is the API document's example callback with its own signature.
func benchBody(b *testing.B, policy Policy) ([]byte, *Keyring) {
	b.Helper()
	ring, err := NewKeyring("", Key{ID: "a", Secret: "another"}, Key{ID: "b", Secret: "SANDBOXKEY"})
	if err != nil {
		b.Fatal(err)
	}
	body := `{"platOrderId":"236130395249311744","orderId":"e8a581fa692342ccbaf9cbd6f2598e48",` +
		`"amount":1000.00,"status":2,"reverse":false,"remark":"no","fee":0,"sign":"`
	p, err := ParseJSON([]byte(body + `"}`))
	if err != nil {
		b.Fatal(err)
	}
	signature := ring.Sign(p)
	if policy.JavaDouble { // sign in the last rendering that is tried
		signature = ring.Sign(Params{
			{Name: "platOrderId", Value: "236130395249311744"},
			{Name: "orderId", Value: "e8a581fa692342ccbaf9cbd6f2598e48"},
			{Name: "amount", Value: "1000.00"},
			{Name: "status", Value: "2"},
			{Name: "reverse", Value: "0"},
			{Name: "remark", Value: "no"},
			{Name: "fee", Value: "0.00"},
		})
	}
	return []byte(body + signature + `"}`), ring
}

func BenchmarkParseJSON(b *testing.B) {
	body, _ := benchBody(b, Policy{})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseJSON(body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseForm(b *testing.B) {
	body := []byte("platOrderId=236130395249311744&orderId=e8a581fa692342ccbaf9cbd6f2598e48&amount=1000.00" +
		"&status=2&reverse=false&remark=no+money&fee=0&sign=0123456789abcdef0123456789abcdef")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseForm(body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerifyCallback(b *testing.B) {
	all := Policy{DropZero: true, NumericReverse: true, JavaDouble: true}
	for _, bench := range []struct {
		name   string
		policy Policy
		forged bool
	}{
		{"plain", Policy{}, false},
		{"late dialect", all, false},
		{"forged", all, true},
	} {
		b.Run(bench.name, func(b *testing.B) {
			body, ring := benchBody(b, bench.policy)
			p, err := ParseJSON(body)
			if err != nil {
				b.Fatal(err)
			}
			if bench.forged {
				p[p.index("amount")].Value = "9999"
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ring.VerifyCallback(p, bench.policy); (err != nil) != bench.forged {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkSign(b *testing.B) {
	body, ring := benchBody(b, Policy{})
	p, err := ParseJSON(body)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		ring.Sign(p)
	}
}
