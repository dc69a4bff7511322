package receiver

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/settlehook/settlehook/pkg/sign"
)

// checkMediaType refuses what the parser would not read, before it is read. It
// asks the parser itself, so that the two can't differ.
func (x *exchange) checkMediaType() *refusal {
	if encoding := x.r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return refuseEncoding
	}
	if _, err := sign.Parse(x.contentType(), nil); errors.Is(err, sign.ErrUnsupportedMediaType) {
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
	whole, err := x.readUpTo(sign.MaxBody)
	switch {
	case err == nil && !whole:
		return refuseTooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return refuseUnreadable(reasonBodyTimeout, "the body did not arrive in time", err)
	case err != nil:
		return refuseUnreadable(reasonBodyIncomplete, "the body is incomplete", err)
	}
	return nil
}

// readUpTo reads at most that many bytes and reports whether they are all.
// What arrived before an error is kept as evidence.
func (x *exchange) readUpTo(most int64) (whole bool, err error) {
	x.bodyRead = true
	if n := x.r.ContentLength; n >= 0 && n <= most {
		x.body = make([]byte, n)
		read, err := io.ReadFull(x.r.Body, x.body)
		x.body = x.body[:read]
		return true, err
	}
	x.body, err = io.ReadAll(io.LimitReader(x.r.Body, most+1))
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
	_, _ = x.readUpTo(sign.MaxBody) // whatever arrives is better than nothing
}
