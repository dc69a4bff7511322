package console

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/settlehook/settlehook/internal/cases"
	"github.com/settlehook/settlehook/internal/stream"
)

// parkedRow is a parked callback with its order.
type parkedRow struct {
	stream.ParkedCallback
	OrderID string
	Said    string // what the callback says, if it can be read
}

func rowOfParked(p stream.ParkedCallback) parkedRow {
	row := parkedRow{ParkedCallback: p}
	if cb, err := p.Callback(); err == nil {
		row.OrderID, row.Said = cb.OrderID, cb.Status.String()+" "+cb.Amount.String()
		if cb.Reverse {
			row.Said += ", reversed"
		}
	}
	return row
}

// parkedPage is a list of parked callbacks.
type parkedPage struct {
	filter
	Rows []parkedRow
	More bool
}

func (c *Console) listParked(w http.ResponseWriter, r *http.Request) error {
	f, err := filterOf(r)
	if err != nil {
		return err
	}
	parked, err := c.desk.Parked(r.Context())
	if err != nil {
		return err
	}
	query := cases.ParkedQuery{
		ParkedFilter: stream.ParkedFilter{Flow: f.Flow, Merchant: f.Merchant, Window: f.window()}, Reason: f.Reason, OrderID: f.Order,
	}
	p := parkedPage{filter: f}
	p.Rows, p.More, err = listed(func(each func(stream.ParkedCallback) error) error { return parked.List(r.Context(), query, each) }, rowOfParked)
	if err != nil {
		return err
	}
	return c.show(w, r, "parked", page{Title: "Parked callbacks", Section: "parked", Of: p})
}

// parkedOnePage is one, with all of it.
type parkedOnePage struct {
	parkedRow
	Told  string // id of the order's last event
	Text  string // the body
	Stuck string // why it can't be redriven
	Why   string // as given
	Fault string
}

func (c *Console) showParked(w http.ResponseWriter, r *http.Request) error {
	sequence, err := sequenceOf(r.PathValue("sequence"))
	if err != nil {
		return err
	}
	return c.showOneParked(w, r, sequence, "", nil)
}

func (c *Console) showOneParked(w http.ResponseWriter, r *http.Request, sequence uint64, why string, slip error) error {
	parked, err := c.desk.Parked(r.Context())
	if err != nil {
		return err
	}
	m, err := parked.Get(r.Context(), sequence)
	if err != nil {
		return err
	}
	p := parkedOnePage{parkedRow: rowOfParked(m), Text: string(m.Body), Why: why}
	if p.Told, err = c.desk.Told(r.Context(), m.Merchant, p.OrderID); err != nil {
		return err
	}
	if err := m.Redrivable(); err != nil {
		p.Stuck = err.Error()
	}
	status := 0
	if slip != nil {
		p.Fault, status = slip.Error(), http.StatusConflict
	}
	return c.show(w, r, "parkedone", page{Title: fmt.Sprintf("Parked callback %d", sequence), Section: "parked", Status: status, Of: p})
}

func (c *Console) redriveParked(w http.ResponseWriter, r *http.Request) error {
	sequences, err := sequencesOf(r)
	if err != nil {
		return err
	}
	parked, err := c.desk.Parked(r.Context())
	if err != nil {
		return err
	}
	return c.doTo(w, r, "/parked", func(ctx context.Context, watch cases.Watch) error {
		_, err := parked.Some(ctx, sequences, parked.Redrive, watch)
		return err
	})
}

func (c *Console) dropParked(w http.ResponseWriter, r *http.Request) error {
	sequences, err := sequencesOf(r)
	if err != nil {
		return err
	}
	why := r.PostForm.Get("why")
	if err := cases.CheckWhy(why); err != nil {
		return c.showOneParked(w, r, sequences[0], why, err)
	}
	parked, err := c.desk.Parked(r.Context())
	if err != nil {
		return err
	}
	who, err := c.desk.Who(r.Context())
	if err != nil {
		return err
	}
	return c.doTo(w, r, "/parked", func(ctx context.Context, watch cases.Watch) error {
		_, err := parked.Some(ctx, sequences, parked.Drop(who, why), watch)
		return err
	})
}

// doTo does something to chosen messages, and has the next page say what became of
// them.
func (c *Console) doTo(w http.ResponseWriter, r *http.Request, back string, do func(context.Context, cases.Watch) error) error {
	var results []cases.Result
	err := do(r.Context(), cases.Watch{Each: func(result cases.Result) { results = append(results, result) }})
	c.standing.forget()
	for _, text := range became(results) {
		tell(r, text)
	}
	if err != nil {
		tell(r, err.Error())
	}
	http.Redirect(w, r, back, http.StatusSeeOther)
	return nil
}

// became says what became of messages: of those that went alike in one line.
func became(results []cases.Result) (lines []string) {
	type fate struct{ verdict, why string }
	of := map[fate][]string{}
	var order []fate
	for _, r := range results {
		f := fate{string(r.Verdict), r.Why}
		if r.Err != nil {
			f.why = r.Err.Error()
		}
		if !slices.Contains(order, f) {
			order = append(order, f)
		}
		of[f] = append(of[f], fmt.Sprint(r.Sequence))
	}
	for _, f := range order {
		line := fmt.Sprintf("%s: %s", strings.Join(of[f], ", "), f.verdict)
		if f.why != "" {
			line += " (" + f.why + ")"
		}
		lines = append(lines, line)
	}
	return lines
}
