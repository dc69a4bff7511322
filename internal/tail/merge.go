package tail

import (
	"context"
	"time"
)

// mergePatience is how long one stream waits for the next message of another, of
// which there should be one: it may be gone, or the server away.
const mergePatience = time.Second

// merge writes what the sources hand over, the oldest first, until ctx ends. Each
// source has handed over one message at most.
func merge(ctx context.Context, sources []*source, from <-chan message, write func(message) error) error {
	heads := map[*source]message{} // handed over, not yet written
	for fill(ctx, sources, from, heads) {
		m := oldest(heads)
		if err := write(m); err != nil {
			return err
		}
		m.source.waiting = m.more
		delete(heads, m.source)
		m.source.next <- struct{}{}
	}
	return nil
}

// fill waits until there is a message, and for those of other sources that should
// come at once. False: ctx has ended.
func fill(ctx context.Context, sources []*source, from <-chan message, heads map[*source]message) bool {
	var late <-chan time.Time
	for len(heads) == 0 || anyLate(sources, heads) {
		if len(heads) > 0 && late == nil {
			timer := time.NewTimer(mergePatience)
			defer timer.Stop()
			late = timer.C
		}
		select {
		case m := <-from:
			heads[m.source] = m
		case <-late:
			for _, s := range sources {
				s.waiting = false // until its next message
			}
		case <-ctx.Done():
			return false
		}
	}
	return true
}

func anyLate(sources []*source, heads map[*source]message) bool {
	for _, s := range sources {
		if _, is := heads[s]; s.waiting && !is {
			return true
		}
	}
	return false
}

func oldest(heads map[*source]message) message {
	var first message
	for _, m := range heads {
		if first.source == nil || m.at.Before(first.at) {
			first = m
		}
	}
	return first
}
