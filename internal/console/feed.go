package console

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/internal/tail"
	"github.com/settlehook/settlehook/pkg/events"
)

// kept is how many messages of each stream the flow begins with, and shown how many
// a page shows.
const (
	kept  = 100
	shown = 100
)

// item is one line of the flow.
type item struct {
	ID int64 // rises by one with each
	At time.Time
	tail.Line
	Link link // to the case or the order
}

// link is where more is to be read.
type link struct{ Text, URL string }

// feed follows the streams for all live pages. The newest lines are in memory, and
// nothing else.
type feed struct {
	js      jetstream.JetStream
	figures *figures

	mu      sync.Mutex
	newest  []item // in the order in which they came
	last    int64
	changed chan struct{} // closed with the next line
	ended   chan struct{}
	endOnce sync.Once
}

func newFeed(js jetstream.JetStream, f *figures) *feed {
	return &feed{js: js, figures: f, changed: make(chan struct{}), ended: make(chan struct{})}
}

// followed are the streams of the flow.
var followed = []string{stream.Callbacks, stream.Payments, stream.Parked, stream.Quarantine}

// run follows until ctx ends.
func (f *feed) run(ctx context.Context) error {
	all, ctx := errgroup.WithContext(ctx)
	for _, name := range followed {
		all.Go(func() error {
			if err := f.follow(ctx, name); err != nil && ctx.Err() == nil {
				return fmt.Errorf("follow %s: %w", name, err)
			}
			return nil
		})
	}
	return all.Wait()
}

// end lets live pages go.
func (f *feed) end() { f.endOnce.Do(func() { close(f.ended) }) }

func (f *feed) follow(ctx context.Context, name string) error {
	held, err := f.js.Stream(ctx, name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return fmt.Errorf("%w; is NATS_URL right? 'settlehook setup' makes the streams", err)
	}
	if err != nil {
		return err
	}
	last := held.CachedInfo().State.LastSeq
	cfg := jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: 1}
	if last > kept {
		cfg.OptStartSeq = last - kept + 1
	}
	if name == stream.Payments { // from which the figures are, too
		since := f.figures.since()
		cfg = jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &since}
	}
	c, err := f.js.OrderedConsumer(ctx, name, cfg)
	if err != nil {
		return err
	}
	if name == stream.Payments && c.CachedInfo().NumPending == 0 {
		f.figures.caughtUp()
	}
	err = tail.Follow(ctx, c, func(m jetstream.Msg) bool { f.take(name, m); return true })
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// take takes a message in.
func (f *feed) take(name string, m jetstream.Msg) {
	meta, err := m.Metadata()
	if err != nil {
		return
	}
	i := item{At: meta.Timestamp.UTC()}
	number := strconv.FormatUint(meta.Sequence.Stream, 10)
	switch name {
	case stream.Payments:
		if wanted := f.told(&i, m.Data(), meta.NumPending); !wanted {
			return
		}
	case stream.Parked:
		i.Link = link{"parked " + number, "/parked/" + number}
	case stream.Quarantine:
		i.Link = link{"refused " + number, "/quarantine/" + number}
	}
	if i.What == "" {
		i.Line = tail.Describe(name, m)
	}
	if i.Link.URL == "" && i.OrderID != "" {
		i.Link = link{i.OrderID, orderURL(i.Merchant, i.OrderID)}
	}
	f.add(i)
}

// told counts an event, and reports whether the flow wants it: a day's events pass,
// and the newest stay.
func (f *feed) told(i *item, body []byte, pending uint64) (wanted bool) {
	e, err := events.Decode(body)
	if err == nil {
		f.figures.add(e)
		i.Line = tail.EventLine(e)
		if e.Outcome() == events.OutcomeReview {
			i.Link = link{i.OrderID, reviewURL(e.ID)}
		}
	}
	if pending == 0 {
		f.figures.caughtUp()
	}
	return pending < kept
}

func (f *feed) add(i item) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last++
	i.ID = f.last
	f.newest = append(f.newest, i)
	if len(f.newest) > len(followed)*kept {
		f.newest = slices.Delete(f.newest, 0, len(f.newest)-len(followed)*kept)
	}
	close(f.changed)
	f.changed = make(chan struct{})
}

// snapshot is the newest lines, the newest first, and the id of the last.
func (f *feed) snapshot() ([]item, int64) {
	f.mu.Lock()
	all, last := slices.Clone(f.newest), f.last
	f.mu.Unlock()
	slices.SortStableFunc(all, func(a, b item) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.ID, a.ID)) })
	return all[:min(len(all), shown)], last
}

// after is the lines that came after one, the oldest first, how many of them are too
// many to show, and what is closed with the next.
func (f *feed) after(id int64) (fresh []item, skipped int64, next <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	id = min(id, f.last) // it may be another process's
	first := max(id+1, f.last-shown+1)
	if len(f.newest) > 0 {
		first = max(first, f.newest[0].ID)
		fresh = slices.Clone(f.newest[min(first-f.newest[0].ID, int64(len(f.newest))):])
	}
	return fresh, f.last - id - int64(len(fresh)), f.changed
}
