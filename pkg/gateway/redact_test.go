package gateway_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.yaml.in/yaml/v4"

	"github.com/settlehook/settlehook/pkg/gateway"
)

// Orders full of what must not be shown.
func privateCollect() gateway.CollectOrder {
	return gateway.CollectOrder{
		PayCode: "101", OrderID: "A1", Amount: amount("1000.00"), NotifyURL: "https://pay.example/n",
		CallbackURL: "https://shop.example/?session=" + personal, Remark: personal + "-r", CustomName: personal + "-c",
		Number: personal + "-n", Email: personal + "-e",
	}
}

func privatePay() gateway.PayOrder {
	return gateway.PayOrder{
		PayCode: "101", OrderID: "A1", Amount: amount("1000.00"), NotifyURL: "https://pay.example/n", BankAccount: personal + "-b",
		Remark: personal + "-r", CustomName: personal + "-c", Number: personal + "-n", Email: personal + "-e",
	}
}

// zapText is what a production logger and a development logger write.
func zapText(fields ...zap.Field) string {
	var buf bytes.Buffer
	cfg := zap.NewProductionEncoderConfig()
	for _, enc := range []zapcore.Encoder{zapcore.NewJSONEncoder(cfg), zapcore.NewConsoleEncoder(cfg)} {
		zap.New(zapcore.NewCore(enc, zapcore.AddSync(&buf), zap.DebugLevel)).Info("order", fields...)
	}
	return buf.String()
}

func slogText(v any) string {
	var buf bytes.Buffer
	slog.New(slog.NewTextHandler(&buf, nil)).Info("order", "o", v)
	slog.New(slog.NewJSONHandler(&buf, nil)).Info("order", slog.Any("o", v))
	return buf.String()
}

func TestOrdersArePrintedRedacted(t *testing.T) {
	collect, pay := privateCollect(), privatePay()
	type nested struct {
		Collect gateway.CollectOrder
		Pay     *gateway.PayOrder
	}
	for name, value := range map[string]any{
		"collect": collect, "pointer to collect": &collect, "pay": pay, "pointer to pay": &pay,
		"struct": nested{collect, &pay}, "pointer to struct": &nested{collect, &pay},
		"slice": []gateway.PayOrder{pay}, "slice of pointers": []*gateway.CollectOrder{&collect},
		"map": map[string]gateway.PayOrder{"x": pay}, "any": []any{collect, &pay},
	} {
		t.Run(name, func(t *testing.T) {
			texts := map[string]string{"zap": zapText(zap.Any("o", value)), "reflected": zapText(zap.Reflect("o", value)), "slog": slogText(value)}
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%40.3v"} {
				texts[verb] = fmt.Sprintf(verb, value)
			}
			if encoded, err := json.Marshal(value); !errors.Is(err, gateway.ErrPrivate) {
				t.Errorf("JSON: %s, %v", encoded, err)
			}
			if encoded, err := yaml.Marshal(value); !errors.Is(err, gateway.ErrPrivate) {
				t.Errorf("YAML: %s, %v", encoded, err)
			}
			for how, text := range texts {
				if strings.Contains(text, personal) || strings.Contains(text, fmt.Sprintf("%x", personal)) {
					t.Errorf("%s shows personal data: %s", how, text)
				}
			}
		})
	}
}

// TestOrdersArePrintedUsefully: what is not private is there.
func TestOrdersArePrintedUsefully(t *testing.T) {
	collect, pay := privateCollect(), privatePay()
	for _, tt := range []struct{ got, want string }{
		{collect.String(), "CollectOrder{payCode:101 amount:1000.00 orderId:A1 notifyUrl:https://pay.example/n callbackUrl:[redacted] " +
			"remark:[redacted] customName:[redacted] number:[redacted] email:[redacted]}"},
		{fmt.Sprintf("%#v", pay), "PayOrder{payCode:101 amount:1000.00 orderId:A1 notifyUrl:https://pay.example/n bankAccount:[redacted] " +
			"customName:[redacted] remark:[redacted] number:[redacted] email:[redacted]}"},
		{fmt.Sprint(gateway.PayOrder{OrderID: "A1"}), "PayOrder{amount:0 orderId:A1}"},
		{fmt.Sprint((*gateway.PayOrder)(nil)), "<nil>"},
	} {
		if tt.got != tt.want {
			t.Errorf("got  %s\nwant %s", tt.got, tt.want)
		}
	}
	if text := zapText(zap.Any("o", &pay), zap.Stringer("s", collect)); strings.Count(strings.ReplaceAll(text, ": ", ":"), `"orderId":"A1"`) != 2 || strings.Count(text, "CollectOrder{") != 2 {
		t.Error(text)
	}
	for _, order := range []any{collect, &pay} {
		if text := slogText(order); !strings.Contains(text, "o.orderId=A1") || !strings.Contains(text, `"orderId":"A1"`) {
			t.Error(text)
		}
	}
}

// TestOrdersAreNotStored: marshalling fails loudly, also where an order is
// embedded and brings its methods along, rather than lose what is private.
func TestOrdersAreNotStored(t *testing.T) {
	type stored struct {
		gateway.PayOrder
		State string
	}
	if encoded, err := json.Marshal(stored{aPay(), "new"}); !errors.Is(err, gateway.ErrPrivate) {
		t.Errorf("%s, %v", encoded, err)
	}
	// A value that was copied from a log is no value.
	o := aPay()
	o.BankAccount = "[redacted]"
	b := &book{tape: &tape{}}
	_, err := start(t, b, nil).CreatePay(t.Context(), o)
	checkRefused(t, b, err, "bankAccount", "give the value itself")
}
