package stream

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"
)

// fieldsOf are the fields that an error of Verify names, as "STREAM field".
func fieldsOf(t testing.TB, err error) []string {
	t.Helper()
	var fields []string
	var walk func(error)
	walk = func(err error) {
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			for _, e := range joined.Unwrap() {
				walk(e)
			}
			return
		}
		var broken *TopologyError
		if !errors.As(err, &broken) {
			t.Fatalf("not about the topology: %v", err)
		}
		if broken.Want == broken.Got || broken.Why == "" {
			t.Errorf("%q says nothing", broken)
		}
		fields = append(fields, broken.Stream+" "+broken.Field)
	}
	if err != nil {
		walk(err)
	}
	slices.Sort(fields)
	return fields
}

func TestSetupIsIdempotent(t *testing.T) {
	b := newBench(t)
	if err := Verify(within(t), b.js, topology()); len(fieldsOf(t, err)) != len(Names()) {
		t.Errorf("without streams: %v, want each named as missing", err)
	}
	for range 3 {
		if err := Setup(within(t), b.js, topology()); err != nil {
			t.Fatal(err)
		}
		if err := Verify(within(t), b.js, topology()); err != nil {
			t.Fatal(err)
		}
		if _, err := b.js.Publish(within(t), "trail.v1.collect.m1.00", nil); err != nil {
			t.Fatal(err)
		}
	}
	if kept := len(b.messages(t, Trail)); kept != 3 {
		t.Errorf("%d messages after setting up again, want all 3", kept)
	}
}

// TestSetupMends: what a live update weakened, a set-up brings back.
func TestSetupMends(t *testing.T) {
	b := newStreams(t)
	weaken(t, b, Payments, func(c *jetstream.StreamConfig) { c.MaxAge = time.Hour; c.Duplicates = time.Minute })
	weaken(t, b, Callbacks, func(c *jetstream.StreamConfig) { c.Compression = jetstream.S2Compression })
	if err := Setup(within(t), b.js, topology()); err != nil {
		t.Fatal(err)
	}
	if err := Verify(within(t), b.js, topology()); err != nil {
		t.Error(err)
	}
}

