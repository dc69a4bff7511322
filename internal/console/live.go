package console

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// livePage is the flow and the figures.
type livePage struct {
	Items   []item
	Last    int64
	Figures figuresPart
}

// figuresPart is the figures with their charts.
type figuresPart struct {
	Day      day
	Open     openCases
	Outcomes outcomeChart
	Latency  latencyChart
}

func (c *Console) figuresPart(ctx context.Context) figuresPart {
	d := c.figures.look()
	return figuresPart{d, c.standing.look(ctx), chartOutcomes(d), chartLatency(d)}
}

func (c *Console) showLive(w http.ResponseWriter, r *http.Request) error {
	items, last := c.feed.snapshot()
	return c.show(w, r, "live", page{Title: "Live", Section: "live", Of: livePage{items, last, c.figuresPart(r.Context())}})
}

// Times of a live page.
const (
	gather     = 250 * time.Millisecond // lines that come close together go out together
	refigure   = 2 * time.Second
	heartbeat  = 15 * time.Second
	frameBound = 10 * time.Second
)

// streamFlow sends a live page what comes: server-sent events of rows, and of the
// figures anew, both as the page's own templates write them.
func (c *Console) streamFlow(w http.ResponseWriter, r *http.Request) {
	select {
	case c.streams <- struct{}{}:
		defer func() { <-c.streams }()
	default:
		renderRefusal(w, &problem{http.StatusTooManyRequests, "Too many live pages", "Close some of them."})
		return
	}
	after := r.URL.Query().Get("after")
	if again := r.Header.Get("Last-Event-ID"); again != "" {
		after = again
	}
	id, err := strconv.ParseInt(after, 10, 64)
	if err != nil || id < 0 {
		_, id = c.feed.snapshot() // what comes from now on
	}
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	s := sse{w: w, control: http.NewResponseController(w), c: c}
	// The bound of reading a request is no bound of a page that stays open.
	if s.control.SetReadDeadline(time.Time{}) != nil || s.write("retry: 2000\n\n") != nil {
		return
	}
	refresh, beat := time.NewTicker(refigure), time.NewTicker(heartbeat)
	defer refresh.Stop()
	defer beat.Stop()
	for {
		fresh, skipped, next := c.feed.after(id)
		if err = s.rows(fresh, skipped); err != nil {
			return
		}
		id += skipped + int64(len(fresh))
		select {
		case <-next:
			pause(r.Context(), gather)
		case <-refresh.C:
			if c.guard.sessionOf(r) == nil { // its time is over
				return
			}
			if err = s.connection(); err == nil {
				err = s.newFigures(r.Context())
			}
		case <-beat.C:
			err = s.write(": still here\n\n")
		case <-r.Context().Done():
			return
		case <-c.feed.ended:
			return
		}
		if err != nil {
			return
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// sse writes server-sent events.
type sse struct {
	w       http.ResponseWriter
	control *http.ResponseController
	c       *Console
	figures shownFigures // that the page has
	away    bool         // as the page has it
}

// shownFigures tells figures from others.
type shownFigures struct {
	version int64
	hour    time.Time // the last
	open    openCases
}

// connection tells the page when NATS goes away, and when it is back.
func (s *sse) connection() error {
	away := s.c.standing.away()
	if away == s.away {
		return nil
	}
	s.away = away
	text := "Live"
	if away {
		text = "Not live: " + natsAway
	}
	return s.write(event("connection", 0, []byte(text)))
}

func (s *sse) write(text string) error {
	if err := s.control.SetWriteDeadline(time.Now().Add(frameBound)); err != nil {
		return err
	}
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	return s.control.Flush()
}

func (s *sse) rows(fresh []item, skipped int64) error {
	if len(fresh) == 0 {
		return nil
	}
	var out bytes.Buffer
	for i, f := range fresh {
		row, err := fragment("parts", "row", f)
		if err != nil {
			return err
		}
		out.WriteString(event("row", f.ID, row))
		if i == 0 && skipped > 0 {
			out.WriteString(event("skipped", f.ID, []byte(strconv.FormatInt(skipped, 10))))
		}
	}
	return s.write(out.String())
}

func (s *sse) newFigures(ctx context.Context) error {
	part := s.c.figuresPart(ctx)
	now := shownFigures{part.Day.Version, part.Day.Hours[len(part.Day.Hours)-1].At, part.Open}
	if now == s.figures {
		return nil
	}
	body, err := fragment("parts", "figures", part)
	if err != nil {
		return err
	}
	s.figures = now
	return s.write(event("figures", 0, body))
}

// event is one server-sent event; id 0: none.
func event(name string, id int64, data []byte) string {
	head := "event: " + name + "\n"
	if id > 0 {
		head += fmt.Sprintf("id: %d\n", id)
	}
	lines := bytes.ReplaceAll(bytes.TrimSpace(data), []byte("\n"), []byte("\ndata: "))
	return head + "data: " + string(lines) + "\n\n"
}
