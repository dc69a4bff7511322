package app

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/settlehook/settlehook/internal/stream"
)

// weaken breaks a guarantee of PAYMENTS with one live update.
func (s *site) weaken() {
	s.t.Helper()
	str, err := s.js.Stream(s.t.Context(), stream.Payments)
	if err != nil {
		s.t.Fatal(err)
	}
	c := str.CachedInfo().Config
	c.MaxAge = time.Hour
	if _, err := s.js.UpdateStream(s.t.Context(), c); err != nil {
		s.t.Fatal(err)
	}
}

// field is the field of the first fault of the streams in an error.
func field(err error) string {
	var broken *stream.TopologyError
	if !errors.As(err, &broken) {
		return ""
	}
	return broken.Stream + "." + broken.Field
}

func TestProgramsRefuseToStartOnWeakenedStreams(t *testing.T) {
	s := newSite(t, merchant{id: "m1"})
	s.weaken()
	defer noLeaks(t)()
	if _, err := NewWorker(t.Context(), s.worker(), s.options()); field(err) != "PAYMENTS.max_age" {
		t.Errorf("worker: %v", err)
	}
	if _, err := NewReceiver(t.Context(), s.receiver(), s.options()); field(err) != "PAYMENTS.max_age" {
		t.Errorf("receiver: %v", err)
	}
}

func TestProgramsRefuseToStartWithoutStreams(t *testing.T) {
	s := newSite(t, merchant{id: "m1"})
	if err := s.js.DeleteStream(t.Context(), stream.Callbacks); err != nil {
		t.Fatal(err)
	}
	_, err := NewWorker(t.Context(), s.worker(), s.options())
	want := "stream CALLBACKS: stream is missing, must be there: nothing works without it; run 'settlehook setup'"
	if err == nil || err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
}

func TestStreamsWeakenedLiveEndTheProgram(t *testing.T) {
	s := newSite(t, merchant{id: "m1"})
	w, worker := s.startWorker(s.worker())
	r, err := NewReceiver(t.Context(), s.receiver(), s.options())
	if err != nil {
		t.Fatal(err)
	}
	receiver := s.run(r.Run)
	awaitReady(t, r.AdminAddr())
	s.weaken()
	for name, ended := range map[string]error{"worker": worker.wait(t), "receiver": receiver.wait(t)} {
		if field(ended) != "PAYMENTS.max_age" {
			t.Errorf("%s ended with %v", name, ended)
		}
	}
	if status, _ := get(t, w.AdminAddr(), "/readyz"); status == http.StatusOK {
		t.Error("it still says that it takes work")
	}
}

// Streams that can't be read say nothing: the server may be restarting.
func TestAStreamThatCannotBeReadEndsNothing(t *testing.T) {
	s := newSite(t, merchant{id: "m1"})
	w, worker := s.startWorker(s.worker())
	s.server.Shutdown()
	eventually(t, "a look that failed", func() bool { return s.logged("streams could not be verified") > 0 })
	if status, _ := get(t, w.AdminAddr(), "/readyz"); status != http.StatusOK {
		t.Errorf("ready: %d", status)
	}
	worker.stop()
	if err := worker.wait(t); err != nil {
		t.Errorf("ended with %v", err)
	}
}

func TestNATSClosedForGoodEndsTheProgram(t *testing.T) {
	s := newSite(t, merchant{id: "m1"})
	w, worker := s.startWorker(s.worker())
	w.link.nc.Close()
	if err := worker.wait(t); !errors.Is(err, stream.ErrClosed) {
		t.Errorf("worker ended with %v", err)
	}
	r, err := NewReceiver(t.Context(), s.receiver(), s.options())
	if err != nil {
		t.Fatal(err)
	}
	receiver := s.run(r.Run)
	awaitReady(t, r.AdminAddr())
	r.link.nc.Close()
	if err := receiver.wait(t); !errors.Is(err, stream.ErrClosed) {
		t.Errorf("receiver ended with %v", err)
	}
}

// The stop closes the connection by itself: that is no failure, whichever the
// watching part sees first.
func TestOwnCloseIsNoFailure(t *testing.T) {
	for range 100 { // a select that has two ways takes either
		l := &link{closed: make(chan error, 1)}
		l.closed <- stream.ErrClosed
		if err := l.wait(cancelled(t)); err != nil {
			t.Fatal(err)
		}
	}
}
