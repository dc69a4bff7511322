package tail

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// A message that another stream should have, and that is gone, holds the lines up
// once, and not for long.
func TestMergeDoesNotWaitForWhatIsGone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		from, ended := make(chan message), make(chan error)
		gone := &source{stream: "gone", waiting: true, next: make(chan struct{}, 1)}
		live := &source{stream: "live", waiting: true, next: make(chan struct{}, 1)}
		begin := time.Now()
		var written []time.Duration
		go func() {
			ended <- merge(ctx, []*source{gone, live}, from, func(message) error {
				written = append(written, time.Since(begin))
				return nil
			})
		}()
		for range 3 {
			from <- message{source: live, at: time.Now(), more: true}
			<-live.next
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if want := []time.Duration{mergePatience, mergePatience, mergePatience}; !slices.Equal(written, want) {
			t.Errorf("written after %v, want %v", written, want)
		}
	})
}
