package orders_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/orders"
)

// line is a JetStream whose publishes a test can lose, before or after they
// were applied.
type line struct {
	jetstream.JetStream
	of      string                                                            // only on this kind of subject; empty: on all
	publish func(ctx context.Context, send func(context.Context) error) error // nil: nothing is lost
}

func (l *line) PublishMsg(ctx context.Context, m *nats.Msg, opts ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	if l.publish == nil || !strings.HasPrefix(m.Subject, "orders.v1."+l.of) {
		return l.JetStream.PublishMsg(ctx, m, opts...)
	}
	return nil, l.publish(ctx, func(ctx context.Context) error {
		_, err := l.JetStream.PublishMsg(ctx, m, opts...)
		return err
	})
}

// lostAnswer applies a publish and then says that nothing was heard of it.
func lostAnswer(ctx context.Context, send func(context.Context) error) error {
	if err := send(ctx); err != nil {
		return err
	}
	return context.DeadlineExceeded
}

// lostRequest says that nothing was heard of a publish that went nowhere.
func lostRequest(context.Context, func(context.Context) error) error { return context.DeadlineExceeded }

func TestLostAnswer(t *testing.T) {
	url, js := newServer(t)
	l := &line{JetStream: dial(t, url), publish: lostAnswer}
	b := orders.NewBook(l, patience)
	o := order("A1", "10")
	submits(t, b, submission(t, o), true, nil) // nobody else can have been first
	withdraws(t, b, withdrawal(t, o), nil)
	submits(t, b, submission(t, o), false, orders.ErrWithdrawn)
	submits(t, b, submission(t, order("A2", "10")), true, nil)
	submits(t, b, submission(t, order("A2", "10")), false, nil)
	withdraws(t, b, withdrawal(t, order("A2", "10")), orders.ErrRepeated)
	holds(t, js, "submitted.collect.m1001.A1", "withdrawn.collect.m1001.A1", "submitted.collect.m1001.A2", "repeated.collect.m1001.A2")
}

// TestTimeToReadBack: a publish that used up its time leaves some for the
// question what became of it.
func TestTimeToReadBack(t *testing.T) {
	url, _ := newServer(t)
	l := &line{JetStream: dial(t, url), publish: func(ctx context.Context, send func(context.Context) error) error {
		if err := send(ctx); err != nil {
			return err
		}
		<-ctx.Done()
		return ctx.Err()
	}}
	b := orders.NewBook(l, time.Second)
	o := order("A1", "10")
	submits(t, b, submission(t, o), true, nil)
	if err := b.Withdraw(within(t), withdrawal(t, o)); err != nil {
		t.Errorf("Withdraw = %v", err)
	}
}

// TestLostAnswerOfAnEarlierAttempt: the registration is the same to the byte,
// and yet not this call's.
func TestLostAnswerOfAnEarlierAttempt(t *testing.T) {
	url, js := newServer(t)
	l := &line{JetStream: dial(t, url)}
	e := submission(t, order("A1", "10"))
	l.publish = func(ctx context.Context, send func(context.Context) error) error {
		l.publish = nil
		submits(t, orders.NewBook(js, patience), e, true, nil) // another process gets in between
		return lostAnswer(ctx, func(ctx context.Context) error { _ = send(ctx); return nil })
	}
	submits(t, orders.NewBook(l, patience), e, false, nil)
}

func TestLostRequest(t *testing.T) {
	url, js := newServer(t)
	l := &line{JetStream: dial(t, url), publish: lostRequest}
	b := orders.NewBook(l, patience)
	o := order("A1", "10")
	submits(t, b, submission(t, o), false, context.DeadlineExceeded)
	holds(t, js)
	l.publish = nil
	submits(t, b, submission(t, o), true, nil)

	l.publish = lostRequest
	withdraws(t, b, withdrawal(t, o), context.DeadlineExceeded)
	l.of = "repeated."
	submits(t, b, submission(t, o), false, context.DeadlineExceeded) // it may not be created
	holds(t, js, "submitted.collect.m1001.A1")
	l.publish = nil
	submits(t, b, submission(t, o), false, nil) // it was not withdrawn
	holds(t, js, "submitted.collect.m1001.A1", "repeated.collect.m1001.A1")
}

