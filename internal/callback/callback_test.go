package callback_test

import (
	"encoding/json"
	"errors"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/govalues/decimal"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/pkg/sign"
)

const someSign = `"sign":"0123456789abcdef0123456789abcdef"`

func parse(t *testing.T, contentType, body string) sign.Params {
	t.Helper()
	p, err := sign.Parse(contentType, []byte(body))
	if err != nil {
		t.Fatalf("parse %s: %v", body, err)
	}
	return p
}

// same compares decimals with their number of digits: values from different
// dialects must not even print differently.
var same = cmp.Comparer(func(a, b decimal.Decimal) bool { return a == b })

func TestFromParams(t *testing.T) {
	full := callback.Callback{
		OrderID: "o1", PlatOrderID: "p1", Amount: decimal.MustParse("10000000.5"), Status: callback.Success,
		Reverse: true, Remark: "J&K Bank", Fee: decimal.MustParse("0.25"), FeeKnown: true,
	}
	const ids, rest = `{"orderId":"o1","platOrderId":"p1","remark":"J&K Bank",`, "," + someSign + "}"
	bare := callback.Callback{OrderID: "o1", PlatOrderID: "p1", Amount: decimal.MustParse("0")}
	for _, tt := range []struct {
		name, contentType, body string
		want                    callback.Callback
	}{
		{"plain", sign.MediaJSON, ids + `"amount":10000000.5,"status":1,"reverse":true,"fee":0.25` + rest, full},
		{"trailing zeros", sign.MediaJSON, ids + `"amount":10000000.5000,"status":1,"reverse":true,"fee":0.2500` + rest, full},
		{"quoted numbers", sign.MediaJSON, ids + `"amount":"10000000.50","status":"1","reverse":true,"fee":"0.25"` + rest, full},
		{"numeric reverse", sign.MediaJSON, ids + `"amount":10000000.5,"status":1,"reverse":1,"fee":0.25` + rest, full},
		{"Java doubles", sign.MediaJSON, ids + `"amount":1.00000005E7,"status":1,"reverse":true,"fee":2.5E-1` + rest, full},
		{"unknown fields", sign.MediaJSON, ids + `"amount":10000000.5,"status":1,"reverse":true,"fee":0.25,"utr":"1","n":null` + rest, full},
		{
			"form", sign.MediaForm,
			"orderId=o1&platOrderId=p1&remark=J%26K+Bank&amount=10000000.50&status=1&reverse=true&fee=0.25&sign=0123456789ABCDEF0123456789abcdef",
			full,
		},
		{
			"form, numeric reverse", sign.MediaForm,
			"orderId=o1&platOrderId=p1&remark=J%26K+Bank&amount=10000000.50&status=1&reverse=1&fee=0.25&sign=0123456789ABCDEF0123456789abcdef",
			full,
		},
		{"required fields only", "", `{"orderId":"o1","platOrderId":"p1","amount":0,"status":0` + rest, bare},
		{"optional fields null", "", `{"orderId":"o1","platOrderId":"p1","amount":0.00,"status":0,"reverse":null,"fee":null,"remark":null` + rest, bare},
		{"optional fields empty", "", `{"orderId":"o1","platOrderId":"p1","amount":"0","status":0,"reverse":"","fee":"","remark":""` + rest, bare},
		{"not reversed", "", `{"orderId":"o1","platOrderId":"p1","amount":0,"status":0,"reverse":false` + rest, bare},
		{"not reversed, numeric", "", `{"orderId":"o1","platOrderId":"p1","amount":0,"status":0,"reverse":0` + rest, bare},
		{
			"fee of zero is known", "", `{"orderId":"o1","platOrderId":"p1","amount":999999999999999.9999,"status":2,"fee":0` + rest,
			callback.Callback{
				OrderID: "o1", PlatOrderID: "p1", Amount: decimal.MustParse("999999999999999.9999"),
				Status: callback.Failed, FeeKnown: true,
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := callback.FromParams(parse(t, tt.contentType, tt.body))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, same); diff != "" {
				t.Errorf("callback (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFromParamsRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		reason     sign.Reason
		field      string
	}{
		{"no amount", `{"orderId":"o","platOrderId":"p","status":1,` + someSign + `}`, sign.ReasonMissingField, "amount"},
		{"no sign", `{"orderId":"o","platOrderId":"p","status":1,"amount":1}`, sign.ReasonMissingField, "sign"},
		{"negative amount", `{"orderId":"o","platOrderId":"p","status":1,"amount":-1,` + someSign + `}`, sign.ReasonWrongType, "amount"},
		{"huge exponent", `{"orderId":"o","platOrderId":"p","status":1,"amount":1E99,` + someSign + `}`, sign.ReasonWrongType, "amount"},
		{"unknown status", `{"orderId":"o","platOrderId":"p","status":3,"amount":1,` + someSign + `}`, sign.ReasonWrongType, "status"},
		{"id with &", `{"orderId":"o&","platOrderId":"p","status":1,"amount":1,` + someSign + `}`, sign.ReasonWrongType, "orderId"},
		{"ambiguous", `{"orderId":"o","platOrderId":"p","status":1,"amount":1,"remark":"&a=",` + someSign + `}`, sign.ReasonAmbiguous, "remark"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := callback.FromParams(parse(t, "", tt.body))
			var m *sign.MalformedError
			if !errors.As(err, &m) || m.Reason != tt.reason || m.Field != tt.field {
				t.Fatalf("error %v, want %s of %q", err, tt.reason, tt.field)
			}
			if diff := cmp.Diff(callback.Callback{}, got, same); diff != "" {
				t.Errorf("a callback beside the error:\n%s", diff)
			}
		})
	}
}

// TestAcceptedDialectsMeanTheSame verifies one callback signed as different
// senders do, and reads it.
func TestAcceptedDialectsMeanTheSame(t *testing.T) {
	data, err := os.ReadFile("../../pkg/sign/testdata/dialects.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Body, Key string
		Dialects  []struct {
			MD5 string `json:"md5_lower"`
		}
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	ring, err := sign.NewKeyring("", sign.Key{ID: "k", Secret: sign.Secret(file.Key)})
	if err != nil {
		t.Fatal(err)
	}
	want := callback.Callback{
		OrderID: "e8a581fa692342ccbaf9cbd6f2598e48", PlatOrderID: "236130395249311744", Amount: decimal.MustParse("1000"),
		Status: callback.Failed, Remark: "no", FeeKnown: true,
	}
	accepted := 0
	for _, d := range file.Dialects {
		body := file.Body[:len(file.Body)-1] + `,"sign":"` + d.MD5 + `"}`
		verified, err := ring.VerifyCallback(parse(t, "", body), sign.Policy{DropZero: true, NumericReverse: true})
		if err != nil {
			continue
		}
		accepted++
		got, err := callback.FromParams(verified.Params)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, same); diff != "" {
			t.Errorf("%v (-want +got):\n%s", verified.Dialects, diff)
		}
	}
	if accepted != 7 {
		t.Errorf("%d dialects were accepted, want 7", accepted)
	}
}

func TestStatusString(t *testing.T) {
	for status, want := range map[callback.Status]string{
		callback.Submitted: "submitted", callback.Success: "success", callback.Failed: "failed", 3: "unknown(3)",
	} {
		if got := status.String(); got != want {
			t.Errorf("status %d is %q, want %q", uint8(status), got, want)
		}
	}
}

func FuzzFromParams(f *testing.F) {
	f.Add([]byte(`{"orderId":"o","platOrderId":"p","amount":"1.0E7","status":1,"reverse":1,"remark":"x&status=1","fee":0.5,` + someSign + `}`))
	f.Add([]byte(`orderId=o&platOrderId=p&amount=1.10&status=2&sign=0123456789abcdef0123456789abcdef`))
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := sign.Parse("", body)
		if err != nil {
			return
		}
		c, err := callback.FromParams(p)
		var m *sign.MalformedError
		if err != nil {
			if !errors.As(err, &m) {
				t.Fatalf("error %v (%T)", err, err)
			}
			return
		}
		if c.OrderID == "" || c.PlatOrderID == "" || c.Amount.IsNeg() || c.Fee.IsNeg() || c.Status > callback.Failed {
			t.Fatalf("callback %+v", c)
		}
		if id := c.MessageID("collect", "m1001"); len(id) > 255 || id == "" {
			t.Fatalf("message id %q", id)
		}
	})
}
