package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/settlehook/settlehook/internal/config"
)

// hidden is in every secret of this test.
const hidden = "hush9"

// inside holds a value where fmt cannot call its methods.
type inside struct{ value any }

type insideTyped struct {
	receiver  config.Receiver
	worker    config.Worker
	up        config.Up
	merchant  *config.Merchant
	merchants *config.Merchants
}

func TestNothingPrintsSecrets(t *testing.T) {
	environ := good(map[string]string{
		"NATS_URL":  "nats://user:hush9@nats:4222,nats://hush9@other:4222",
		"REDIS_URL": "redis-sentinel://user:hush9@s:26379/m?sentinel_password=hush9",
	})
	receiver, err := config.LoadReceiver(environ)
	must(t, err)
	worker, err := config.LoadWorker(environ)
	must(t, err)
	setup, err := config.LoadSetup(environ)
	must(t, err)
	up := config.Up{NATS: worker.NATS, Redis: worker.Redis}
	merchants, err := config.ParseMerchants("m.yaml", []byte(strings.ReplaceAll(minimal, "s3cr3t", hidden)), nil)
	must(t, err)
	merchant, _ := merchants.Get("m1")
	if string(merchant.Keyring.SigningKey().Secret) != hidden || !strings.Contains(worker.NATS.URL.Reveal(), hidden) ||
		string(worker.Redis.URL.Target().Password) != hidden {
		t.Fatal("the secrets were not read at all")
	}

	for _, value := range []any{
		receiver, &receiver, worker, &worker, setup, &setup, up, &up, worker.NATS, worker.Redis, worker.NATS.URL, worker.Redis.URL,
		worker.Redis.URL.Target(), merchants, *merchants, merchant, *merchant, merchants.All(),
		inside{worker.NATS},
		inside{worker.Redis},
		inside{merchants},
		insideTyped{receiver: receiver, worker: worker, up: up, merchants: merchants},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			mustHide(t, fmt.Sprintf("%T with %s", value, verb), fmt.Sprintf(verb, value))
		}
		text, err := json.Marshal(value)
		must(t, err)
		mustHide(t, fmt.Sprintf("%T as JSON", value), string(text))
		mustHide(t, fmt.Sprintf("%T in a log", value), logged(value))
	}
	// With a verb that does not fit, fmt looks behind a pointer after all.
	for _, verb := range []string{"%v", "%+v", "%#v"} {
		mustHide(t, "a merchant inside with "+verb, fmt.Sprintf(verb, insideTyped{merchant: merchant}))
	}
	const shown = `{"id":"m1","account":"m1","currency":"INR","region":"none","timezone":"UTC","gateway":"https://gateway.example","rate":"10",` +
		`"matchCollect":"if-known","matchPay":"if-known","keys":["k1"],"signing":"k1","reverse":"confirm",` +
		`"policy":{"DropZero":false,"NumericReverse":false,"JavaDouble":false},"notFound":null,"pixRandomKey":"EPV"}`
	if got := fmt.Sprint(merchant); got != shown {
		t.Errorf("a merchant is shown as\n%s, want\n%s", got, shown)
	}
	if got := fmt.Sprint(config.Merchant{ID: "m1"}); !strings.HasPrefix(got, `{"id":"m1",`) {
		t.Errorf("a merchant made by hand is shown as %s", got)
	}
	mustHide(t, "the hash", merchants.Hash())
}

func mustHide(t *testing.T, what, text string) {
	t.Helper()
	if strings.Contains(text, hidden) || strings.Contains(text, fmt.Sprintf("%x", hidden)) {
		t.Errorf("%s shows a secret: %s", what, text)
	}
}

func logged(value any) string {
	var out bytes.Buffer
	core := zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(&out), zap.DebugLevel)
	zap.New(core).Info("value", zap.Any("value", value))
	return out.String()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
