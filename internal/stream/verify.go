package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/config"
)

// TopologyError names one field of a stream or consumer that breaks a
// guarantee.
type TopologyError struct {
	Stream   string
	Consumer string // empty for a stream's own field
	Field    string // as the server spells it
	Want     string
	Got      string
	Why      string
}

func (e *TopologyError) Error() string {
	where := "stream " + e.Stream
	if e.Consumer != "" {
		where += ", consumer " + e.Consumer
	}
	return fmt.Sprintf("%s: %s is %s, must be %s: %s; run 'settlehook setup'", where, e.Field, e.Got, e.Want, e.Why)
}

// Verify refuses streams that break a guarantee: one *[TopologyError] for each
// field, joined. Sizes and descriptions may differ from the declared ones. A
// live update weakens a stream without a word, so receiver and worker verify
// periodically. Where a leader is being elected it waits, until ctx ends.
func Verify(ctx context.Context, js jetstream.JetStream, t config.Topology) error {
	var errs []error
	for _, want := range Declare(t) {
		want = complete(want, t.Replicas)
		s, err := ask(ctx, func(ctx context.Context) (jetstream.Stream, error) { return js.Stream(ctx, want.Name) })
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			errs = append(errs, &TopologyError{Stream: want.Name, Field: "stream", Want: "there", Got: "missing", Why: "nothing works without it"})
			continue
		}
		if err != nil {
			return fmt.Errorf("read stream %s: %w", want.Name, err)
		}
		errs = append(errs, verifyStream(want, s.CachedInfo().Config)...)
	}
	return errors.Join(errs...)
}

// rule is one field that a guarantee hangs on.
type rule struct {
	field     string
	want, got any
	why       string
}

func verifyStream(want, got jetstream.StreamConfig) []error {
	rules := []rule{
		{"subjects", join(want.Subjects), join(got.Subjects), "messages would be lost or land elsewhere"},
		{"retention", want.Retention, got.Retention, "messages would vanish once they are read"},
		{"storage", want.Storage, got.Storage, "a restart would lose messages"},
		{"discard", want.Discard, got.Discard, "a full stream would drop what was acknowledged, or block what may be dropped"},
		{"max_msgs_per_subject", want.MaxMsgsPerSubject, got.MaxMsgsPerSubject, "it stands behind the order guard"},
		{"discard_new_per_subject", want.DiscardNewPerSubject, got.DiscardNewPerSubject, "an event would be overwritten"},
		{"max_msgs", want.MaxMsgs, got.MaxMsgs, "the size is bounded in bytes"},
		{"max_msg_size", want.MaxMsgSize, got.MaxMsgSize, "a large callback would be refused for ever"},
		{"no_ack", false, got.NoAck, "success would be answered for a callback that is not stored"},
		{"sealed", false, got.Sealed, "nothing could be stored"},
		{"allow_direct", false, got.AllowDirect, "a read might come from a replica that lags behind the leader"},
		{"allow_rollup_hdrs", false, got.AllowRollup, "one message could remove others"},
		{"allow_msg_ttl", false, got.AllowMsgTTL, "messages could vanish early"},
		{"compression", want.Compression, got.Compression, "a copy may become unreadable when its server restarts"},
		{"persist_mode", jetstream.DefaultPersistMode, got.PersistMode, "acknowledged messages would be lost in a crash"},
		{"subject_transform", "none", present(got.SubjectTransform != nil), "messages would land elsewhere"},
		{"mirror", "none", present(got.Mirror != nil), "nothing could be published"},
		{"sources", "none", present(len(got.Sources) > 0), "messages would come in unguarded"},
	}
	if want.DenyDelete {
		rules = append(
			rules,
			rule{"deny_delete", true, got.DenyDelete, "what the books rest on could be removed, and an event told again"},
			rule{"deny_purge", true, got.DenyPurge, "what the books rest on could be removed, and events told again"},
		)
	}
	if want.Duplicates != CallbacksDuplicates || want.Name == Callbacks {
		rules = append(rules, rule{"duplicate_window", want.Duplicates, got.Duplicates, "repeated publishing relies on it"})
	}
	var errs []error
	for _, r := range rules {
		if r.want != r.got {
			errs = append(errs, &TopologyError{Stream: want.Name, Field: r.field, Want: fmt.Sprint(r.want), Got: fmt.Sprint(r.got), Why: r.why})
		}
	}
	return append(errs, verifyBounds(want, got)...)
}

