package gateway

import (
	"bytes"
	"errors"
	"net/http"
	"sync/atomic"
)

// outgoing is the body of a create, and the proof of whether it was sent: the
// gateway can't have got a body of which nobody took a byte. Whatever error the
// transport brings, in whatever version of HTTP, that can't be wrong.
type outgoing struct {
	rest  *bytes.Reader
	state atomic.Int32
}

// The states of an outgoing body. Both others are reached from untouched only.
const (
	untouched int32 = iota
	taken           // the transport has at least begun to read it
	sealed          // nobody may read it any more
)

var errSealed = errors.New("the call is over")

// sendOnce gives a request a body that is sent at most once. It has no GetBody,
// without which no transport of net/http sends a body again: with it, HTTP/2
// repeats a POST after RST_STREAM with PROTOCOL_ERROR, which does not say that
// the server has not acted on the first.
func sendOnce(req *http.Request, body []byte) *outgoing {
	o := &outgoing{rest: bytes.NewReader(body)}
	req.Body, req.GetBody, req.ContentLength = o, nil, int64(len(body))
	return o
}

// seal reports whether nothing of the body was taken, and sees to it that
// nothing will be: the transport's goroutines may outlive the call. Of a call
// that is not watched it knows nothing.
func (o *outgoing) seal() bool {
	return o != nil && o.state.CompareAndSwap(untouched, sealed)
}

func (o *outgoing) Read(p []byte) (int, error) {
	if !o.state.CompareAndSwap(untouched, taken) && o.state.Load() == sealed {
		return 0, errSealed
	}
	return o.rest.Read(p)
}

func (o *outgoing) Close() error { return nil }
