package config_test

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/zap/zapcore"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/tlsfiles/tlsfilestest"
)

// good is the least a worker or receiver needs.
func good(changes map[string]string) map[string]string {
	environ := map[string]string{
		"INSTALLATION":   "prod",
		"NATS_URL":       "nats://nats:4222",
		"REDIS_URL":      "redis://redis",
		"MERCHANTS_FILE": "/etc/settlehook/merchants.yaml",
	}
	maps.Copy(environ, changes)
	return environ
}

const day = 24 * time.Hour

func wantTopology(replicas int) config.Topology {
	return config.Topology{
		Replicas: replicas, CheckInterval: time.Minute,
		CallbacksMaxBytes: 1 << 30, CallbacksMaxAge: 45 * day,
		PaymentsMaxBytes: 1 << 30, PaymentsMaxAge: 400 * day,
		OrdersMaxBytes: 512 << 20,
		TrailMaxBytes:  256 << 20, TrailMaxAge: 45 * day,
		ParkedMaxBytes: 256 << 20, ParkedMaxAge: 90 * day,
		QuarantineMaxBytes: 512 << 20, QuarantineMaxAge: 45 * day, QuarantineMaxPerSubject: 200_000,
		BalancesMaxBytes: 64 << 20, ClosingsMaxBytes: 32 << 20,
		AckWait: 30 * time.Second,
	}
}

var (
	wantHTTP = config.HTTP{
		Addr: ":8080", ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 20 * time.Second,
		IdleTimeout: 75 * time.Second, Linger: 5 * time.Second, MaxConnections: 2048, MaxConnectionsPerSource: 1024, MaxInFlight: 1024, MaxReading: 512, MaxReadingPerSource: 256, SourceRate: 2000, SourceBurst: 4000, MerchantRate: 1000, MerchantBurst: 2000,
	}
	wantQuarantine = config.Quarantine{
		SignatureRate: 50, SignatureBurst: 2000, StrangerRate: 2, StrangerBurst: 1000,
		MalformedRate: 0.5, MalformedBurst: 200, UnknownRate: 0.5, UnknownBurst: 200,
	}
	wantReconcile = config.Reconcile{
		Roles: config.Roles{config.RoleCallbacks, config.RoleSweep}, MaxWorkers: 4, InFlight: 64, QueryTimeout: 8 * time.Second,
		RateWaitMax: 5 * time.Second, ClaimLease: 25 * time.Second, DoneTTL: 72 * time.Hour, Attempts: 8,
		RetryMin: time.Second, RetryMax: time.Minute, ParkAfter: 72 * time.Hour, BreakerFailures: 5, BreakerOpen: 15 * time.Second,
	}
	byText = cmp.Options{
		cmp.Comparer(func(a, b config.NATSURL) bool { return a.Reveal() == b.Reveal() }),
		cmp.Comparer(func(a, b config.RedisURL) bool { return cmp.Equal(a.Target(), b.Target()) }),
		cmpopts.EquateEmpty(),
	}
)

var wantSweep = config.Sweep{
	Delays:   config.Durations{45 * time.Minute, 2 * time.Hour, 6 * time.Hour, 24 * time.Hour, 72 * time.Hour},
	LookBack: 24 * time.Hour, Share: 0.2, HighWater: 0.8,
}

var (
	wantSurvey  = config.Survey{Interval: 30 * time.Second, BalanceInterval: 5 * time.Minute}
	wantTracing = config.Tracing{Protocol: "http/protobuf", Exporter: "otlp", Sampler: "parentbased_always_on"}
)

