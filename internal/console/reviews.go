package console

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/internal/cases"
	"github.com/settlehook/settlehook/internal/operator"
	"github.com/settlehook/settlehook/internal/reconcile"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/events"
)

// reviewsPage is a list of reviews.
type reviewsPage struct {
	filter
	State string
	Rows  []stream.Review
	More  bool
}

func (c *Console) listReviews(w http.ResponseWriter, r *http.Request) error {
	f, err := filterOf(r)
	if err != nil {
		return err
	}
	p := reviewsPage{filter: f, State: r.FormValue("state")}
	want := stream.ReviewFilter{Flow: f.Flow, Merchant: f.Merchant, OrderID: f.Order, Reason: f.Reason, Window: f.window()}
	switch p.State {
	case "":
		p.State = string(stream.ReviewOpen)
		want.State = stream.ReviewOpen
	case string(stream.ReviewOpen), string(stream.ReviewResolved):
		want.State = stream.ReviewState(p.State)
	case "all":
	default:
		return wrongInput("The state %q: choose open, resolved or all.", p.State)
	}
	reviews, err := c.desk.Reviews(r.Context())
	if err != nil {
		return err
	}
	p.Rows, p.More, err = listed(func(each func(stream.Review) error) error { return reviews.List(r.Context(), want, each) },
		func(r stream.Review) stream.Review { return r })
	if err != nil {
		return err
	}
	return c.show(w, r, "reviews", page{Title: "Reviews", Section: "reviews", Of: p})
}

// reviewPage is one review, with what can be done.
type reviewPage struct {
	Review     stream.Review
	Payment    events.Payment
	Resolution *events.Resolved
	Background cases.Background
	Evidence   []statement
	Differ     map[string]bool // of the evidence: in what the statements differ
	Asked      bool            // the gateway was, just now
	Silence    string          // why it did not answer
	Barred     string          // why nothing can be resolved from here
	Unasked    string          // why the gateway can't be asked from here
	As, Why    string          // as given
	Fault      string          // of what was given
}

// statement is what one party says of the order.
type statement struct {
	Who, Status, Amount, Fee, PlatOrder string
	At                                  time.Time
}

// file is a review with what it takes to look at it and to resolve it.
type file struct {
	operator.Party
	reviews *cases.Reviews
	review  stream.Review
}

func (c *Console) openReview(ctx context.Context, id string) (f file, err error) {
	name, err := cases.ParseReviewID(id)
	if err != nil {
		return f, wrongInput("%q is not the id of a review.", id)
	}
	if f.reviews, err = c.desk.Reviews(ctx); err != nil {
		return f, err
	}
	if f.review, err = f.reviews.Find(ctx, name); err != nil {
		return f, err
	}
	f.Party = operator.Unasked(f.review)
	return f, nil
}

// What can't be done without settings, which are the environment's.
const (
	needsMerchants = "The gateway can’t be asked from here: MERCHANTS_FILE is not set. Start the console with it to settle, fail, reverse or expire; a review can be dismissed without."
	needsName      = "Nothing can be resolved from here: INSTALLATION is not set. Start the console with the name that the events have."
)

// ask puts the merchant's gateway into a file.
func (c *Console) ask(f *file) error {
	if c.desk.Cfg.Merchants.Path == "" {
		return wrongInput("%s", needsMerchants)
	}
	party, err := c.desk.Asked(f.review, gatewayTimeout)
	if err != nil {
		return &problem{http.StatusConflict, "The gateway can’t be asked", err.Error()}
	}
	f.Party = party
	return nil
}

// reviewPageOf gathers what is known of a review.
func (c *Console) reviewPageOf(ctx context.Context, f file) (p reviewPage, err error) {
	p = reviewPage{Review: f.review, Payment: f.review.Event.Data.Common()}
	if p.Background, err = f.reviews.Look(ctx, f.review, f.Merchant, f.Gateway); err != nil {
		return p, err
	}
	if f.review.Resolution != nil {
		closed := f.review.Resolution.Data.(events.Resolved)
		p.Resolution = &closed
	}
	p.Evidence = evidence(p.Payment, p.Background, c.clock())
	p.Differ = map[string]bool{
		"amount": differ(p.Evidence, func(s statement) string { return s.Amount }),
		"order":  differ(p.Evidence, func(s statement) string { return s.PlatOrder }),
	}
	p.Asked = p.Background.Answer != nil
	if p.Background.Silence != nil {
		p.Silence = cases.Worded(p.Background.Silence).Error()
	}
	if c.desk.Cfg.General.Installation == "" {
		p.Barred = needsName
	}
	if c.desk.Cfg.Merchants.Path == "" {
		p.Unasked = needsMerchants
	}
	return p, nil
}

