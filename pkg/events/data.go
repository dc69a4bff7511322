package events

// Data is the typed data of a payment event: one of [Settled], [Failed],
// [Reversed], [Expired], [Review] and [Resolved], always as a value. A type
// switch over these is complete for this version of the package.
type Data interface {
	// Common returns what all payment events say.
	Common() Payment

	outcome() Outcome
	// tail is the case of a review or a resolution, else empty.
	tail() string
	// with returns the data, as a value, with another common part.
	with(p Payment) Data
}

// Settled says that the money moved: the order query says so, and every known
// amount agrees.
type Settled struct{ Payment }

// Failed says that the money did not move, by the order query. A collection may
// still settle later; a payout that did asks for a review instead.
type Failed struct{ Payment }

// Reversed says that settled money moved back.
type Reversed struct{ Payment }

// Expired says that a collection was never paid while the sweep watched it. A
// later settled event may supersede it.
type Expired struct{ Payment }

// Review asks a person to look: what settlehook knows is contradictory or
// outside the rules. What callback and query said stands in the evidence.
type Review struct {
	Payment
	Case string `json:"case"` // "<reason>-<hash8>", the last token of the subject; see [CaseTail]
}

// Resolved closes one review. Its reason is the review's.
type Resolved struct {
	Payment
	Case           string `json:"case"`                     // of the review
	Resolves       string `json:"resolves"`                 // id of the review; filled in by [New]
	By             string `json:"by"`                       // who decided
	Why            string `json:"why"`                      // and why, in a person's words
	ResultingEvent string `json:"resultingEvent,omitempty"` // id of the event that came of it, if one did
}

func (Settled) outcome() Outcome  { return OutcomeSettled }
func (Failed) outcome() Outcome   { return OutcomeFailed }
func (Reversed) outcome() Outcome { return OutcomeReversed }
func (Expired) outcome() Outcome  { return OutcomeExpired }
func (Review) outcome() Outcome   { return OutcomeReview }
func (Resolved) outcome() Outcome { return OutcomeResolved }

func (Settled) tail() string    { return "" }
func (Failed) tail() string     { return "" }
func (Reversed) tail() string   { return "" }
func (Expired) tail() string    { return "" }
func (r Review) tail() string   { return r.Case }
func (r Resolved) tail() string { return r.Case }

func (Settled) with(p Payment) Data    { return Settled{p} }
func (Failed) with(p Payment) Data     { return Failed{p} }
func (Reversed) with(p Payment) Data   { return Reversed{p} }
func (Expired) with(p Payment) Data    { return Expired{p} }
func (r Review) with(p Payment) Data   { r.Payment = p; return r }
func (r Resolved) with(p Payment) Data { r.Payment = p; return r }
