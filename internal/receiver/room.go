package receiver

import (
	"container/list"
	"net/http"
	"sync"
	"time"
)

// reading are the bodies being read, at most most at once and perSource of one
// source: what a slow sender can hold of our memory. A body whose sender is in
// earnest arrives with its headers or right behind; so when all places are
// taken, the body that has been arriving for longest gives way, and slow
// senders, from however many addresses, keep nobody out.
type reading struct {
	most, perSource int

	mu       sync.Mutex
	bySource map[sourceKey]int
	oldest   *list.List // of *reader, in the order they began
}

// reader is one body being read.
type reader struct {
	source sourceKey
	cut    func() // ends the reading
	at     *list.Element
}

func newReading(most, perSource int) *reading {
	return &reading{most: most, perSource: perSource, bySource: make(map[sourceKey]int), oldest: list.New()}
}

// begin takes a place, if the source may have another. cut is called, at most
// once and before done returns, when the place goes to somebody else.
func (p *reading) begin(source sourceKey, cut func()) (done func(), ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bySource[source] >= p.perSource {
		return nil, false
	}
	if p.oldest.Len() >= p.most {
		slow := p.oldest.Front().Value.(*reader)
		p.leave(slow)
		slow.cut()
	}
	r := &reader{source: source, cut: cut}
	r.at = p.oldest.PushBack(r)
	p.bySource[source]++
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.leave(r)
	}, true
}

func (p *reading) leave(r *reader) {
	if r.at == nil {
		return
	}
	p.oldest.Remove(r.at)
	r.at = nil
	if p.bySource[r.source]--; p.bySource[r.source] == 0 {
		delete(p.bySource, r.source)
	}
}

func (p *reading) len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.oldest.Len()
}

// places are taken by what is waited for, and given back.
type places chan struct{}

func (p places) take() bool {
	select {
	case p <- struct{}{}:
		return true
	default:
		return false
	}
}

func (p places) giveBack() { <-p }

func (p places) full() bool { return len(p) == cap(p) }

// requireRoom sheds before anything of the body is read: while the stream is
// too slow for what is verified already, more of it would only fill the memory.
func (x *exchange) requireRoom() *refusal {
	if x.h.storing.full() {
		return refuseOverload
	}
	return nil
}

// takeRoom takes the place that a verified callback waits for its PubAck in.
// Only verified callbacks have one, so that nobody without a key can use them
// up.
func (x *exchange) takeRoom() *refusal {
	if x.stores = x.h.storing.take(); !x.stores {
		return refuseOverload
	}
	return nil
}

func (x *exchange) giveRoomBack() {
	if x.stores {
		x.h.storing.giveBack()
	}
}

// cutReading makes the request's pending read fail at once.
func (x *exchange) cutReading() {
	x.gaveWay.Store(true)
	// Where the server can't set it, the read ends with its own time-out.
	_ = http.NewResponseController(x.w).SetReadDeadline(time.Unix(1, 0))
}
