package receiver

import (
	"errors"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/settlehook/settlehook/pkg/sign"
)

// checkMediaType refuses what the parser would not read, before it is read. It
// asks the parser itself, so that the two can't differ.
func (x *exchange) checkMediaType() *refusal {
	if encoding := x.r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return refuseEncoding
	}
	if !sign.Readable(x.contentType()) {
		return refuseMediaType
	}
	return nil
}

func (x *exchange) contentType() string { return x.r.Header.Get("Content-Type") }

// read reads the body, at most sign.MaxBody bytes of it. A declared length
// over that is refused unread.
func (x *exchange) read() *refusal {
	if x.r.ContentLength > sign.MaxBody {
		return refuseTooLarge
	}
	done, ok := x.h.reading.begin(keyOf(x.source), x.cutReading)
	if !ok {
		return refuseSourceBusy
	}
	whole, err := x.readUpTo(sign.MaxBody)
	done()
	switch {
	case err == nil && !whole:
		return refuseTooLarge
	case err == nil:
		return nil
	case x.gaveWay.Load():
		return refuseOverload
	case errors.Is(err, os.ErrDeadlineExceeded):
		return refuseUnreadable(reasonBodyTimeout, "the body did not arrive in time", err)
	default:
		return refuseUnreadable(reasonBodyIncomplete, "the body is incomplete", err)
	}
}

// firstRead is what is set aside for a body before any of it has come, in
// bytes: a callback fits, and a sender that only announces a body costs no
// more.
const firstRead = 1 << 10

// readUpTo reads at most that many bytes and reports whether they are all.
// What arrived before an error is kept as evidence.
func (x *exchange) readUpTo(most int64) (whole bool, err error) {
	x.bodyRead = true
	limited := io.LimitReader(x.r.Body, most+1)
	x.body = make([]byte, 0, firstRead)
	for err == nil {
		if len(x.body) == cap(x.body) {
			x.body = slices.Grow(x.body, cap(x.body))
		}
		var n int
		n, err = limited.Read(x.body[len(x.body):cap(x.body)])
		x.body = x.body[:len(x.body)+n]
	}
	if errors.Is(err, io.EOF) { // an end that comes too early is another error
		err = nil
	}
	if int64(len(x.body)) > most {
		x.body = x.body[:most]
		return false, nil
	}
	return true, err
}

// readEvidence reads what can be kept of a body that was refused unread. A
// sender that waits to be asked for it (Expect: 100-continue) is not asked.
func (x *exchange) readEvidence() {
	if x.bodyRead || x.r.Header.Get("Expect") != "" || x.r.Body == http.NoBody {
		return
	}
	done, ok := x.h.reading.begin(keyOf(x.source), x.cutReading)
	if !ok {
		return
	}
	defer done()
	_, _ = x.readUpTo(sign.MaxBody) // whatever arrives is better than nothing
}
