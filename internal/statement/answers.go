package statement

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/settlehook/settlehook/internal/finance"
	"github.com/settlehook/settlehook/pkg/events"
)

// Answers keeps what the gateway answered in a file, so that asking goes on where
// it was broken off. Whoever deletes the file asks anew.
type Answers struct {
	mu   sync.Mutex
	file *os.File
	of   answersOf
	have map[events.Order]answer
}

// answersOf is the first line of the file.
type answersOf struct {
	Merchant string `json:"merchant"`
	Period   string `json:"period"`
}

type answer struct {
	Flow    events.Flow   `json:"flow"`
	OrderID string        `json:"orderId"`
	At      time.Time     `json:"askedAt"`
	State   finance.State `json:"state"`
	Amount  events.Amount `json:"amount,omitzero"`
	Fee     events.Amount `json:"fee,omitzero"`
}

// OpenAnswers opens the file of a statement, or begins it. A line that was cut off
// in the middle is written again.
func OpenAnswers(path, merchant, period string) (*Answers, error) {
	a := &Answers{of: answersOf{merchant, period}, have: map[events.Order]answer{}}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	whole, err := a.read(path, f)
	if err == nil {
		err = f.Truncate(whole)
	}
	if err == nil {
		_, err = f.Seek(whole, io.SeekStart)
	}
	if a.file = f; err == nil && whole == 0 {
		err = a.write(a.of)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return a, nil
}

// read returns how many bytes are whole lines.
func (a *Answers) read(path string, f *os.File) (whole int64, err error) {
	r := bufio.NewReader(f)
	for line := 1; ; line++ {
		text, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return whole, nil
		}
		if err != nil {
			return 0, err
		}
		whole += int64(len(text))
		if line == 1 {
			var of answersOf
			if json.Unmarshal(text, &of) != nil || of != a.of {
				return 0, &FileError{path, 1, fmt.Errorf("these are not the answers about %s in %s; name another file with --answers", a.of.Merchant, a.of.Period)}
			}
			continue
		}
		var got answer
		if err := json.Unmarshal(text, &got); err != nil {
			return 0, &FileError{path, line, err}
		}
		a.have[a.key(got.Flow, got.OrderID)] = got
	}
}

// Kept is how many answers are there that will not be asked for again, and since
// when the oldest is: what became of its order later is not in it.
func (a *Answers) Kept() (n int, oldest time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, got := range a.have {
		if got.State == finance.Open {
			continue
		}
		if n++; n == 1 || got.At.Before(oldest) {
			oldest = got.At
		}
	}
	return n, oldest
}

func (a *Answers) key(flow events.Flow, orderID string) events.Order {
	return events.Order{Flow: flow, Merchant: a.of.Merchant, OrderID: orderID}
}

func (a *Answers) write(value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	_, err = a.file.Write(append(text, '\n'))
	return err
}

// get returns what was answered about an order. One that was open then may have
// ended since: that is no answer.
func (a *Answers) get(o events.Order) (finance.Said, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	got, there := a.have[o]
	return finance.Said{Flow: o.Flow, OrderID: o.OrderID, State: got.State, Amount: got.Amount, Fee: got.Fee}, there && got.State != finance.Open
}

// keep writes an answer down.
func (a *Answers) keep(s finance.Said, at time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	got := answer{s.Flow, s.OrderID, at.UTC(), s.State, s.Amount, s.Fee}
	a.have[a.key(s.Flow, s.OrderID)] = got
	return a.write(got)
}

// Close closes the file.
func (a *Answers) Close() error {
	err := a.file.Close()
	if errors.Is(err, fs.ErrClosed) {
		return nil
	}
	return err
}