func natsURL(t *testing.T, text string) (u config.NATSURL) {
	t.Helper()
	if err := u.UnmarshalText([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return u
}

func redisURL(t *testing.T, text string) (u config.RedisURL) {
	t.Helper()
	if err := u.UnmarshalText([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return u
}

func wantNATS(t *testing.T) config.NATS {
	return config.NATS{URL: natsURL(t, "nats://nats:4222"), ConnectTimeout: 5 * time.Second, PublishTimeout: 4 * time.Second}
}

func wantRedis(t *testing.T) config.Redis {
	const quarter = 250 * time.Millisecond
	return config.Redis{
		URL: redisURL(t, "redis://redis:6379/0"), KeyPrefix: "settlehook:",
		DialTimeout: quarter, ReadTimeout: quarter, WriteTimeout: quarter,
	}
}

func TestDefaults(t *testing.T) {
	general := config.General{Installation: "prod", ShutdownTimeout: 25 * time.Second}
	merchants := config.MerchantsFile{Path: "/etc/settlehook/merchants.yaml", Poll: 30 * time.Second}
	jsonLog := config.Log{Level: config.LogLevel(zapcore.InfoLevel), Format: config.LogJSON}
	admin := config.Admin{Addr: ":9090"}

	receiver, err := config.LoadReceiver(good(nil))
	compare(t, receiver, err, config.Receiver{
		General: general, Log: jsonLog, Admin: admin, NATS: wantNATS(t), Merchants: merchants,
		Topology: wantTopology(3), HTTP: wantHTTP, Quarantine: wantQuarantine, Tracing: wantTracing,
	})
	worker, err := config.LoadWorker(good(nil))
	compare(t, worker, err, config.Worker{
		General: general, Log: jsonLog, Admin: admin, NATS: wantNATS(t), Merchants: merchants,
		Topology: wantTopology(3), Redis: wantRedis(t), Reconcile: wantReconcile, Sweep: wantSweep, Survey: wantSurvey, Tracing: wantTracing,
	})
	setup, err := config.LoadSetup(good(nil))
	compare(t, setup, err, config.Setup{
		General: general, Log: jsonLog, NATS: wantNATS(t), Merchants: merchants, Topology: wantTopology(3), Sweep: wantSweep,
	})

	// What "up" embeds it does not read, not even to find a fault in it.
	embedded := map[string]string{"MERCHANTS_FILE": "/etc/settlehook/merchants.yaml", "NATS_URL": "no url", "REDIS_URL": "no url"}
	up, err := config.LoadUp(embedded)
	general.Installation = "local"
	nats, redis := wantNATS(t), wantRedis(t)
	nats.URL, redis.URL = config.NATSURL{}, config.RedisURL{}
	want := config.Up{
		General: general, Log: config.Log{Level: jsonLog.Level, Format: config.LogConsole}, Admin: admin, NATS: nats,
		Merchants: merchants, Topology: wantTopology(1), HTTP: wantHTTP, Quarantine: wantQuarantine, Redis: redis, Reconcile: wantReconcile, Sweep: wantSweep, Survey: wantSurvey, Tracing: wantTracing,
	}
	compare(t, up, err, want)
	compare(t, up.Receiver(), nil, config.Receiver{
		General: general, Log: want.Log, Admin: admin, NATS: nats, Merchants: merchants,
		Topology: want.Topology, HTTP: wantHTTP, Quarantine: wantQuarantine, Tracing: wantTracing,
	})
	compare(t, up.Worker(), nil, config.Worker{
		General: general, Log: want.Log, Admin: admin, NATS: nats, Merchants: merchants,
		Topology: want.Topology, Redis: redis, Reconcile: wantReconcile, Sweep: wantSweep, Survey: wantSurvey, Tracing: wantTracing,
	})
	if len(embedded) != 3 {
		t.Error("LoadUp changed its argument")
	}
}

func compare[T any](t *testing.T, got T, err error, want T) {
	t.Helper()
	if err != nil {
		t.Fatalf("%T: %v", want, err)
	}
	if diff := cmp.Diff(want, got, byText); diff != "" {
		t.Errorf("%T (-want +got):\n%s", want, diff)
	}
}

func TestEmptyMeansUnset(t *testing.T) {
	environ := good(nil)
	for name := range good(nil) {
		environ[name] = ""
	}
	environ["HTTP_ADDR"] = ""
	cfg, err := config.LoadUp(map[string]string{"MERCHANTS_FILE": "m.yaml", "HTTP_ADDR": "", "INSTALLATION": ""})
	if err != nil || cfg.HTTP.Addr != ":8080" || cfg.General.Installation != "local" {
		t.Errorf("%+v, %v", cfg, err)
	}
	if _, err := config.LoadWorker(environ); len(config.Faults(err)) != 4 {
		t.Errorf("want four faults, got: %v", err)
	}
}

// The process's own environment must not leak into what was asked for.
func TestNilEnvironmentIsEmpty(t *testing.T) {
	t.Setenv("INSTALLATION", "leaked")
	t.Setenv("ACK_WAIT", "leaked")
	const want = "INSTALLATION: not set; give this installation a name of letters, digits, _ and -, for example INSTALLATION=prod\n" +
		"NATS_URL: not set; name the NATS servers, for example NATS_URL=nats://nats:4222\n" +
		"MERCHANTS_FILE: not set; give the path of the merchants file, for example MERCHANTS_FILE=/etc/settlehook/merchants.yaml\n" +
		"REDIS_URL: not set; name the Redis server, for example REDIS_URL=redis://redis:6379/0"
	if _, err := config.LoadWorker(nil); err == nil || err.Error() != want {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
}

func loadReceiver(environ map[string]string) error {
	_, err := config.LoadReceiver(environ)
	return err
}

func loadWorker(environ map[string]string) error { _, err := config.LoadWorker(environ); return err }

func loadSetup(environ map[string]string) error { _, err := config.LoadSetup(environ); return err }
func loadUp(environ map[string]string) error    { _, err := config.LoadUp(environ); return err }

func TestRefusals(t *testing.T) {
	dir := t.TempDir()
	missing, password, empty := filepath.Join(dir, "missing"), filepath.Join(dir, "password"), filepath.Join(dir, "empty")
	must(t, os.WriteFile(password, []byte("p4ss\n"), 0o600))
	must(t, os.WriteFile(empty, []byte("\n"), 0o600))
	const (
		duration = `is not a duration; write it like "250ms", "30s", "1h30m" or "45d"`
		size     = `is not a size; write it like "512MiB" or "4GiB" (KiB, MiB, GiB, TiB, or plain bytes)`
		natsWant = "NATS_URL: has an entry that is not a NATS URL; write each like nats://host:4222 (or tls://, ws://, wss://) and percent-encode special characters in a password"
		listen   = `is not an address to listen on; write it like ":8080" or "127.0.0.1:8080"`
	)
	for _, tt := range []struct {
		load   func(map[string]string) error
		change map[string]string
		want   []string
	}{
		// One variable.
		{loadSetup, map[string]string{"INSTALLATION": "a b"}, []string{`INSTALLATION="a b": use only letters, digits, _ and -, at most 64 of them`}},
		{loadSetup, map[string]string{"INSTALLATION": strings.Repeat("a", 65)}, []string{`INSTALLATION="` + strings.Repeat("a", 65) + `": use only letters, digits, _ and -, at most 64 of them`}},
		{loadSetup, map[string]string{"SHUTDOWN_TIMEOUT": "0s"}, []string{`SHUTDOWN_TIMEOUT="0s": must be longer than zero`}},
		{loadSetup, map[string]string{"SHUTDOWN_TIMEOUT": "25"}, []string{`SHUTDOWN_TIMEOUT="25": ` + duration}},
		{loadSetup, map[string]string{"LOG_LEVEL": "loud"}, []string{`LOG_LEVEL="loud": is not a level; use debug, info, warn or error`}},
		{loadSetup, map[string]string{"LOG_LEVEL": "panic"}, []string{`LOG_LEVEL="panic": is not a level; use debug, info, warn or error`}},
		{loadSetup, map[string]string{"LOG_FORMAT": "xml"}, []string{`LOG_FORMAT="xml": is not a format; use json or console`}},
		{loadSetup, map[string]string{"NATS_URL": "nats:4222"}, []string{natsWant}},
		{loadSetup, map[string]string{"NATS_URL": "http://nats"}, []string{natsWant}},
		{loadSetup, map[string]string{"NATS_URL": "nats://a:4222,"}, []string{natsWant}},
		{loadSetup, map[string]string{"NATS_URL": "nats://u:p4ss%@a:4222"}, []string{natsWant}},
		{loadSetup, map[string]string{"NATS_URL": "nats://a:4222?token=p4ss"}, []string{natsWant}},
		{loadSetup, map[string]string{"NATS_CREDS": missing}, []string{`NATS_CREDS="` + missing + `": cannot be read (no such file or directory); mount the file or correct the path`}},
		{loadSetup, map[string]string{"NATS_USER": "worker"}, []string{"NATS_PASSWORD_FILE: not set, but NATS_USER is; set both or neither"}},
		{loadSetup, map[string]string{"NATS_PASSWORD_FILE": password}, []string{"NATS_USER: not set, but NATS_PASSWORD_FILE is; set both or neither"}},
		{loadSetup, map[string]string{"NATS_USER": "worker", "NATS_PASSWORD_FILE": missing}, []string{`NATS_PASSWORD_FILE="` + missing + `": cannot be read (no such file or directory); mount the file with the password or correct the path`}},
		{loadSetup, map[string]string{"NATS_USER": "worker", "NATS_PASSWORD_FILE": empty}, []string{`NATS_PASSWORD_FILE="` + empty + `": cannot be read (is empty); mount the file with the password or correct the path`}},
		{loadSetup, map[string]string{"NATS_URL": "nats://a:4222,nats://u:p4ss@b:4222", "NATS_USER": "worker", "NATS_PASSWORD_FILE": password}, []string{"NATS_URL: carries credentials, but NATS_USER and NATS_PASSWORD_FILE are set; leave what stands before the @ out of it"}},
		{loadSetup, map[string]string{"NATS_CREDS": password, "NATS_USER": "worker", "NATS_PASSWORD_FILE": password}, []string{`NATS_CREDS="` + password + `": is set, and so is NATS_USER; use one of them`}},
		{loadWorker, map[string]string{"REDIS_PASSWORD_FILE": empty}, []string{`REDIS_PASSWORD_FILE="` + empty + `": cannot be read (is empty); mount the file with the password or correct the path`}},
		{loadWorker, map[string]string{"REDIS_URL": "redis://u:p4ss@r", "REDIS_PASSWORD_FILE": password}, []string{"REDIS_URL: carries a password, but REDIS_PASSWORD_FILE is set; leave the password out of it (redis://user@host:6379)"}},
		{loadSetup, map[string]string{"NATS_TLS_CA": missing}, []string{`NATS_TLS_CA="` + missing + `": cannot be read (no such file or directory); mount the file or correct the path`}},
		{loadSetup, map[string]string{"NATS_TLS_CA": "/dev/null"}, []string{`NATS_TLS_CA="/dev/null": holds no certificate; give a PEM file`}},
		{loadSetup, map[string]string{"NATS_INBOX_PREFIX": "_INBOX.>"}, []string{`NATS_INBOX_PREFIX="_INBOX.>": must be tokens of letters, digits, _ and -, joined with dots; write it like _INBOX_worker`}},
		{loadSetup, map[string]string{"NATS_TLS_CERT": "/dev/null"}, []string{"NATS_TLS_KEY: not set, but NATS_TLS_CERT is; set both or neither"}},
		{loadSetup, map[string]string{"NATS_TLS_KEY": "/dev/null"}, []string{"NATS_TLS_CERT: not set, but NATS_TLS_KEY is; set both or neither"}},
		{loadSetup, map[string]string{"NATS_CONNECT_TIMEOUT": "0s"}, []string{`NATS_CONNECT_TIMEOUT="0s": must be longer than zero`}},
		{loadSetup, map[string]string{"NATS_PUBLISH_TIMEOUT": "0d"}, []string{`NATS_PUBLISH_TIMEOUT="0s": must be longer than zero`}},
		{loadSetup, map[string]string{"MERCHANTS_POLL": "-1s"}, []string{`MERCHANTS_POLL="-1s": ` + duration}},
		{loadSetup, map[string]string{"MERCHANTS_POLL": "0s"}, []string{`MERCHANTS_POLL="0s": must be longer than zero`}},
		{loadSetup, map[string]string{"STREAM_REPLICAS": "2"}, []string{`STREAM_REPLICAS="2": must be 1, 3 or 5: an even number survives no more failures than the odd one below it`}},
		{loadSetup, map[string]string{"STREAM_REPLICAS": "three"}, []string{`STREAM_REPLICAS="three": is not a whole number; write it like "64"`}},
		{loadSetup, map[string]string{"STREAM_REPLICAS": "99999999999"}, []string{`STREAM_REPLICAS="99999999999": is out of range`}},
		{loadSetup, map[string]string{"TOPOLOGY_CHECK_INTERVAL": "0s"}, []string{`TOPOLOGY_CHECK_INTERVAL="0s": must be longer than zero`}},
		{loadSetup, map[string]string{"ACK_WAIT": "0s"}, []string{`ACK_WAIT="0s": must be longer than zero`}},
		{loadSetup, map[string]string{"QUARANTINE_MAX_PER_SUBJECT": "0"}, []string{`QUARANTINE_MAX_PER_SUBJECT="0": must be from 1 to 10000000`}},
		{loadSetup, map[string]string{"CALLBACKS_MAX_BYTES": "1GB"}, []string{`CALLBACKS_MAX_BYTES="1GB": ` + size}},
		{loadSetup, map[string]string{"CALLBACKS_MAX_BYTES": "0"}, []string{`CALLBACKS_MAX_BYTES="0": must be at least 1MiB`}},
		{loadSetup, map[string]string{"PAYMENTS_MAX_BYTES": "1KiB"}, []string{`PAYMENTS_MAX_BYTES="1KiB": must be at least 1MiB`}},
		{loadSetup, map[string]string{"ORDERS_MAX_BYTES": "1KiB"}, []string{`ORDERS_MAX_BYTES="1KiB": must be at least 1MiB`}},
		{loadSetup, map[string]string{"TRAIL_MAX_BYTES": "1KiB"}, []string{`TRAIL_MAX_BYTES="1KiB": must be at least 1MiB`}},
		{loadSetup, map[string]string{"PARKED_MAX_BYTES": "1KiB"}, []string{`PARKED_MAX_BYTES="1KiB": must be at least 1MiB`}},
		{loadSetup, map[string]string{"QUARANTINE_MAX_BYTES": "1023KiB"}, []string{`QUARANTINE_MAX_BYTES="1023KiB": must be at least 1MiB`}},
		{loadSetup, map[string]string{"CALLBACKS_MAX_AGE": "0s"}, []string{`CALLBACKS_MAX_AGE="0s": must be from 1h to 7300d`}},
		{loadSetup, map[string]string{"PAYMENTS_MAX_AGE": "7301d"}, []string{`PAYMENTS_MAX_AGE="7301d": must be from 1h to 7300d`}},
		{loadSetup, map[string]string{"TRAIL_MAX_AGE": "59m"}, []string{`TRAIL_MAX_AGE="59m": must be from 1h to 7300d`}},
		{loadSetup, map[string]string{"PARKED_MAX_AGE": "1s"}, []string{`PARKED_MAX_AGE="1s": must be from 1h to 7300d`}},
		{loadSetup, map[string]string{"QUARANTINE_MAX_AGE": "1s"}, []string{`QUARANTINE_MAX_AGE="1s": must be from 1h to 7300d`}},
		{loadReceiver, map[string]string{"ADMIN_ADDR": "9090"}, []string{`ADMIN_ADDR="9090": ` + listen}},
		{loadReceiver, map[string]string{"HTTP_ADDR": ":http"}, []string{`HTTP_ADDR=":http": ` + listen}},
		{loadReceiver, map[string]string{"HTTP_ADDR": ":65536"}, []string{`HTTP_ADDR=":65536": ` + listen}},
		{loadReceiver, map[string]string{"HTTP_READ_HEADER_TIMEOUT": "0s"}, []string{`HTTP_READ_HEADER_TIMEOUT="0s": must be longer than zero`}},
		{loadReceiver, map[string]string{"HTTP_LINGER": "-1s"}, []string{`HTTP_LINGER="-1s": ` + duration}},
		{loadReceiver, map[string]string{"HTTP_IDLE_TIMEOUT": "0s"}, []string{`HTTP_IDLE_TIMEOUT="0s": must be longer than zero`}},
		{loadReceiver, map[string]string{"HTTP_MAX_CONNECTIONS": "1536"}, []string{`HTTP_MAX_CONNECTIONS="1536": must exceed HTTP_MAX_READING (512) + HTTP_MAX_IN_FLIGHT (1024), or requests in work could leave no connection to close for a new one; raise it or lower the others`}},
		{loadReceiver, map[string]string{"HTTP_MAX_CONNECTIONS": "1000001"}, []string{`HTTP_MAX_CONNECTIONS="1000001": must be from 1 to 1000000`}},
		{loadReceiver, map[string]string{"HTTP_MAX_CONNECTIONS_PER_SOURCE": "0"}, []string{`HTTP_MAX_CONNECTIONS_PER_SOURCE="0": must be from 1 to 1000000`}},
		{loadReceiver, map[string]string{"HTTP_MAX_IN_FLIGHT": "0"}, []string{`HTTP_MAX_IN_FLIGHT="0": must be from 1 to 1000000`}},
		{loadReceiver, map[string]string{"HTTP_MAX_READING_PER_SOURCE": "513"}, []string{`HTTP_MAX_READING_PER_SOURCE="513": exceeds HTTP_MAX_READING (512), the places there are; lower it`}},
		{loadReceiver, map[string]string{"HTTP_TLS_CERT": "/dev/null"}, []string{"HTTP_TLS_KEY: not set, but HTTP_TLS_CERT is; set both or neither"}},
		{loadReceiver, map[string]string{"HTTP_TLS_KEY": "/dev/null"}, []string{"HTTP_TLS_CERT: not set, but HTTP_TLS_KEY is; set both or neither"}},
		{loadReceiver, map[string]string{"HTTP_TLS_CERT": missing, "HTTP_TLS_KEY": missing}, []string{
			`HTTP_TLS_CERT="` + missing + `": cannot be read (no such file or directory); mount the file or correct the path`,
			`HTTP_TLS_KEY="` + missing + `": cannot be read (no such file or directory); mount the file or correct the path`,
		}},
		{loadReceiver, map[string]string{"HTTP_TLS_CERT": "/dev/null", "HTTP_TLS_KEY": "/dev/null"}, []string{
			`HTTP_TLS_CERT="/dev/null": is no certificate with the key in HTTP_TLS_KEY (tls: failed to find any PEM data in certificate input); give PEM files that belong together`,
		}},
		{loadReceiver, map[string]string{"HTTP_TLS_CLIENT_CA": "/dev/null"}, []string{
			`HTTP_TLS_CLIENT_CA="/dev/null": holds no certificate; give a PEM file`,
			`HTTP_TLS_CERT: not set, but HTTP_TLS_CLIENT_CA is: clients can show a certificate over TLS only; set it, or remove HTTP_TLS_CLIENT_CA`,
		}},
		{loadReceiver, map[string]string{"HTTP_SOURCE_RATE": "many"}, []string{`HTTP_SOURCE_RATE="many": is not a number; write it like "200" or "0.5"`}},
		{loadReceiver, map[string]string{"HTTP_SOURCE_RATE": "-1"}, []string{`HTTP_SOURCE_RATE="-1": must be 0 (no limit) or a number of requests per second`}},
		{loadReceiver, map[string]string{"HTTP_MERCHANT_RATE": "NaN"}, []string{`HTTP_MERCHANT_RATE="NaN": must be 0 (no limit) or a number of requests per second`}},
		{loadReceiver, map[string]string{"HTTP_MERCHANT_RATE": "Inf"}, []string{`HTTP_MERCHANT_RATE="+Inf": must be 0 (no limit) or a number of requests per second`}},
		{loadReceiver, map[string]string{"HTTP_SOURCE_BURST": "0"}, []string{`HTTP_SOURCE_BURST="0": must be from 1 to 1000000`}},
		{loadReceiver, map[string]string{"HTTP_MERCHANT_BURST": "0"}, []string{`HTTP_MERCHANT_BURST="0": must be from 1 to 1000000`}},
		{loadReceiver, map[string]string{"QUARANTINE_SIGNATURE_BURST": "0"}, []string{`QUARANTINE_SIGNATURE_BURST="0": must be from 1 to 1000000`}},
		{loadReceiver, map[string]string{"QUARANTINE_STRANGER_BURST": "0"}, []string{`QUARANTINE_STRANGER_BURST="0": must be from 1 to 1000000`}},
		{loadReceiver, map[string]string{"QUARANTINE_MALFORMED_BURST": "0"}, []string{`QUARANTINE_MALFORMED_BURST="0": must be from 1 to 1000000`}},
		{loadReceiver, map[string]string{"QUARANTINE_UNKNOWN_BURST": "0"}, []string{`QUARANTINE_UNKNOWN_BURST="0": must be from 1 to 1000000`}},
		{loadReceiver, map[string]string{"HTTP_TRUSTED_PROXIES": "10.1.0.0/8"}, []string{`HTTP_TRUSTED_PROXIES="10.1.0.0/8": "10.1.0.0/8" has bits set behind the prefix length; write 10.0.0.0/8 for the range or 10.1.0.0 for the one address`}},
		{loadWorker, map[string]string{"REDIS_TLS_CERT": "/dev/null"}, []string{"REDIS_TLS_KEY: not set, but REDIS_TLS_CERT is; set both or neither", `REDIS_TLS_CERT="/dev/null": is set, but REDIS_URL does not ask for TLS; write it with rediss, or remove REDIS_TLS_CERT`}},
		{loadWorker, map[string]string{"REDIS_TLS_CA": "/dev/null"}, []string{`REDIS_TLS_CA="/dev/null": holds no certificate; give a PEM file`, `REDIS_TLS_CA="/dev/null": is set, but REDIS_URL does not ask for TLS; write it with rediss, or remove REDIS_TLS_CA`}},
		{loadWorker, map[string]string{"REDIS_KEY_PREFIX": "{x}"}, []string{`REDIS_KEY_PREFIX="{x}": use only letters, digits, and _ - . : (at most 64)`}},
		{loadWorker, map[string]string{"REDIS_DIAL_TIMEOUT": "0s"}, []string{`REDIS_DIAL_TIMEOUT="0s": must be longer than zero`}},
		{loadWorker, map[string]string{"REDIS_READ_TIMEOUT": "0s"}, []string{`REDIS_READ_TIMEOUT="0s": must be longer than zero`}},
		{loadWorker, map[string]string{"REDIS_WRITE_TIMEOUT": "0s"}, []string{`REDIS_WRITE_TIMEOUT="0s": must be longer than zero`}},
		{loadWorker, map[string]string{"WORKER_ROLES": "callbacks,swep"}, []string{`WORKER_ROLES="callbacks,swep": has an unknown role (swep); use: callbacks, sweep`}},
		{loadWorker, map[string]string{"SWEEP_DELAYS": "1h,45m"}, []string{`SWEEP_DELAYS="1h,45m": must be above zero and grow from each delay to the next`}},
		{loadWorker, map[string]string{"SWEEP_DELAYS": "0s"}, []string{`SWEEP_DELAYS="0s": must be above zero and grow from each delay to the next`}},
		{loadWorker, map[string]string{"SWEEP_DELAYS": "soon"}, []string{`SWEEP_DELAYS="soon": is not a list of durations; write it like "45m,2h,6h"`}},
		{loadWorker, map[string]string{"SWEEP_DELAYS": "1s,2s,3s,4s,5s,6s,7s,8s,9s,10s"}, []string{`SWEEP_DELAYS="1s,2s,3s,4s,5s,6s,7s,8s,9s,10s": must be one to 9 delays separated by commas`}},
		{loadWorker, map[string]string{"SWEEP_DELAYS": "1h,42d"}, []string{`SWEEP_DELAYS="1h,42d": the last delay and PARK_AFTER (3d) must be shorter than CALLBACKS_MAX_AGE (45d), or a callback could age out that the sweep has to decide with; shorten them`}},
		{loadWorker, map[string]string{"SWEEP_LOOK_BACK": "0s"}, []string{`SWEEP_LOOK_BACK="0s": must be longer than zero`}},
		{loadWorker, map[string]string{"SWEEP_SHARE": "1.5"}, []string{`SWEEP_SHARE="1.5": must be above 0 and at most 1`}},
		{loadWorker, map[string]string{"CALLBACKS_HIGH_WATER": "0"}, []string{`CALLBACKS_HIGH_WATER="0": must be above 0 and at most 1`}},
		{loadWorker, map[string]string{"WORKER_ROLES": "callbacks, callbacks"}, []string{`WORKER_ROLES="callbacks, callbacks": names callbacks twice; name each role once`}},
		{loadWorker, map[string]string{"MAX_WORKERS": "0"}, []string{`MAX_WORKERS="0": must be from 1 to 10000`}},
		{loadWorker, map[string]string{"WORKER_IN_FLIGHT": "0"}, []string{`WORKER_IN_FLIGHT="0": must be from 1 to 100000`}},
		{loadWorker, map[string]string{"ATTEMPTS": "0"}, []string{`ATTEMPTS="0": must be from 1 to 1000`}},
		{loadWorker, map[string]string{"BREAKER_FAILURES": "0"}, []string{`BREAKER_FAILURES="0": must be from 1 to 10000`}},
		{loadWorker, map[string]string{"BREAKER_OPEN": "0s"}, []string{`BREAKER_OPEN="0s": must be longer than zero`}},
		{loadWorker, map[string]string{"QUERY_TIMEOUT": "0s"}, []string{`QUERY_TIMEOUT="0s": must be longer than zero`}},
		{loadWorker, map[string]string{"RATE_WAIT_MAX": "0s"}, []string{`RATE_WAIT_MAX="0s": must be longer than zero`}},
		{loadWorker, map[string]string{"DONE_TTL": "0s"}, []string{`DONE_TTL="0s": must be longer than zero`}},
		{loadWorker, map[string]string{"RETRY_MIN": "0s"}, []string{`RETRY_MIN="0s": must be longer than zero`}},

		// Contradictions.
		{loadSetup, map[string]string{"PAYMENTS_MAX_AGE": "225d"}, []string{`PAYMENTS_MAX_AGE="225d": must exceed 225d: QUARANTINE_MAX_AGE (45d) + CALLBACKS_MAX_AGE (45d) + PARKED_MAX_AGE (90d) + CALLBACKS_MAX_AGE (45d), or a callback replayed after its event is gone would settle twice; raise it or shorten the others`}},
		{loadSetup, map[string]string{"PARKED_MAX_AGE": "400d"}, []string{`PAYMENTS_MAX_AGE="400d": must exceed 535d: QUARANTINE_MAX_AGE (45d) + CALLBACKS_MAX_AGE (45d) + PARKED_MAX_AGE (400d) + CALLBACKS_MAX_AGE (45d), or a callback replayed after its event is gone would settle twice; raise it or shorten the others`}},
		{loadReceiver, map[string]string{"HTTP_READ_HEADER_TIMEOUT": "11s"}, []string{`HTTP_READ_HEADER_TIMEOUT="11s": exceeds HTTP_READ_TIMEOUT (10s), which covers the headers too; lower it`}},
		{loadReceiver, map[string]string{"ADMIN_ADDR": ":8080"}, []string{`ADMIN_ADDR=":8080": is also HTTP_ADDR; give each its own port`}},
		{loadReceiver, map[string]string{"HTTP_WRITE_TIMEOUT": "14s"}, []string{`HTTP_WRITE_TIMEOUT="14s": must exceed HTTP_READ_TIMEOUT (10s) + NATS_PUBLISH_TIMEOUT (4s), or the answer to a stored callback could be cut off; raise it`}},
		{loadReceiver, map[string]string{"SHUTDOWN_TIMEOUT": "19s"}, []string{`SHUTDOWN_TIMEOUT="19s": must exceed HTTP_LINGER (5s) + HTTP_READ_TIMEOUT (10s) + NATS_PUBLISH_TIMEOUT (4s), or a stop could cut off a request in flight; raise it`}},
		{loadWorker, map[string]string{"QUERY_TIMEOUT": "16s"}, []string{
			`CLAIM_LEASE="25s": must exceed RATE_WAIT_MAX (5s) + QUERY_TIMEOUT (16s) + NATS_PUBLISH_TIMEOUT (4s), or a callback would be claimed twice while it is in work; raise it or shorten the others`,
			`SHUTDOWN_TIMEOUT="25s": must exceed RATE_WAIT_MAX (5s) + QUERY_TIMEOUT (16s) + NATS_PUBLISH_TIMEOUT (4s), or a stop could cut off a callback in work; raise it`,
		}},
		{loadWorker, map[string]string{"CLAIM_LEASE": "31s"}, []string{`CLAIM_LEASE="31s": must not exceed ACK_WAIT (30s), or a callback delivered again after a crash would find the claim still held; lower it or raise ACK_WAIT`}},
		{loadWorker, map[string]string{"DONE_TTL": "1m"}, []string{`DONE_TTL="1m": must exceed RETRY_MAX (1m), or the looks at a callback are forgotten before the next one and never come to an end`}},
		{loadWorker, map[string]string{"RETRY_MIN": "2m"}, []string{`RETRY_MIN="2m": exceeds RETRY_MAX (1m); lower it or raise RETRY_MAX`}},
		{loadWorker, map[string]string{"PARK_AFTER": "1m"}, []string{`RETRY_MAX="1m": must be shorter than PARK_AFTER (1m), or a callback is given up on before it is looked at again`}},
		{loadWorker, map[string]string{"PARK_AFTER": "45d"}, []string{`PARK_AFTER="45d": must be shorter than CALLBACKS_MAX_AGE (45d), or a callback could age out before it is parked; lower it`}},
		{loadUp, map[string]string{"STREAM_REPLICAS": "3"}, []string{`STREAM_REPLICAS="3": settlehook up runs one embedded server; remove it or set it to 1`}},

		// Many faults are told at once; what could contradict only by a default is not.
		{loadWorker, map[string]string{"INSTALLATION": "", "CLAIM_LEASE": "5 s", "ACK_WAIT": "1s", "MAX_WORKERS": "0"}, []string{
			"INSTALLATION: not set; give this installation a name of letters, digits, _ and -, for example INSTALLATION=prod",
			`CLAIM_LEASE="5 s": ` + duration,
			`MAX_WORKERS="0": must be from 1 to 10000`,
		}},
	} {
		err := tt.load(good(tt.change))
		if err == nil {
			t.Errorf("%v: accepted", tt.change)
			continue
		}
		if diff := cmp.Diff(tt.want, strings.Split(err.Error(), "\n")); diff != "" {
			t.Errorf("%v (-want +got):\n%s", tt.change, diff)
		}
		if got := len(config.Faults(err)); got != len(tt.want) {
			t.Errorf("%v: %d faults, want %d", tt.change, got, len(tt.want))
		}
	}
}

func TestAccepted(t *testing.T) {
	authority := tlsfilestest.NewAuthority(t)
	cert, key := authority.Issue("settlehook")
	password := filepath.Join(t.TempDir(), "password")
	must(t, os.WriteFile(password, []byte("p4ss\n"), 0o600))
	for _, change := range []map[string]string{
		{"NATS_USER": "worker", "NATS_PASSWORD_FILE": password},
		{"REDIS_URL": "redis://worker@redis", "REDIS_PASSWORD_FILE": password},
		{"HTTP_SOURCE_RATE": "0", "HTTP_SOURCE_BURST": "0"},
		{"HTTP_ADDR": "127.0.0.1:0", "ADMIN_ADDR": "127.0.0.1:0"},
		{"CLAIM_LEASE": "30s"},
		{"STREAM_REPLICAS": "1"},
		{"STREAM_REPLICAS": "5"},
		{"PAYMENTS_MAX_AGE": "226d"},
		{"NATS_URL": "tls://a:4222, tls://b:4222"},
		{"NATS_TLS_CA": authority.CA, "NATS_TLS_CERT": cert, "NATS_TLS_KEY": key},
		{"REDIS_URL": "rediss://redis", "REDIS_TLS_CA": authority.CA, "REDIS_TLS_CERT": cert, "REDIS_TLS_KEY": key},
		{"HTTP_TLS_CERT": cert, "HTTP_TLS_KEY": key},
		{"HTTP_TLS_CERT": cert, "HTTP_TLS_KEY": key, "HTTP_TLS_CLIENT_CA": authority.CA},
		{"SOMETHING_ELSE": "x"},
	} {
		if err := loadReceiver(good(change)); err != nil {
			t.Errorf("receiver %v: %v", change, err)
		}
		if err := loadWorker(good(change)); err != nil {
			t.Errorf("worker %v: %v", change, err)
		}
	}
}
