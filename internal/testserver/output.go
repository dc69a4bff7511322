package testserver

import (
	"bytes"
	"sync"
)

// Bounds of what is kept of a server's output: soaks run for hours.
const (
	mostOutput = 1 << 20
	mostSeen   = 20
)

// output keeps the end of what a process prints, and the lines that somebody
// watches for.
type output struct {
	watched []string

	mu   sync.Mutex
	b    []byte
	line []byte // begun, not ended
	seen []string
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.watch(p)
	o.b = append(o.b, p...)
	if len(o.b) > mostOutput {
		o.b = append(o.b[:0], o.b[len(o.b)-mostOutput/2:]...)
	}
	return len(p), nil
}

func (o *output) watch(p []byte) {
	if len(o.watched) == 0 {
		return
	}
	o.line = append(o.line, p...)
	for {
		line, rest, ended := bytes.Cut(o.line, []byte("\n"))
		if !ended {
			return
		}
		for _, text := range o.watched {
			if len(o.seen) < mostSeen && bytes.Contains(line, []byte(text)) {
				o.seen = append(o.seen, string(line))
			}
		}
		o.line = rest
	}
}

// Seen are the first lines that have one of the watched texts.
func (o *output) Seen() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]string(nil), o.seen...)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.b)
}
