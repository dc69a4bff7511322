package sweep_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/internal/sweep"
	"github.com/settlehook/settlehook/pkg/events"
)

var stored = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// recorder is a processor that keeps what it was given.
type recorder []reconcile.Due

func (r *recorder) Sweep(_ context.Context, due reconcile.Due) reconcile.Result {
	*r = append(*r, due)
	return reconcile.Result{Disposition: reconcile.Acknowledge, Cause: "looked"}
}

func TestTurns(t *testing.T) {
	tiers := sweep.Plan([]time.Duration{time.Hour, 3 * time.Hour}, 24*time.Hour)
	first, last, lookBack := tiers[0], tiers[1], tiers[2]
	looked := reconcile.Result{Disposition: reconcile.Acknowledge, Cause: "looked"}
	wait := func(d time.Duration) reconcile.Result {
		return reconcile.Result{Disposition: reconcile.Redeliver, Cause: sweep.CauseNotDue, After: d}
	}
	for _, tt := range []struct {
		name string
		tier sweep.Tier
		age  time.Duration
		want reconcile.Result
	}{
		{"at once: it is looked at now and then", first, 0, wait(15 * time.Minute)},
		{"soon", first, 50 * time.Minute, wait(10 * time.Minute)},
		{"a moment early", first, time.Hour - time.Nanosecond, wait(time.Nanosecond)},
		{"on time", first, time.Hour, looked},
		{"late", first, 3*time.Hour - time.Nanosecond, looked},
		{"as late as the next", first, 3 * time.Hour, reconcile.Result{Disposition: reconcile.Acknowledge, Cause: sweep.CauseOvertaken}},
		{"the last is never too late", last, 1000 * time.Hour, looked},
		{"the look-back is never too late", lookBack, 1000 * time.Hour, looked},
		{"a server's clock ahead of ours", first, -time.Minute, wait(15 * time.Minute)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var r recorder
			msg := sweep.Message{Order: events.Order{Flow: events.FlowPay, Merchant: "m1", OrderID: "A1"}, Stored: stored, Sequence: 7, Deliveries: 2}
			_, got := tt.tier.Handle(t.Context(), &r, reconcile.Merchant{ID: "m1"}, msg, stored.Add(tt.age))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Fatalf("result (-want +got):\n%s", diff)
			}
			if tt.want.Cause != "looked" {
				return
			}
			want := recorder{{
				Merchant: reconcile.Merchant{ID: "m1"}, Order: msg.Order, Stage: tt.tier.Stage, Tier: tt.tier.Name,
				Stored: stored, Since: stored.Add(tt.tier.Delay), Now: stored.Add(tt.age), Sequence: 7, Deliveries: 2,
			}}
			if diff := cmp.Diff(want, r); diff != "" {
				t.Errorf("due (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPlan(t *testing.T) {
	got := sweep.Plan([]time.Duration{1, 2, 3}, 4)
	want := []sweep.Tier{
		{Name: "1", Stage: reconcile.StageTier, Delay: 1, Next: 2},
		{Name: "2", Stage: reconcile.StageTier, Delay: 2, Next: 3},
		{Name: "3", Stage: reconcile.StageLastTier, Delay: 3},
		{Name: "lookback", Stage: reconcile.StageLookBack, Delay: 4},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
}

func TestFloor(t *testing.T) {
	for _, tt := range []struct {
		name     string
		durables []sweep.Progress
		want     uint64
	}{
		{"no durables", nil, 0},
		{"one at work", []sweep.Progress{{AckFloor: 5}}, 5},
		{"one idle: its floor is old", []sweep.Progress{{AckFloor: 5, Idle: true}}, 100},
		{"the slowest counts", []sweep.Progress{{AckFloor: 50}, {AckFloor: 9}, {Idle: true}}, 9},
		{"one that has not begun", []sweep.Progress{{AckFloor: 50}, {}}, 0},
		{"ahead of the round before", []sweep.Progress{{AckFloor: 300}}, 100},
	} {
		if got := sweep.Floor(100, tt.durables); got != tt.want {
			t.Errorf("%s: floor %d, want %d", tt.name, got, tt.want)
		}
	}
}
