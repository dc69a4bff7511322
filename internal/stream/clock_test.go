package stream

import (
	"testing"
	"time"
)

// TestServerClock: it says the server's time whatever the local clock says.
func TestServerClock(t *testing.T) {
	js := newStreams(t).js
	for _, wrong := range []time.Duration{0, 73 * time.Hour, -73 * time.Hour} {
		local := func() time.Time { return time.Now().Add(wrong) }
		c, err := NewServerClock(within(t), js, local)
		if err != nil {
			t.Fatal(err)
		}
		if off := time.Since(c.Now()).Abs(); off > patience {
			t.Errorf("with a local clock %s ahead it is off by %s", wrong, off)
		}
		skew, err := c.Measure(within(t))
		if err != nil || (skew.Ahead-wrong).Abs() > patience || skew.Beyond(time.Hour) != (wrong != 0) {
			t.Errorf("a clock %s ahead is said to be %+v ahead, %v", wrong, skew, err)
		}
	}
}
