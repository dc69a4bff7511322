package console

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/settlehook/settlehook/internal/story"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/events"
)

// ordersPage is a search, and the stories that it found.
type ordersPage struct {
	ID, Merchant string
	Asked        bool
	Stories      []orderStory
}

// orderStory is a story with links to its cases.
type orderStory struct {
	story.Story
	Cases   []link
	Entries []orderEntry
}

type orderEntry struct {
	story.Entry
	Link link
}

func (c *Console) showOrders(w http.ResponseWriter, r *http.Request) error {
	merchant, err := merchantOf(r)
	if err != nil {
		return err
	}
	p := ordersPage{ID: strings.TrimSpace(r.FormValue("id")), Merchant: merchant}
	title := "Orders"
	if p.ID != "" {
		if len(p.ID) > story.MaxOrderID {
			return wrongInput("No order id has more than %d bytes.", story.MaxOrderID)
		}
		history, err := stream.ReadHistory(r.Context(), c.desk.JS, merchant, p.ID)
		if err != nil {
			return err
		}
		for _, s := range story.Tell(history) {
			p.Stories = append(p.Stories, linked(s))
		}
		p.Asked, title = true, "Order "+p.ID
	}
	return c.show(w, r, "orders", page{Title: title, Section: "orders", Of: p})
}

// linked finds what of a story a person can look at or deal with.
func linked(s story.Story) orderStory {
	o := orderStory{Story: s}
	closed := map[string]bool{}
	for _, e := range s.Entries {
		if e.Event == nil {
			continue
		}
		if d, ok := e.Event.Data.(events.Resolved); ok {
			closed[d.Resolves] = true
		}
	}
	taken := slices.ContainsFunc(s.Entries, func(e story.Entry) bool { return e.Kind == story.Callback })
	for _, e := range s.Entries {
		entry := orderEntry{Entry: e, Link: entryLink(e)}
		open := e.Kind == story.Parked || e.Kind == story.Refused && !taken ||
			e.Kind == story.Kind(events.OutcomeReview) && !closed[e.Event.ID]
		if open {
			o.Cases = append(o.Cases, entry.Link)
		}
		o.Entries = append(o.Entries, entry)
	}
	return o
}

func entryLink(e story.Entry) link {
	number := strconv.FormatUint(e.Sequence, 10)
	switch {
	case e.Kind == story.Parked:
		return link{"Parked callback " + number, "/parked/" + number}
	case e.Kind == story.Refused:
		return link{"Refused callback " + number, "/quarantine/" + number}
	case e.Event != nil && e.Event.Outcome() == events.OutcomeReview:
		return link{"Review " + e.Event.Data.Common().Reason, reviewURL(e.Event.ID)}
	}
	return link{}
}
