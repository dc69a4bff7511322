package stream

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"
)

// TestUnaware: a consumer that says that it has nothing to do is believed where
// the stream's leader has nothing for it either.
func TestUnaware(t *testing.T) {
	b := newStreams(t)
	ctx := within(t)
	b.store(t, "m1", 2) // 1 and 2
	b.store(t, "m2", 1) // 3
	s, err := b.js.Stream(ctx, Callbacks)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name      string
		config    jetstream.ConsumerConfig
		delivered uint64
		pending   uint64
		want      uint64
	}{
		{"knows of what waits", Reconciler("m1", 10, time.Second), 0, 2, 0},
		{"knows of nothing", Reconciler("m1", 10, time.Second), 0, 0, 1},
		{"does not know of the last", Reconciler("m1", 10, time.Second), 1, 0, 2},
		{"has delivered all", Reconciler("m1", 10, time.Second), 2, 0, 0},
		{"another's come after", Reconciler("m3", 10, time.Second), 0, 0, 0},
		{"several filters, the first of them", jetstream.ConsumerConfig{FilterSubjects: []string{"callbacks.v1.*.m2.*", "callbacks.v1.*.m1.*"}}, 1, 0, 2},
		{"no filter", jetstream.ConsumerConfig{}, 2, 0, 3},
	} {
		info := &jetstream.ConsumerInfo{Stream: Callbacks, Name: tt.name, Config: tt.config, NumPending: tt.pending}
		info.Delivered.Stream = tt.delivered
		if got, err := unaware(ctx, s, info); err != nil || got != tt.want {
			t.Errorf("%s: message %d (%v), want %d", tt.name, got, err, tt.want)
		}
	}
}

// TestUnawareTwice: once may be a message that came between two questions.
func TestUnawareTwice(t *testing.T) {
	d := Durable{Callbacks, "reconciler-m1"}
	for _, tt := range []struct {
		name   string
		rounds []blindness
		want   []bool
	}{
		{"twice the same", []blindness{{"a", 5}, {"a", 5}}, []bool{false, true}},
		{"it moves on", []blindness{{"a", 5}, {"a", 6}, {"a", 7}}, []bool{false, false, false}},
		{"another leads it since", []blindness{{"a", 5}, {"b", 5}, {"b", 5}}, []bool{false, false, true}},
		{"it knew in between", []blindness{{"a", 5}, {"a", 0}, {"a", 5}}, []bool{false, false, false}},
		{"moved, and given time", []blindness{{"a", 5}, {"a", 5}, {"a", 5}, {"a", 5}}, []bool{false, true, false, true}},
	} {
		w := NewCopyWatch(nil)
		var got []bool
		for _, now := range tt.rounds {
			got = append(got, w.again(d, now))
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// TestCopiesBehind: a copy under load lags by a little and moves; one that is
// silent, away or falls behind does not follow.
func TestCopiesBehind(t *testing.T) {
	const alive, silent = time.Second, time.Minute
	for _, tt := range []struct {
		name   string
		rounds []jetstream.PeerInfo
		grows  uint64 // the stream, from round to round
		want   bool   // in the last round
	}{
		{"level", []jetstream.PeerInfo{{Active: alive}, {Active: alive}}, 0, false},
		{"catches up", []jetstream.PeerInfo{{Active: alive, Lag: 900}, {Active: alive, Lag: 30}}, 0, false},
		{"level, and behind again", []jetstream.PeerInfo{{Active: alive, Lag: 9}, {Active: alive}, {Active: alive, Lag: 90}}, 0, false},
		{"behind for the first time", []jetstream.PeerInfo{{Active: alive}, {Active: silent, Lag: 90}}, 0, false},
		{"stands", []jetstream.PeerInfo{{Active: alive, Lag: 90}, {Active: alive, Lag: 90}}, 0, true},
		{"stands under load", []jetstream.PeerInfo{{Active: alive, Lag: 90}, {Active: alive, Lag: 1090}}, 1000, true},
		{"moves under load", []jetstream.PeerInfo{{Active: alive, Lag: 90}, {Active: alive, Lag: 91}}, 1000, false},
		{"silent", []jetstream.PeerInfo{{Active: silent}, {Active: silent}}, 0, true},
		{"away", []jetstream.PeerInfo{{Offline: true}, {Offline: true}}, 0, true},
	} {
		w := NewCopyWatch(nil)
		var last []Copy
		for i, peer := range tt.rounds {
			peer.Name = "nats-1"
			last = w.copies(&jetstream.StreamInfo{
				Config:  jetstream.StreamConfig{Name: Callbacks},
				State:   jetstream.StreamState{LastSeq: 1000 + uint64(i)*tt.grows},
				Cluster: &jetstream.ClusterInfo{Leader: "nats-0", Replicas: []*jetstream.PeerInfo{&peer}},
			})
		}
		if len(last) != 1 || last[0].Server != "nats-1" || last[0].Behind != tt.want {
			t.Errorf("%s: %+v, want behind %t", tt.name, last, tt.want)
		}
	}
}

// errMoving: the consumer was asked to move.
var errMoving = errors.New("it is led by another server still")

// TestConsumerIsMoved: a worker has a consumer led by the server that it names,
// on a real cluster, with the worker's permissions.
func TestConsumerIsMoved(t *testing.T) {
	c := newCluster(t)
	ctx, setup, worker := c.ctx, c.as("setup"), c.as("worker")
	durable := Reconciler("m1", 10, time.Second)
	c.again("set up the consumer", func() error { return SetupReconciler(ctx, setup, durable) })

	leader := func() string {
		once, cancel := context.WithTimeout(ctx, firstPatience) // whoever should answer may be gone
		defer cancel()
		c, err := worker.Consumer(once, Callbacks, durable.Durable)
		if err != nil || c.CachedInfo().Cluster == nil {
			return ""
		}
		return c.CachedInfo().Cluster.Leader
	}
	for _, name := range []string{"nats-0", "nats-1", "nats-2"} {
		c.again("move the consumer to "+name, func() error {
			if leader() == name {
				return nil
			}
			if err := stepDown(ctx, worker, Callbacks, durable.Durable, name); err != nil {
				return err
			}
			return errMoving
		})
	}
	copies, unaware, err := NewCopyWatch(worker).Round(ctx, []Durable{{Callbacks, durable.Durable}})
	if err != nil || len(copies) != 2*len(Names()) || len(unaware) != 0 {
		t.Errorf("copies %+v, unaware %+v: %v", copies, unaware, err)
	}
	if err := stepDown(ctx, worker, Callbacks, durable.Durable, "nobody"); err == nil {
		t.Error("moved to a server that is not there")
	}
}
