package tlsfiles_test

import (
	"context"
	"crypto/md5"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/settlehook/settlehook/internal/app"
	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/redisconn"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/internal/testserver"
	"github.com/settlehook/settlehook/internal/tlsfiles/tlsfilestest"
)

// TestMutualTLSToRedis against a redis-server that asks for certificates.
func TestMutualTLSToRedis(t *testing.T) {
	redisconn.LogTo(zap.NewNop())
	authority := tlsfilestest.NewAuthority(t)
	serverCert, serverKey := authority.Issue("redis")
	clientCert, clientKey := authority.Issue("worker")
	server := testserver.RedisTLS(t, testserver.TLS{CA: authority.CA, Cert: serverCert, Key: serverKey})
	ping := func(ca, cert, key string) error {
		c := config.Redis{
			DialTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second,
			TLSCA: ca, TLSCert: cert, TLSKey: key,
		}
		if err := c.URL.UnmarshalText([]byte("rediss://" + server.Addr)); err != nil {
			t.Fatal(err)
		}
		client, err := redisconn.Open(c, func(bool) {})
		if err != nil {
			return err
		}
		defer func() { _ = client.Close() }()
		return client.Ping(t.Context()).Err()
	}
	if err := ping(authority.CA, clientCert, clientKey); err != nil {
		t.Errorf("with a certificate: %v", err)
	}
	if err := ping(authority.CA, "", ""); err == nil {
		t.Error("without a certificate: answered")
	}
	if err := ping("", clientCert, clientKey); err == nil {
		t.Error("with a server whose authority is unknown: answered")
	}
}

// TestMutualTLSFromGatewayToStream runs a receiver that takes callbacks over
// mutual TLS and stores them over mutual TLS, and renews its certificate while
// it runs.
func TestMutualTLSFromGatewayToStream(t *testing.T) {
	authority, strange := tlsfilestest.NewAuthority(t), tlsfilestest.NewAuthority(t)
	natsCert, natsKey := authority.Issue("nats")
	ourCert, ourKey := authority.Issue("receiver")
	server := testserver.NATSTLS(t, testserver.TLS{CA: authority.CA, Cert: natsCert, Key: natsKey})
	env := map[string]string{
		"INSTALLATION": "tls", "NATS_URL": "tls://" + server.Addr, "STREAM_REPLICAS": "1", "MERCHANTS_FILE": merchants(t),
		"NATS_TLS_CA": authority.CA, "NATS_TLS_CERT": ourCert, "NATS_TLS_KEY": ourKey,
		"HTTP_ADDR": "127.0.0.1:0", "ADMIN_ADDR": "127.0.0.1:0",
		"HTTP_TLS_CERT": ourCert, "HTTP_TLS_KEY": ourKey, "HTTP_TLS_CLIENT_CA": authority.CA,
	}
	js := setUp(t, env)
	url, shutDown := runReceiver(t, env)
	defer shutDown()

	gateway := authority.Pair(authority.Issue("gateway"))
	if got := push(t, url, "A1", authority, gateway); got != "receiver: 200 success" {
		t.Errorf("with a certificate: %s", got)
	}
	for name, shown := range map[string][]tls.Certificate{"none": nil, "a stranger's": {strange.Pair(strange.Issue("gateway"))}} {
		if got := push(t, url, "A2", authority, shown...); !strings.Contains(got, "tls: ") {
			t.Errorf("with %s certificate: %s, want a failed handshake", name, got)
		}
	}
	if got := push(t, strings.Replace(url, "https", "http", 1), "A3", authority); !strings.Contains(got, "EOF") && !strings.Contains(got, "400") && !strings.Contains(got, "reset") {
		t.Errorf("in plain text: %s, want nothing", got)
	}
	authority.IssueTo("renewed", ourCert, ourKey)
	await(t, "the renewed certificate", func() bool { return push(t, url, "A4", authority, gateway) == "renewed: 200 success" })
	s, err := js.Stream(t.Context(), stream.Callbacks)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.CachedInfo().State.Msgs; got != 2 {
		t.Errorf("%d callbacks stored, want A1 and A4", got)
	}
}

// TestNATSAsksForACertificate, and does not talk to who has none.
func TestNATSAsksForACertificate(t *testing.T) {
	authority := tlsfilestest.NewAuthority(t)
	cert, key := authority.Issue("nats")
	server := testserver.NATSTLS(t, testserver.TLS{CA: authority.CA, Cert: cert, Key: key})
	c := config.NATS{ConnectTimeout: 5 * time.Second, TLSCA: authority.CA}
	if err := c.URL.UnmarshalText([]byte("tls://" + server.Addr)); err != nil {
		t.Fatal(err)
	}
	if nc, err := stream.Connect(c, "test", zap.NewNop(), func(error) {}); err == nil {
		nc.Close()
		t.Error("without a certificate: connected")
	}
}

func merchants(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "merchants.yaml")
	text := `merchants: [{id: m1, currency: INR, region: none, gateway: "https://gateway.example", rate: 1, keys: [{id: k, secret: s3cr3t}]}]`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func setUp(t *testing.T, env map[string]string) jetstream.JetStream {
	t.Helper()
	cfg, err := config.LoadSetup(env)
	if err != nil {
		t.Fatal(err)
	}
	nc, err := nats.Connect(cfg.NATS.URL.Reveal(), nats.RootCAs(cfg.NATS.TLSCA), nats.ClientCert(cfg.NATS.TLSCert, cfg.NATS.TLSKey))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Setup(t.Context(), js, cfg.Topology); err != nil {
		t.Fatal(err)
	}
	return js
}

func runReceiver(t *testing.T, env map[string]string) (url string, shutDown func()) {
	t.Helper()
	cfg, err := config.LoadReceiver(env)
	if err != nil {
		t.Fatal(err)
	}
	r, err := app.NewReceiver(t.Context(), cfg, app.Options{Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	return "https://" + r.Addr() + "/callbacks/collect/m1", func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	}
}

// push posts a callback on a connection of its own, and says who answered what,
// or the error.
func push(t *testing.T, url, order string, authority *tlsfilestest.Authority, shown ...tls.Certificate) string {
	t.Helper()
	sum := md5.Sum([]byte("amount=1&orderId=" + order + "&platOrderId=P&status=1&key=s3cr3t"))
	body := fmt.Sprintf(`{"orderId":%q,"platOrderId":"P","amount":1,"status":1,"sign":"%s"}`, order, hex.EncodeToString(sum[:]))
	transport := &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{RootCAs: authority.Pool(), Certificates: shown},
	}
	client := &http.Client{Transport: transport, Timeout: 30 * time.Second}
	res, err := client.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		return err.Error()
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return err.Error()
	}
	by := "nobody"
	if res.TLS != nil {
		by = res.TLS.PeerCertificates[0].Subject.CommonName
	}
	return fmt.Sprintf("%s: %d %s", by, res.StatusCode, answer)
}

func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	late := time.NewTimer(30 * time.Second)
	defer late.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-late.C:
			t.Fatalf("never came: %s", what)
		case <-tick.C:
		}
	}
}
