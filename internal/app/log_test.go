package app

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/settlehook/settlehook/internal/config"
)

// sink is a log that can be read while it is written.
type sink struct {
	mu sync.Mutex
	bytes.Buffer
	writes int
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	return s.Buffer.Write(p)
}

func (s *sink) lines() (lines, writes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Count(s.String(), "\n"), s.writes
}

func TestBusyLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var to sink
		log, end := newBusyLogger(config.Log{}, "receiver", &to)
		want := func(lines, writes int) {
			t.Helper()
			if l, w := to.lines(); l != lines || w != writes {
				t.Fatalf("%d lines in %d writes, want %d in %d:\n%s", l, w, lines, writes, to.String())
			}
		}
		log.Info("one")
		log.Info("two")
		want(0, 0)
		<-time.After(logDelay)
		synctest.Wait()
		want(2, 1)
		log.Info("three")
		log.With(zap.Int("n", 1)).Warn("trouble")
		want(4, 2) // at once, and in order
		log.Info("last")
		end()
		want(5, 3)
	})
}

func TestConsoleLog(t *testing.T) {
	var to sink
	log, _ := newBusyLogger(config.Log{Format: config.LogConsole}, "receiver", &to)
	log.Info("one")
	if l, _ := to.lines(); l != 1 {
		t.Fatal("a person waits for the line")
	}
}
