package config

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/zap"
)

// DefaultSettle is how long the files must rest before a change is believed.
const DefaultSettle = 250 * time.Millisecond

// SourceOptions adjust a [MerchantsSource]; the zero value of each field has
// its default.
type SourceOptions struct {
	// Logger is told of every change and every refusal; default: none.
	Logger *zap.Logger
	// Now is the clock that dates a refusal; default: time.Now.
	Now func() time.Time
	// Poll is how often the files are looked at although nothing told of a
	// change; default 30 s.
	Poll time.Duration
	// Settle is how long two readings must lie apart, and be the same, before
	// they are acted on; default [DefaultSettle].
	Settle time.Duration
}

// MerchantsSource holds the current merchants and follows the merchants file.
//
// A change is acted on only once two readings, apart by the settling time, are
// the same: a file caught half written could be valid and lack merchants. A
// faulty file is refused; the merchants stay as they were and the source is
// stale until the file is good again.
type MerchantsSource struct {
	path   string
	log    *zap.Logger
	now    func() time.Time
	poll   time.Duration
	settle time.Duration

	mu          sync.Mutex
	current     *Merchants
	applied     [32]byte // digest current was read from
	judged      [32]byte // digest of the last reading acted on, refused ones included
	pending     [32]byte // digest of a change that has yet to rest
	isPending   bool
	staleSince  time.Time
	staleErr    error
	subscribers map[chan struct{}]struct{}
	dirs        []string
}

// NewMerchantsSource reads the merchants file. A file that is missing or
// faulty is an error: there is nothing older to stay with.
func NewMerchantsSource(path string, opts SourceOptions) (*MerchantsSource, error) {
	first := readSnapshot(path)
	if first.err != nil {
		return nil, first.err
	}
	s := &MerchantsSource{
		path:        path,
		log:         cmp.Or(opts.Logger, zap.NewNop()),
		now:         opts.Now,
		poll:        cmp.Or(opts.Poll, 30*time.Second),
		settle:      cmp.Or(opts.Settle, DefaultSettle),
		current:     first.merchants,
		applied:     first.digest,
		judged:      first.digest,
		subscribers: make(map[chan struct{}]struct{}),
		dirs:        first.dirs,
	}
	if s.now == nil {
		s.now = time.Now
	}
	return s, nil
}

// Current returns the merchants in force.
func (s *MerchantsSource) Current() *Merchants {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current
}

// Stale reports since when the file on disk has been refused, and its faults;
// a zero time and nil when the merchants in force are those of the file.
func (s *MerchantsSource) Stale() (since time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.staleSince, s.staleErr
}

// Subscribe returns a channel that receives whenever Current or Stale has
// changed; several changes may come as one. Call cancel to end it; the channel
// is never closed.
func (s *MerchantsSource) Subscribe() (changed <-chan struct{}, cancel func()) {
	ch := make(chan struct{}, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.subscribers[ch] = struct{}{}
	return ch, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.subscribers, ch)
	}
}

// Run follows the files until ctx is done, and then returns nil. Where the
// system cannot tell of changes, they are found by polling.
func (s *MerchantsSource) Run(ctx context.Context) error {
	watcher := s.watch()
	defer watcher.close()
	poll := time.NewTicker(s.poll)
	defer poll.Stop()
	// Looked at once unasked: a change may have come before the watch.
	look := time.NewTimer(s.settle)
	defer look.Stop()
	waiting := true
	// A look that is waiting is never put off, or a busy folder could keep it
	// from ever happening.
	soon := func() {
		if !waiting {
			look.Reset(s.settle)
			waiting = true
		}
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case event := <-watcher.events():
			if event.Op != fsnotify.Chmod {
				soon()
			}
		case err := <-watcher.errors():
			s.log.Warn("watching the merchants file failed, polling goes on", zap.String("file", s.path), zap.Error(err))
			soon() // events may have been lost
		case <-poll.C:
			soon()
		case <-look.C:
			waiting = false
			if again := s.look(readSnapshot(s.path)); again {
				soon()
			}
			watcher.follow(s.folders())
		}
	}
}

// look takes in one reading and reports whether another must follow before it
// is acted on.
func (s *MerchantsSource) look(read snapshot) (again bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if read.digest == s.judged {
		s.isPending = false
		return false
	}
	if !s.isPending || read.digest != s.pending {
		s.pending, s.isPending = read.digest, true
		return true
	}
	s.isPending = false
	s.judged = read.digest
	if read.err != nil {
		s.refuse(read)
	} else {
		s.apply(read)
	}
	for ch := range s.subscribers {
		select {
		case ch <- struct{}{}:
		default: // one is waiting to be received already
		}
	}
	return false
}

func (s *MerchantsSource) refuse(read snapshot) {
	if s.staleErr == nil {
		s.staleSince = s.now()
	}
	s.staleErr = read.err
	// The correction may come to a folder of either version.
	s.dirs = union(s.dirs, read.dirs)
	s.log.Error("the merchants file was refused, the merchants stay as they were; correct the file",
		zap.String("file", s.path), zap.Time("stale_since", s.staleSince), zap.Strings("faults", lines(read.err)))
}

func (s *MerchantsSource) apply(read snapshot) {
	if s.staleErr != nil {
		s.log.Info("the merchants file is good again", zap.String("file", s.path), zap.Time("stale_since", s.staleSince))
	}
	s.staleSince, s.staleErr, s.dirs = time.Time{}, nil, read.dirs
	if read.digest == s.applied {
		return // back to what is in force
	}
	before := s.current
	s.current, s.applied = read.merchants, read.digest
	s.report(before)
}

func (s *MerchantsSource) report(before *Merchants) {
	added, removed := missingFrom(before, s.current), missingFrom(s.current, before)
	s.log.Info("the merchants file was read again", zap.String("file", s.path), zap.String("hash", s.current.Hash()),
		zap.Int("merchants", s.current.Len()), zap.Strings("added", added), zap.Strings("removed", removed))
	if len(removed) > 0 {
		s.log.Warn("merchants were removed: their callbacks are answered 404 and their messages parked", zap.Strings("removed", removed))
	}
}

func (s *MerchantsSource) folders() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.dirs)
}

// missingFrom returns the ids of set that other does not have.
func missingFrom(other, set *Merchants) []string {
	var ids []string
	for _, m := range set.sorted {
		if _, ok := other.Get(m.ID); !ok {
			ids = append(ids, m.ID)
		}
	}
	return ids
}

func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

func lines(err error) []string {
	found := Faults(err)
	texts := make([]string, len(found))
	for i, fault := range found {
		texts[i] = fault.Error()
	}
	return texts
}