// verifyBounds holds what may be more than declared, but not less.
func verifyBounds(want, got jetstream.StreamConfig) []error {
	var errs []error
	if got.Replicas < want.Replicas {
		errs = append(errs, &TopologyError{
			Stream: want.Name, Field: "num_replicas",
			Want: fmt.Sprintf("at least %d", want.Replicas), Got: fmt.Sprint(got.Replicas), Why: "durability is weaker than declared",
		})
	}
	switch want.Name {
	case Payments, Orders, Balances:
		// The ledger outlives whatever can be replayed into it, or a late
		// replay would tell an outcome again. 0 is for ever.
		if got.MaxAge != 0 && got.MaxAge < want.MaxAge {
			errs = append(errs, &TopologyError{
				Stream: want.Name, Field: "max_age",
				Want: fmt.Sprintf("at least %s", want.MaxAge), Got: got.MaxAge.String(), Why: "a replayed callback would outlive its event and be told again",
			})
		}
	default:
		if got.MaxAge != want.MaxAge {
			errs = append(errs, &TopologyError{
				Stream: want.Name, Field: "max_age",
				Want: want.MaxAge.String(), Got: got.MaxAge.String(), Why: "messages would vanish early, or outlive the ledger",
			})
		}
	}
	return errs
}

func join(subjects []string) string {
	return strings.Join(slices.Sorted(slices.Values(subjects)), " ")
}

func present(there bool) string {
	if there {
		return "set"
	}
	return "none"
}

// verifyConsumer refuses a durable that would lose or starve what it delivers.
func verifyConsumer(stream string, want, got jetstream.ConsumerConfig) error {
	rules := []rule{
		{"filter_subject", want.FilterSubject, got.FilterSubject, "callbacks would go unread"},
		{"filter_subjects", join(want.FilterSubjects), join(got.FilterSubjects), "events would go unread"},
		{"deliver_policy", want.DeliverPolicy, got.DeliverPolicy, "callbacks from before would go unread"},
		{"ack_policy", want.AckPolicy, got.AckPolicy, "a crash would lose callbacks"},
		{"max_deliver", want.MaxDeliver, got.MaxDeliver, "a callback would be given up on without a word"},
		{"backoff", 0, len(got.BackOff), "it overrides the ack wait"},
		{"headers_only", false, got.HeadersOnly, "the body would be missing"},
		{"replay_policy", want.ReplayPolicy, got.ReplayPolicy, "callbacks would come as slowly as they came the first time"},
		{"mem_storage", false, got.MemoryStorage, "a restart would forget what was acknowledged"},
		{"inactive_threshold", want.InactiveThreshold, got.InactiveThreshold, "a pause of all workers would remove it, and everything would come again"},
	}
	var errs []error
	for _, r := range rules {
		if r.want != r.got {
			errs = append(errs, &TopologyError{
				Stream: stream, Consumer: want.Durable, Field: r.field,
				Want: fmt.Sprint(r.want), Got: fmt.Sprint(r.got), Why: r.why,
			})
		}
	}
	if got.AckWait < want.AckWait {
		errs = append(errs, &TopologyError{
			Stream: stream, Consumer: want.Durable, Field: "ack_wait",
			Want: "at least " + want.AckWait.String(), Got: got.AckWait.String(), Why: "a callback would be delivered again while it is worked on",
		})
	}
	return errors.Join(errs...)
}

// VerifyDurable refuses a durable of a stream that breaks a guarantee, as its
// opening does: one *[TopologyError] for each field, joined.
func VerifyDurable(stream string, want, got jetstream.ConsumerConfig) error {
	return verifyConsumer(stream, want, got)
}
