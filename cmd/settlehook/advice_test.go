package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
)

func TestAdvice(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err  error
		want string // what it ends with
	}{
		{jetstream.ErrStreamNotFound, "'settlehook setup' makes the streams"},
		{jetstream.ErrJetStreamNotEnabled, "(nats-server -js)"},
		{context.DeadlineExceeded, "'settlehook doctor' tells"},
		{&url.Error{Op: "Post", URL: "http://gateway", Err: context.DeadlineExceeded}, "context deadline exceeded"},
		{errors.New("refused"), "refused"},
	} {
		err := fmt.Errorf("open stream PAYMENTS: %w", test.err)
		got := advised(err)
		if !errors.Is(got, test.err) || !strings.HasPrefix(got.Error(), err.Error()) || !strings.HasSuffix(got.Error(), test.want) {
			t.Errorf("%v: %v, want it to end with %q", err, got, test.want)
		}
	}
}
