package stream

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// TestAskOutlastsAnElection: whatever an election answers, or that it does not
// answer at all, the question is asked again; a definite answer is final.
func TestAskOutlastsAnElection(t *testing.T) {
	refused := &jetstream.APIError{Code: 503, ErrorCode: 10008, Description: "JetStream system temporarily unavailable"}
	for name, tt := range map[string]struct {
		answers []error // one for each time it is asked; nil: the answer
		silent  bool    // it is not answered until the last time
		asked   int
		err     error
	}{
		"at once":               {answers: []error{nil}, asked: 1},
		"no leader":             {answers: []error{refused, refused, nil}, asked: 3},
		"disconnected":          {answers: []error{nats.ErrReconnectBufExceeded, nats.ErrDisconnected, nil}, asked: 3},
		"no answer":             {answers: []error{nats.ErrTimeout, nil}, silent: true, asked: 2},
		"there is no stream":    {answers: []error{jetstream.ErrStreamNotFound}, asked: 1, err: jetstream.ErrStreamNotFound},
		"no JetStream":          {answers: []error{jetstream.ErrJetStreamNotEnabled}, asked: 1, err: jetstream.ErrJetStreamNotEnabled},
		"closed for good":       {answers: []error{nats.ErrConnectionClosed}, asked: 1, err: nats.ErrConnectionClosed},
		"definite after a wait": {answers: []error{refused, jetstream.ErrStreamNotFound}, asked: 2, err: jetstream.ErrStreamNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked, begun := 0, time.Now()
				got, err := ask(t.Context(), func(ctx context.Context) (int, error) {
					err := tt.answers[asked]
					asked++
					if tt.silent && err != nil {
						<-ctx.Done()
						return 0, ctx.Err()
					}
					return 7, err
				})
				if !errors.Is(err, tt.err) || err == nil && got != 7 || asked != tt.asked {
					t.Errorf("got %d, %v after %d times; want %v after %d", got, err, asked, tt.err, tt.asked)
				}
				if took := time.Since(begun); took > time.Second {
					t.Errorf("took %s", took)
				}
			})
		})
	}
}

// TestAskEndsWithItsContext: no leader for ever.
func TestAskEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		asked := 0
		_, err := ask(ctx, func(ctx context.Context) (int, error) {
			asked++
			<-ctx.Done()
			return 0, ctx.Err()
		})
		if !errors.Is(err, context.DeadlineExceeded) || ctx.Err() == nil {
			t.Errorf("ended with %v", err)
		}
		// 0.5 + 1 + 2 s, and then 4 s each.
		if asked < 15 || asked > 20 {
			t.Errorf("asked %d times in a minute", asked)
		}
	})
}