// evidence is what each party says, side by side.
func evidence(p events.Payment, b cases.Background, now time.Time) []statement {
	said := statement{Who: "Callback", Status: "said nothing"}
	if cb := p.Evidence.Callback; cb != nil {
		said = statement{"Callback", callback.Status(cb.Status).String(), amountText(cb.Amount, p.Currency), amountText(cb.Fee, p.Currency), cb.PlatOrderID, p.Evidence.ReceivedAt}
		if cb.Reverse {
			said.Status += ", reversed"
		}
	}
	asked := statement{Who: "Order query", Status: "said nothing"}
	if q := p.Evidence.Query; q != nil {
		asked = statement{"Order query", callback.Status(q.Status).String(), amountText(q.Amount, p.Currency), amountText(q.Fee, p.Currency), q.PlatOrderID, p.Evidence.ConfirmedAt}
		if q.NotFound {
			asked.Status = "does not know the order"
		}
	}
	ordered := statement{Who: "Submitted order", Status: "not submitted", Amount: amountText(p.SubmittedAmount, p.Currency)}
	switch s := b.Submitted; {
	case s != nil && s.Unusable:
		ordered.Status = "can’t be read"
	case s != nil:
		ordered.Status, ordered.Amount = "submitted", amountText(s.Amount, s.Currency)
	case p.SubmittedAmount.Known():
		ordered.Status = "submitted"
	}
	all := []statement{said, asked, ordered}
	if a := b.Answer; a != nil {
		fresh := statement{"Order query, now", cases.Said(*a, p.Currency), amountText(a.Amount, p.Currency), amountText(a.Fee, p.Currency), a.PlatOrderID, now}
		if a.Found && a.Amount.Known() {
			fresh.Status = a.Status.String() // the amount has its own row
		}
		all = append(all, fresh)
	}
	return all
}

// differ reports whether those who say something say different things.
func differ(all []statement, of func(statement) string) bool {
	first := ""
	for _, s := range all {
		text := of(s)
		if text == "" {
			continue
		}
		if first != "" && text != first {
			return true
		}
		first = text
	}
	return false
}

func amountText(a events.Amount, currency string) string {
	if !a.Known() {
		return ""
	}
	return a.InCurrency(currency).String() + " " + currency
}

func (c *Console) showReview(w http.ResponseWriter, r *http.Request) error {
	f, err := c.openReview(r.Context(), r.FormValue("id"))
	if err != nil {
		return err
	}
	return c.showFile(w, r, f, func(*reviewPage) {})
}

// askAboutReview shows a review with what the gateway says now.
func (c *Console) askAboutReview(w http.ResponseWriter, r *http.Request) error {
	f, err := c.openReview(r.Context(), r.PostForm.Get("id"))
	if err != nil {
		return err
	}
	if err := c.ask(&f); err != nil {
		return err
	}
	defer f.Release()
	return c.showFile(w, r, f, func(*reviewPage) {})
}

func (c *Console) showFile(w http.ResponseWriter, r *http.Request, f file, edit func(*reviewPage)) error {
	p, err := c.reviewPageOf(r.Context(), f)
	if err != nil {
		return err
	}
	edit(&p)
	status := 0
	if p.Fault != "" {
		status = http.StatusConflict
	}
	return c.show(w, r, "review", page{Title: "Review of order " + p.Payment.OrderID, Section: "reviews", Status: status, Of: p})
}

// preview is a decision that a person is about to make, with the answer of the
// gateway that they were shown: it is not told on another.
type preview struct {
	Token, ID, As, Why, Who, Would string
	shown                          *reconcile.Answer
	until                          time.Time
	used                           bool
}

// previews are the decisions that wait for a yes.
type previews struct {
	clock func() time.Time
	mu    sync.Mutex
	all   []preview
}

func newPreviews(clock func() time.Time) *previews { return &previews{clock: clock} }

func (p *previews) keep(v preview) preview {
	v.Token, v.until = rand.Text(), p.clock().Add(previewValidity)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = append(p.all, v)
	if len(p.all) > previewsAtMost {
		p.all = p.all[1:]
	}
	return v
}

// take hands a preview out, once: to others it is used.
func (p *previews) take(token string) (v preview, valid bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.all, func(v preview) bool { return v.Token == token })
	if i < 0 {
		return preview{}, false
	}
	v = p.all[i]
	p.all[i].used = true
	return v, p.clock().Before(v.until)
}

