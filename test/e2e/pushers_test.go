package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
)

// pushers push without pause, each over a connection of its own that it keeps
// for as long as it may.
type pushers struct {
	url      string
	stop     chan struct{}
	all      sync.WaitGroup
	accepted atomic.Int64

	mu      sync.Mutex
	pushed  []string // order ids
	refused []string // what was answered instead of success, at the first attempt
}

func startPushers(t *testing.T, addr string, connections int) *pushers {
	t.Helper()
	p := &pushers{url: "http://" + addr + "/callbacks/collect/" + alice, stop: make(chan struct{})}
	for i := range connections {
		p.all.Go(func() { p.push(t.Context(), i) })
	}
	t.Cleanup(p.end)
	return p
}

func (p *pushers) push(ctx context.Context, pusher int) {
	client := http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}, Timeout: patience}
	defer client.CloseIdleConnections()
	for i := 0; ; i++ {
		select {
		case <-p.stop:
			return
		default:
		}
		id := fmt.Sprintf("push-%d-%d", pusher, i)
		body := push{id, "P1", strconv.Itoa(i + 1), "2", "false", "no", "0"}.body(alice)
		refused := p.once(ctx, &client, body)
		p.note(id, refused)
		// The gateway pushes again until it hears success.
		for refused != "" && ctx.Err() == nil {
			refused = p.once(ctx, &client, body)
		}
		p.accepted.Add(1)
	}
}

// once pushes once and returns what was answered instead of success. GetBody is
// taken away: with it the client would push again by itself.
func (p *pushers) once(ctx context.Context, client *http.Client, body []byte) (refused string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(body))
	if err != nil {
		return err.Error()
	}
	req.GetBody = nil
	req.Header.Set("Content-Type", "application/json")
	res, err := client.Do(req)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	switch {
	case err != nil:
		return err.Error()
	case res.StatusCode != http.StatusOK || string(answer) != "success":
		return fmt.Sprintf("%d %q", res.StatusCode, answer)
	}
	return ""
}

func (p *pushers) note(id, refused string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pushed = append(p.pushed, id)
	if refused != "" {
		p.refused = append(p.refused, refused)
	}
}

// end stops pushing, once everything is accepted.
func (p *pushers) end() {
	select {
	case <-p.stop:
	default:
		close(p.stop)
	}
	p.all.Wait()
}

func (p *pushers) refusals() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.refused)
}
