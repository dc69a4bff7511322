package subscribe

import (
	"testing"
	"time"
)

func TestDelay(t *testing.T) {
	t.Parallel()
	cfg, err := Config{Durable: "d"}.complete()
	if err != nil {
		t.Fatal(err)
	}
	spread := map[time.Duration]bool{}
	for sequence := range uint64(50) {
		for attempt, most := range map[uint64]time.Duration{
			0: time.Second, 1: time.Second, 2: 2 * time.Second, 5: 16 * time.Second, 9: 256 * time.Second,
			10: 5 * time.Minute, 1 << 60: 5 * time.Minute,
		} {
			got := cfg.delay(sequence, attempt)
			if got > most || got < most-most/5 {
				t.Errorf("delay of %d after attempt %d is %s, want %s less a fifth at most", sequence, attempt, got, most)
			}
			if got != cfg.delay(sequence, attempt) {
				t.Error("the same message waits differently")
			}
			if attempt == 1 {
				spread[got] = true
			}
		}
	}
	if len(spread) < 40 {
		t.Errorf("50 messages come back at %d moments", len(spread))
	}
}