// decided opens the review of a form with what its decision needs.
func (c *Console) decided(r *http.Request, id, as string) (f file, err error) {
	if c.desk.Cfg.General.Installation == "" {
		return f, wrongInput("%s", needsName)
	}
	if f, err = c.openReview(r.Context(), id); err != nil {
		return f, err
	}
	if as != cases.Dismissed {
		err = c.ask(&f)
	}
	return f, err
}

// previewPage asks a person whether to go on.
type previewPage struct {
	preview
	Payment events.Payment
}

// previewReview says what a decision would do.
func (c *Console) previewReview(w http.ResponseWriter, r *http.Request) error {
	id, as, why := r.PostForm.Get("id"), r.PostForm.Get("as"), r.PostForm.Get("why")
	slip := cases.CheckWhy(why)
	if !slices.Contains(cases.Resolutions, as) {
		slip = errors.New("choose what became of the order")
		as = ""
	}
	if slip != nil {
		f, err := c.openReview(r.Context(), id)
		if err != nil {
			return err
		}
		return c.showFile(w, r, f, func(p *reviewPage) { p.Fault, p.As, p.Why = undone(slip), as, why })
	}
	f, err := c.decided(r, id, as)
	if err != nil {
		return err
	}
	defer f.Release()
	who, err := c.desk.Who(r.Context())
	if err != nil {
		return err
	}
	would, shown, err := f.reviews.Preview(r.Context(), f.review, f.Merchant, f.Gateway, as)
	if err != nil {
		return c.refusedDecision(w, r, id, as, why, undone(err))
	}
	p := previewPage{c.previews.keep(preview{ID: id, As: as, Why: why, Who: who, Would: would, shown: shown}), f.review.Event.Data.Common()}
	return c.show(w, r, "preview", page{Title: "Resolve the review of order " + p.Payment.OrderID, Section: "reviews", Of: p})
}

// refusedDecision shows the review again, with why a decision was not made.
func (c *Console) refusedDecision(w http.ResponseWriter, r *http.Request, id, as, why, fault string) error {
	f, err := c.openReview(r.Context(), id)
	if err == nil {
		err = c.showFile(w, r, f, func(p *reviewPage) { p.Fault, p.As, p.Why = fault, as, why })
	}
	if err != nil { // what became of the decision is more than why the page can't be shown
		return &problem{http.StatusConflict, "The decision came to nothing, or not to its end", fault}
	}
	return nil
}

// undone says that a refused decision did nothing.
func undone(refusal error) string { return "Nothing was done: " + refusal.Error() + "." }

// brokenOff says how far a decision came. Only one that was refused before anything
// was written surely did nothing.
func brokenOff(res reconcile.Resolved, err error) string {
	var unsure *reconcile.UnsureError
	if !res.Emitted && !errors.As(err, &unsure) {
		return undone(err)
	}
	text := err.Error()
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// resolvedWords says what a resolution did.
func resolvedWords(res reconcile.Resolved) string {
	if res.Event == nil {
		return "The review is closed, and no outcome was told."
	}
	p := res.Event.Data.Common()
	what := strings.TrimSpace(res.Event.ID + " " + amountText(p.Amount, p.Currency))
	if !res.Emitted {
		return "The review is closed; downstream had been told " + what + "."
	}
	return "Downstream is told " + what + ", and the review is closed."
}

// resolveReview makes a decision that was previewed.
func (c *Console) resolveReview(w http.ResponseWriter, r *http.Request) error {
	v, valid := c.previews.take(r.PostForm.Get("preview"))
	switch {
	case v.used:
		tell(r, "This decision was handed in before. Here is how the review stands; while it is open, load the page again in a moment.")
		http.Redirect(w, r, reviewURL(v.ID), http.StatusSeeOther)
		return nil
	case !valid:
		return &problem{http.StatusConflict, "Decide again", "Nothing was done: this decision waited for too long. Open the review to see how it stands."}
	}
	f, err := c.decided(r, v.ID, v.As)
	if err != nil {
		return err
	}
	defer f.Release()
	who, err := c.desk.Who(r.Context())
	if err != nil {
		return err
	}
	res, err := f.reviews.Resolve(r.Context(), f.review, f.Merchant, f.Gateway, cases.Decision{As: v.As, By: who, Why: v.Why, Shown: v.shown})
	if err != nil {
		return c.refusedDecision(w, r, v.ID, v.As, v.Why, brokenOff(res, err))
	}
	c.standing.forget()
	tell(r, resolvedWords(res))
	http.Redirect(w, r, reviewURL(v.ID), http.StatusSeeOther)
	return nil
}
