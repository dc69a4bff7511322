package config

import (
	"errors"
	"slices"
	"strings"
	"time"
)

// Role is a part of the worker's work that a process can take on.
type Role string

// The roles of a worker.
const (
	// RoleCallbacks reconciles callbacks.
	RoleCallbacks Role = "callbacks"
	// RoleSweep finds what no callback told, and keeps CALLBACKS from running
	// full.
	RoleSweep Role = "sweep"
)

var knownRoles = []Role{RoleCallbacks, RoleSweep}

// Roles are the roles of one process.
type Roles []Role

// UnmarshalText reads roles separated by commas. A role that is unknown is
// refused, not skipped: whoever asked for it would believe it runs.
func (r *Roles) UnmarshalText(text []byte) error {
	var roles Roles
	for name := range strings.SplitSeq(string(text), ",") {
		role := Role(strings.TrimSpace(name))
		switch {
		case !slices.Contains(knownRoles, role):
			return errors.New("has an unknown role (" + string(role) + "); use: " + joinRoles(knownRoles))
		case slices.Contains(roles, role):
			return errors.New("names " + string(role) + " twice; name each role once")
		}
		roles = append(roles, role)
	}
	*r = roles
	return nil
}

// Has reports whether a role is among them.
func (r Roles) Has(role Role) bool { return slices.Contains(r, role) }

func joinRoles(roles []Role) string {
	names := make([]string, len(roles))
	for i, role := range roles {
		names[i] = string(role)
	}
	return strings.Join(names, ", ")
}

// Reconcile is how the worker works through callbacks.
//
// The times of one delivery must nest, and are refused otherwise:
//
//	RATE_WAIT_MAX + QUERY_TIMEOUT + NATS_PUBLISH_TIMEOUT < CLAIM_LEASE <= ACK_WAIT
//
// A claim outlives the work it covers, or a second delivery would query the
// gateway while the first still does. And it has expired when the message of a
// crashed worker comes back after ACK_WAIT, or that delivery would find the
// dead worker's claim and be put off once more. Neither order can lose or
// double an event: the order guard of PAYMENTS holds that. They cost queries
// and time.
type Reconcile struct {
	// Roles of this process, separated by commas: callbacks, sweep.
	Roles Roles `env:"WORKER_ROLES" envDefault:"callbacks,sweep"`
	// Most worker processes there will ever be at once. Without Redis each
	// takes this share of a merchant's query rate.
	MaxWorkers int `env:"MAX_WORKERS" envDefault:"4"`
	// Most callbacks of one merchant in work at once in this process.
	InFlight int `env:"WORKER_IN_FLIGHT" envDefault:"64"`
	// Longest an order query may take.
	QueryTimeout time.Duration `env:"QUERY_TIMEOUT" envDefault:"8s"`
	// Longest a delivery waits for its turn in the query rate; past it the
	// message is put back for later.
	RateWaitMax time.Duration `env:"RATE_WAIT_MAX" envDefault:"5s"`
	// How long a delivery's claim on its callback holds. Must exceed
	// RATE_WAIT_MAX + QUERY_TIMEOUT + NATS_PUBLISH_TIMEOUT and not exceed
	// ACK_WAIT.
	ClaimLease time.Duration `env:"CLAIM_LEASE" envDefault:"25s"`
	// How long Redis remembers a decided callback, to spare the query for the
	// gateway's later identical pushes, and the looks at one that is not
	// decided yet. Must exceed RETRY_MAX.
	DoneTTL time.Duration `env:"DONE_TTL" envDefault:"72h"`
	// How often callback and order query may conclusively disagree before the
	// order goes to review. Outages, crashes and waiting do not count.
	Attempts int `env:"ATTEMPTS" envDefault:"8"`
	// First delay before a callback is looked at again; it doubles, with
	// jitter.
	RetryMin time.Duration `env:"RETRY_MIN" envDefault:"1s"`
	// Longest delay before a callback is looked at again.
	RetryMax time.Duration `env:"RETRY_MAX" envDefault:"60s"`
	// Age at which a callback nobody could decide is given up on and kept in
	// PARKED, once it was tried ATTEMPTS times. Must be shorter than CALLBACKS_MAX_AGE, or it would be lost
	// first.
	ParkAfter time.Duration `env:"PARK_AFTER" envDefault:"72h"`
	// Order queries in a row that must go unanswered before a merchant's
	// gateway counts as down and its callbacks wait.
	BreakerFailures int `env:"BREAKER_FAILURES" envDefault:"5"`
	// How long a gateway counted as down is left alone before one query tries
	// it again.
	BreakerOpen time.Duration `env:"BREAKER_OPEN" envDefault:"15s"`
}

func (r *Reconcile) check(fs *faults) {
	fromOne(fs, "MAX_WORKERS", r.MaxWorkers, 10_000)
	fromOne(fs, "WORKER_IN_FLIGHT", r.InFlight, 100_000)
	fromOne(fs, "ATTEMPTS", r.Attempts, 1_000)
	fromOne(fs, "BREAKER_FAILURES", r.BreakerFailures, 10_000)
	positive(fs, "QUERY_TIMEOUT", r.QueryTimeout)
	positive(fs, "RATE_WAIT_MAX", r.RateWaitMax)
	positive(fs, "CLAIM_LEASE", r.ClaimLease)
	positive(fs, "DONE_TTL", r.DoneTTL)
	positive(fs, "RETRY_MIN", r.RetryMin)
	positive(fs, "RETRY_MAX", r.RetryMax)
	positive(fs, "PARK_AFTER", r.ParkAfter)
	positive(fs, "BREAKER_OPEN", r.BreakerOpen)
	if r.DoneTTL > 0 && r.DoneTTL <= r.RetryMax {
		fs.add(named("DONE_TTL", formatDuration(r.DoneTTL)), "must exceed RETRY_MAX (%s), or the looks at a callback are forgotten before the next one and never come to an end", formatDuration(r.RetryMax))
	}
	if r.RetryMin > r.RetryMax {
		fs.add(named("RETRY_MIN", formatDuration(r.RetryMin)), "exceeds RETRY_MAX (%s); lower it or raise RETRY_MAX", formatDuration(r.RetryMax))
	}
	if r.RetryMax >= r.ParkAfter {
		fs.add(named("RETRY_MAX", formatDuration(r.RetryMax)), "must be shorter than PARK_AFTER (%s), or a callback is given up on before it is looked at again", formatDuration(r.ParkAfter))
	}
}