// TestSetupExtends: an ORDERS from before repeats were stored takes them after a
// set-up, and keeps what it has.
func TestSetupExtends(t *testing.T) {
	b := newStreams(t)
	weaken(t, b, Orders, func(c *jetstream.StreamConfig) {
		c.Subjects = []string{"orders.v1.submitted.*.*.*", "orders.v1.withdrawn.*.*.*"}
	})
	if _, err := b.js.Publish(within(t), "orders.v1.submitted.pay.m1.A", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := b.js.Publish(within(t), "orders.v1.repeated.pay.m1.A", nil); err == nil {
		t.Fatal("a stream that takes no repeats took one")
	}
	if err := Setup(within(t), b.js, topology()); err != nil {
		t.Fatal(err)
	}
	if err := Verify(within(t), b.js, topology()); err != nil {
		t.Error(err)
	}
	if _, err := b.js.Publish(within(t), "orders.v1.repeated.pay.m1.A", nil); err != nil {
		t.Error(err)
	}
	if kept := len(b.messages(t, Orders)); kept != 2 {
		t.Errorf("%d messages, want 2", kept)
	}
}

// TestSetupRefuses what the server can't change.
func TestSetupRefuses(t *testing.T) {
	b := newBench(t)
	if _, err := b.js.CreateStream(within(t), jetstream.StreamConfig{
		Name: Payments, Subjects: []string{"payments.v1.>"}, Storage: jetstream.MemoryStorage,
	}); err != nil {
		t.Fatal(err)
	}
	if err := Setup(within(t), b.js, topology()); err == nil {
		t.Error("a stream in memory was taken for one on disk")
	}
}

func weaken(t testing.TB, b *bench, stream string, change func(*jetstream.StreamConfig)) {
	t.Helper()
	s, err := b.js.Stream(within(t), stream)
	if err != nil {
		t.Fatal(err)
	}
	c := s.CachedInfo().Config
	change(&c)
	if _, err := b.js.UpdateStream(within(t), c); err != nil {
		t.Fatalf("the server refuses this update: %v", err)
	}
}

// TestVerifyNamesWhatALiveUpdateBroke changes one thing of a running stream,
// and expects it named, and nothing else.
func TestVerifyNamesWhatALiveUpdateBroke(t *testing.T) {
	for _, test := range []struct {
		name, stream string
		change       func(*jetstream.StreamConfig)
		want         []string
	}{
		{"a subject more", Callbacks, func(c *jetstream.StreamConfig) { c.Subjects = append(c.Subjects, "more") }, []string{"subjects"}},
		{"other subjects", Orders, func(c *jetstream.StreamConfig) { c.Subjects = []string{"orders.v1.submitted.*.*.*"} }, []string{"subjects"}},
		{"drops the oldest", Callbacks, func(c *jetstream.StreamConfig) { c.Discard = jetstream.DiscardOld }, []string{"discard"}},
		{"blocks", Trail, func(c *jetstream.StreamConfig) { c.Discard = jetstream.DiscardNew }, []string{"discard"}},
		{"many a subject", Payments, func(c *jetstream.StreamConfig) { c.MaxMsgsPerSubject = 2 }, []string{"max_msgs_per_subject"}},
		{"one a subject", Callbacks, func(c *jetstream.StreamConfig) { c.MaxMsgsPerSubject = 1 }, []string{"max_msgs_per_subject"}},
		{"overwrites", Payments, func(c *jetstream.StreamConfig) { c.DiscardNewPerSubject = false }, []string{"discard_new_per_subject"}},
		{"overwrites orders", Orders, func(c *jetstream.StreamConfig) { c.DiscardNewPerSubject = false }, []string{"discard_new_per_subject"}},
		{"bounded in number", Payments, func(c *jetstream.StreamConfig) { c.MaxMsgs = 5 }, []string{"max_msgs"}},
		{"bounded message", Callbacks, func(c *jetstream.StreamConfig) { c.MaxMsgSize = 100 }, []string{"max_msg_size"}},
		{"acks nothing", Callbacks, func(c *jetstream.StreamConfig) { c.NoAck = true }, []string{"no_ack"}},
		{"sealed", Trail, func(c *jetstream.StreamConfig) { c.Sealed = true }, []string{"discard", "max_age", "sealed"}}, // the server changes these with it
		{"read from followers", Payments, func(c *jetstream.StreamConfig) { c.AllowDirect = true }, []string{"allow_direct"}},
		{"rolls up", Callbacks, func(c *jetstream.StreamConfig) { c.AllowRollup = true }, []string{"allow_rollup_hdrs"}},
		{"messages with a time to live", Payments, func(c *jetstream.StreamConfig) { c.AllowMsgTTL = true }, []string{"allow_msg_ttl"}},
		{"transforms", Callbacks, func(c *jetstream.StreamConfig) {
			c.SubjectTransform = &jetstream.SubjectTransformConfig{Source: "callbacks.v1.*.*.*", Destination: "callbacks.v1.{{wildcard(1)}}.x.00"}
		}, []string{"subject_transform"}},
		{"sources", Payments, func(c *jetstream.StreamConfig) { c.Sources = []*jetstream.StreamSource{{Name: "ELSEWHERE"}} }, []string{"sources"}},
		{"a shorter ledger", Payments, func(c *jetstream.StreamConfig) { c.MaxAge -= time.Hour }, []string{"max_age"}},
		{"orders forgotten early", Orders, func(c *jetstream.StreamConfig) { c.MaxAge = time.Hour }, []string{"max_age"}},
		{"callbacks forgotten early", Callbacks, func(c *jetstream.StreamConfig) { c.MaxAge = time.Hour }, []string{"max_age"}},
		{"parked outlives the ledger", Parked, func(c *jetstream.StreamConfig) { c.MaxAge = 0 }, []string{"max_age"}},
		{"a shorter window", Callbacks, func(c *jetstream.StreamConfig) { c.Duplicates = time.Second }, []string{"duplicate_window"}},
		{"compressed", Callbacks, func(c *jetstream.StreamConfig) { c.Compression = jetstream.S2Compression }, []string{"compression"}},
		{"a shorter window", Parked, func(c *jetstream.StreamConfig) { c.Duplicates = time.Second }, []string{"duplicate_window"}},

		{"a ledger for ever", Payments, func(c *jetstream.StreamConfig) { c.MaxAge = 0 }, nil},
		{"a longer ledger", Payments, func(c *jetstream.StreamConfig) { c.MaxAge += time.Hour }, nil},
		{"more room", Callbacks, func(c *jetstream.StreamConfig) { c.MaxBytes *= 2 }, nil},
		{"another description", Callbacks, func(c *jetstream.StreamConfig) { c.Description = "ours" }, nil},
	} {
		t.Run(test.stream+" "+test.name, func(t *testing.T) {
			b := newStreams(t)
			weaken(t, b, test.stream, test.change)
			var want []string
			for _, field := range test.want {
				want = append(want, test.stream+" "+field)
			}
			if diff := cmp.Diff(want, fieldsOf(t, Verify(within(t), b.js, topology()))); diff != "" {
				t.Errorf("fields named (-want +got):\n%s", diff)
			}
		})
	}
}

// TestVerifyStream names what no live update can break, but a stream may have
// been made with.
func TestVerifyStream(t *testing.T) {
	for _, test := range []struct {
		field  string
		change func(*jetstream.StreamConfig)
	}{
		{"retention", func(c *jetstream.StreamConfig) { c.Retention = jetstream.InterestPolicy }},
		{"storage", func(c *jetstream.StreamConfig) { c.Storage = jetstream.MemoryStorage }},
		{"deny_delete", func(c *jetstream.StreamConfig) { c.DenyDelete = false }},
		{"deny_purge", func(c *jetstream.StreamConfig) { c.DenyPurge = false }},
		{"persist_mode", func(c *jetstream.StreamConfig) { c.PersistMode = jetstream.AsyncPersistMode }},
		{"mirror", func(c *jetstream.StreamConfig) { c.Mirror = &jetstream.StreamSource{Name: "ELSEWHERE"} }},
		{"num_replicas", func(c *jetstream.StreamConfig) { c.Replicas = 1 }},
	} {
		t.Run(test.field, func(t *testing.T) {
			for _, declared := range Declare(topology()) {
				if declared.Name != Payments {
					continue
				}
				want := complete(declared, 3)
				if errs := verifyStream(want, want); len(errs) != 0 {
					t.Fatalf("the declared stream is refused: %v", errs)
				}
				got := want
				test.change(&got)
				if diff := cmp.Diff([]string{Payments + " " + test.field}, fieldsOf(t, errors.Join(verifyStream(want, got)...))); diff != "" {
					t.Errorf("fields named (-want +got):\n%s", diff)
				}
			}
		})
	}
}

// TestVerifyConsumer names what would lose or starve a merchant's callbacks.
func TestVerifyConsumer(t *testing.T) {
	want := Reconciler("m1", 10, 30*time.Second)
	for _, test := range []struct {
		field  string
		change func(*jetstream.ConsumerConfig)
	}{
		{"filter_subject", func(c *jetstream.ConsumerConfig) { c.FilterSubject = "callbacks.v1.*.m2.*" }},
		{"deliver_policy", func(c *jetstream.ConsumerConfig) { c.DeliverPolicy = jetstream.DeliverNewPolicy }},
		{"ack_policy", func(c *jetstream.ConsumerConfig) { c.AckPolicy = jetstream.AckNonePolicy }},
		{"max_deliver", func(c *jetstream.ConsumerConfig) { c.MaxDeliver = 5 }},
		{"backoff", func(c *jetstream.ConsumerConfig) { c.BackOff = []time.Duration{time.Second} }},
		{"headers_only", func(c *jetstream.ConsumerConfig) { c.HeadersOnly = true }},
		{"replay_policy", func(c *jetstream.ConsumerConfig) { c.ReplayPolicy = jetstream.ReplayOriginalPolicy }},
		{"mem_storage", func(c *jetstream.ConsumerConfig) { c.MemoryStorage = true }},
		{"inactive_threshold", func(c *jetstream.ConsumerConfig) { c.InactiveThreshold = time.Hour }},
		{"ack_wait", func(c *jetstream.ConsumerConfig) { c.AckWait = 29 * time.Second }},
	} {
		t.Run(test.field, func(t *testing.T) {
			got := want
			test.change(&got)
			if diff := cmp.Diff([]string{Callbacks + " " + test.field}, fieldsOf(t, verifyConsumer(Callbacks, want, got))); diff != "" {
				t.Errorf("fields named (-want +got):\n%s", diff)
			}
		})
	}
	more := want
	more.AckWait, more.MaxAckPending, more.Description = time.Minute, 5000, "ours"
	if err := verifyConsumer(Callbacks, want, more); err != nil {
		t.Errorf("what weakens nothing is refused: %v", err)
	}
}

// TestOpenReconciler: a missing durable is made, a sound one is used, a
// weakened one is refused.
func TestOpenReconciler(t *testing.T) {
	b := newStreams(t)
	want := Reconciler("m1", 10, 30*time.Second)
	for range 2 {
		c, err := openDurable(within(t), b.js, Callbacks, want)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.CachedInfo().Config; got.Durable != "reconciler-m1" || got.FilterSubject != "callbacks.v1.*.m1.*" || got.MaxAckPending != 150 {
			t.Errorf("made %+v", got)
		}
	}
	weak := want
	weak.MaxDeliver, weak.AckWait = 3, time.Second
	if err := SetupReconciler(within(t), b.js, weak); err != nil {
		t.Fatal(err)
	}
	_, err := openDurable(within(t), b.js, Callbacks, want)
	if diff := cmp.Diff([]string{Callbacks + " ack_wait", Callbacks + " max_deliver"}, fieldsOf(t, err)); diff != "" {
		t.Errorf("fields named (-want +got):\n%s", diff)
	}
	if err := SetupReconciler(within(t), b.js, want); err != nil {
		t.Fatal(err)
	}
	if _, err := openDurable(within(t), b.js, Callbacks, want); err != nil {
		t.Errorf("mended, and still refused: %v", err)
	}
}

// TestAckPending: delayed callbacks have room, and no more are taken than the
// rate can work on in half the ack wait.
func TestAckPending(t *testing.T) {
	for _, test := range []struct {
		rate    float64
		ackWait time.Duration
		want    int
	}{{1, 30 * time.Second, 64}, {10, 30 * time.Second, 150}, {100, time.Minute, 3000}, {0.1, time.Second, 64}} {
		if got := Reconciler("m1", test.rate, test.ackWait).MaxAckPending; got != test.want {
			t.Errorf("%g/s with %s: %d, want %d", test.rate, test.ackWait, got, test.want)
		}
	}
}

// TestConsumersAreNotBounded: five durables for each merchant, and those of the
// searches, are more than a server's default allows. Streams from before are
// changed.
func TestConsumersAreNotBounded(t *testing.T) {
	b := newBench(t)
	for _, c := range Declare(topology()) {
		c = complete(c, 1)
		c.MaxConsumers = -1
		if _, err := b.js.CreateStream(within(t), c); err != nil {
			t.Fatal(err)
		}
	}
	if err := Setup(within(t), b.js, topology()); err != nil {
		t.Fatal(err)
	}
	for i := range 1001 {
		if _, err := b.js.CreateConsumer(within(t), Orders, jetstream.ConsumerConfig{MemoryStorage: true, InactiveThreshold: time.Minute}); err != nil {
			t.Fatalf("consumer %d: %v", i, err)
		}
	}
}
