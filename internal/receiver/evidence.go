package receiver

import (
	"time"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/stream"
)

// evidence are the budgets of QUARANTINE. What matters there is the evidence of
// a wrong key: the gateway's callbacks whose signature no key of ours gives, to
// be redriven once the key is mended. The stream drops its oldest messages when
// it is full, so whatever else is kept must be too little to fill it before a
// person has come. Each flood ends at a bound of its own:
//
//   - Junk for unknown merchants, and malformed junk: one budget each, all
//     sources and merchants together, cut to [mostJunk] bytes a body.
//   - Well-formed junk with a bad signature, sent to another merchant: budgets
//     are per merchant.
//   - The same, sent to the same merchant: a merchant with allowFrom refuses it
//     unread, as unknown. Without allowFrom, budgets are per merchant and
//     source, and a source that has sent a verified callback since the start (a
//     known sender) has a large one. The first [mostStrangers] others have a
//     small one each; beyond, they share one. So from a million addresses no
//     more is kept than from nine.
//   - Large bodies: they count by size.
//   - More than NATS can take at the moment: [mostKeeping] at once of each kind.
//
// What remains possible, without allowFrom: to have a gateway's bad signatures
// over a stranger's budget dropped, where its key was wrong from the first
// callback since the start on. To have strangers' junk push out evidence in the
// end, at nine times QUARANTINE_STRANGER_RATE for each receiver: with the
// defaults, hours after ten minutes of everything at once. And whoever holds a
// genuine callback that was not yet sent can become a known sender with it.
type evidence struct {
	malformed, unknown *limiters[string]
	signature          *signatures
	keeping            map[fund]places
}

// fund is what evidence is paid from.
type fund int

const (
	fundMalformed fund = iota
	fundUnknown
	fundKnown    // bad signatures of known senders
	fundStranger // bad signatures of others
)

// mostKeeping bounds how many refusals of one fund wait for the stream at once:
// their bodies are in memory meanwhile.
const mostKeeping = 128

func newEvidence(q config.Quarantine) *evidence {
	e := &evidence{
		malformed: newLimiters[string](q.MalformedRate, q.MalformedBurst, 1),
		unknown:   newLimiters[string](q.UnknownRate, q.UnknownBurst, 1),
		signature: newSignatures(q),
		keeping:   make(map[fund]places),
	}
	for _, f := range []fund{fundMalformed, fundUnknown, fundKnown, fundStranger} {
		e.keeping[f] = make(places, mostKeeping)
	}
	return e
}

// begin reports whether the evidence of a refusal may be kept; done ends the
// keeping.
func (e *evidence) begin(x *exchange, class stream.Class) (done func(), ok bool) {
	from, paid := e.pay(x, class)
	if !paid || !e.keeping[from].take() {
		return nil, false
	}
	return e.keeping[from].giveBack, true
}

func (e *evidence) pay(x *exchange, class stream.Class) (fund, bool) {
	switch class {
	case stream.ClassSignature:
		return e.signature.pay(x.merchant, keyOf(x.source), len(x.configured.AllowFrom) > 0, cost(x.body), x.received)
	case stream.ClassMalformed:
		return fundMalformed, e.malformed.allow("", x.received)
	default:
		return fundUnknown, e.unknown.allow("", x.received)
	}
}

// cost is what a body takes of a budget: one for each started KiB.
func cost(body []byte) int { return 1 + len(body)>>10 }

// learnSender remembers where a verified callback came from. A repetition says
// nothing about its sender: anybody who has seen the callback can send it.
func (x *exchange) learnSender() {
	if len(x.configured.AllowFrom) == 0 && !x.receipt.Duplicate {
		x.h.evidence.signature.learn(x.merchant, keyOf(x.source))
	}
}

// strangerIdle is how long a stranger has to be quiet until its place can be
// another's.
const strangerIdle = time.Hour
