package receiver

import (
	"context"
	"net/http"
	"time"

	"github.com/settlehook/settlehook/internal/stream"
)

// keepTimeout bounds how long evidence may hold up a refusal.
const keepTimeout = time.Second

// fate is what became of the evidence of a refusal; a metric label.
type fate string

const (
	fateNone       fate = "none"        // nothing to keep
	fateKept       fate = "kept"        // in QUARANTINE
	fateOverBudget fate = "over-budget" // dropped
	fateFailed     fate = "failed"      // could not be stored; dropped
)

// keep stores the evidence of a refusal within its budget. What becomes of it
// never changes the answer.
func (x *exchange) keep(f *refusal) (fate, error) {
	// Without a body there is nothing to verify again or replay: probes and
	// scanners send such, and would push evidence out.
	if f.class == "" || x.r.Body == http.NoBody {
		return fateNone, nil
	}
	done, ok := x.h.evidence.begin(x, f.class)
	if !ok {
		return fateOverBudget, nil
	}
	defer done()
	x.readEvidence()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(x.r.Context()), min(keepTimeout, x.h.opts.PublishTimeout))
	defer cancel()
	err := x.h.opts.Keeper.Keep(ctx, stream.Refused{
		Class:       f.class,
		Flow:        x.flow,
		Merchant:    x.merchant,
		Reason:      string(f.reason),
		Detail:      f.detail(),
		Path:        x.path(),
		Body:        keptOf(f.class, x.body),
		ContentType: x.contentType(),
		ReceivedAt:  x.received,
		Source:      x.sender,
	})
	if err != nil {
		return fateFailed, err
	}
	return fateKept, nil
}

// mostJunk bounds what is kept of a body that no key can mend, in bytes. Several
// times a real callback, it keeps junk from filling the stream, whose oldest
// messages, the evidence of a wrong key among them, give way.
const mostJunk = 2 << 10

// keptOf is what is kept of a body: whole where it can be replayed once a key
// is mended, else its beginning.
func keptOf(class stream.Class, body []byte) []byte {
	if class == stream.ClassSignature {
		return body
	}
	return body[:min(len(body), mostJunk)]
}

// mostPath bounds what is noted of a path, in bytes.
const mostPath = 200

// path is the path as it was sent, shortened. A query string is not
// part of it: it may hold anything.
func (x *exchange) path() string {
	path := sentPath(x.r.URL)
	return path[:min(len(path), mostPath)]
}