// TestLateRequest: a registration that arrives after its call gave up is not
// the next call's.
func TestLateRequest(t *testing.T) {
	url, _ := newServer(t)
	l := &line{JetStream: dial(t, url)}
	late := func() error { return errors.New("nothing is on its way") }
	l.publish = func(_ context.Context, send func(context.Context) error) error {
		late = func() error { return send(within(t)) }
		return context.DeadlineExceeded
	}
	b := orders.NewBook(l, patience)
	e := submission(t, order("A1", "10"))
	submits(t, b, e, false, context.DeadlineExceeded)
	must(t, late())
	l.publish = nil
	submits(t, b, e, false, nil)
}

// TestNothingToReadBack: without an answer to either question nothing is known.
func TestNothingToReadBack(t *testing.T) {
	url, _ := newServer(t)
	js := dial(t, url)
	l := &line{JetStream: js, publish: func(ctx context.Context, send func(context.Context) error) error {
		err := lostAnswer(ctx, send)
		js.Conn().Close()
		return err
	}}
	b := orders.NewBook(l, patience)
	e := submission(t, order("A1", "10"))
	fresh, err := b.Submit(within(t), e)
	if fresh || !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, nats.ErrConnectionClosed) {
		t.Errorf("Submit = %t, %v", fresh, err)
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("two causes take two lines: %q", err)
	}
	submits(t, orders.NewBook(dial(t, url), patience), e, false, nil)
}

// deafConn is a connection that can be made deaf: what is written arrives, and
// what the server answers is held back.
type deafConn struct {
	net.Conn
	hearing *sync.RWMutex
}

func (c deafConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.hearing.RLock()
	defer c.hearing.RUnlock()
	return n, err
}

// deafDialer makes connections that are deaf while it is locked.
type deafDialer struct{ sync.RWMutex }

func (d *deafDialer) Dial(network, address string) (net.Conn, error) {
	c, err := net.Dial(network, address)
	return deafConn{c, &d.RWMutex}, err
}

// TestDeafConnection loses the real acknowledgement on the way.
func TestDeafConnection(t *testing.T) {
	url, js := newServer(t)
	var wire deafDialer
	l := &line{JetStream: dial(t, url, nats.SetCustomDialer(&wire))}
	b := orders.NewBook(l, patience)
	o := order("A1", "10")
	deafTo := func(subject string) {
		l.publish = func(ctx context.Context, send func(context.Context) error) error {
			wire.Lock()
			defer wire.Unlock()
			ctx, cancel := context.WithCancel(ctx)
			go func() {
				defer cancel()
				eventually(t, js, subject)
			}()
			return send(ctx)
		}
	}
	deafTo("orders.v1.submitted.collect.m1001.A1")
	submits(t, b, submission(t, o), true, nil)
	deafTo("orders.v1.withdrawn.collect.m1001.A1")
	if err := b.Withdraw(within(t), withdrawal(t, o)); err != nil {
		t.Errorf("Withdraw = %v", err)
	}
	l.publish = nil
	submits(t, b, submission(t, o), false, orders.ErrWithdrawn)
}

// eventually returns once a message stands on a subject.
func eventually(t testing.TB, js jetstream.JetStream, subject string) {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	s, err := js.Stream(t.Context(), stream.Orders)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline) && err == nil; <-tick.C {
		if _, err = s.GetLastMsgForSubject(t.Context(), subject); err == nil {
			return
		}
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			err = nil
		}
	}
	t.Errorf("nothing stands on %s: %v", subject, err)
}
