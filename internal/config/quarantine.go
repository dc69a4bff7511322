package config

// Quarantine limits what each receiver writes to QUARANTINE, the evidence of
// refused callbacks. Every flood has a budget of its own, so that junk cannot
// crowd out the evidence of a wrong key; what is over a budget is still
// refused and counted, but not kept. Bodies count by size: one for each
// started KiB. How much is kept in all is set by QUARANTINE_MAX_PER_SUBJECT
// and QUARANTINE_MAX_BYTES; the defaults hold ten minutes of one merchant's
// budgets of two receivers, all of them used up.
type Quarantine struct {
	// Bodies per second with a wrong signature that are kept of one merchant
	// from one known sender: an address of its allowFrom, or one that has sent
	// a verified callback since the start. 0 for no limit.
	SignatureRate float64 `env:"QUARANTINE_SIGNATURE_RATE" envDefault:"50"`
	// Bodies from a known sender with a wrong signature that are kept at once,
	// above the rate.
	SignatureBurst int `env:"QUARANTINE_SIGNATURE_BURST" envDefault:"2000"`
	// Bodies per second with a wrong signature that are kept of one merchant
	// from one stranger; 0 for no limit. The first eight strangers have a
	// budget each, all others share one.
	StrangerRate float64 `env:"QUARANTINE_STRANGER_RATE" envDefault:"2"`
	// Bodies from a stranger with a wrong signature that are kept at once,
	// above the rate. It is also what is kept of a gateway whose key was wrong
	// from the first callback on.
	StrangerBurst int `env:"QUARANTINE_STRANGER_BURST" envDefault:"1000"`
	// Malformed bodies per second kept, all merchants together; 0 for no
	// limit.
	MalformedRate float64 `env:"QUARANTINE_MALFORMED_RATE" envDefault:"0.5"`
	// Malformed bodies kept at once, above the rate.
	MalformedBurst int `env:"QUARANTINE_MALFORMED_BURST" envDefault:"200"`
	// Bodies per second kept that came for an unknown merchant or flow; 0 for
	// no limit.
	UnknownRate float64 `env:"QUARANTINE_UNKNOWN_RATE" envDefault:"0.5"`
	// Bodies for an unknown merchant or flow kept at once, above the rate.
	UnknownBurst int `env:"QUARANTINE_UNKNOWN_BURST" envDefault:"200"`
}

func (q *Quarantine) check(fs *faults) {
	limit(fs, "QUARANTINE_SIGNATURE_RATE", q.SignatureRate, "QUARANTINE_SIGNATURE_BURST", q.SignatureBurst)
	limit(fs, "QUARANTINE_STRANGER_RATE", q.StrangerRate, "QUARANTINE_STRANGER_BURST", q.StrangerBurst)
	limit(fs, "QUARANTINE_MALFORMED_RATE", q.MalformedRate, "QUARANTINE_MALFORMED_BURST", q.MalformedBurst)
	limit(fs, "QUARANTINE_UNKNOWN_RATE", q.UnknownRate, "QUARANTINE_UNKNOWN_BURST", q.UnknownBurst)
}
