package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/pkg/events"
)

// BalanceBook is the balances at the merchants' midnights, in BALANCES.
type BalanceBook struct{ held }

// ErrTakenMeanwhile says that another worker stored a merchant's snapshot since the
// last one was read.
var ErrTakenMeanwhile = errors.New("another worker stored a snapshot meanwhile")

// OpenBalances returns the snapshots; timeout bounds each operation.
func OpenBalances(ctx context.Context, js jetstream.JetStream, timeout time.Duration) (*BalanceBook, error) {
	h, err := openHeld(ctx, js, Balances, timeout)
	if err != nil {
		return nil, err
	}
	return &BalanceBook{h}, nil
}

// StoredBalance is a snapshot as BALANCES has it.
type StoredBalance struct {
	Stored
	Event events.BalanceEvent
}

// Last returns a merchant's last snapshot, nil where there is none.
func (b *BalanceBook) Last(ctx context.Context, merchant string) (*StoredBalance, error) {
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	m, err := b.stream.GetLastMsgForSubject(ctx, events.BalanceSubject(merchant))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the last balance of %s: %w", merchant, err)
	}
	s, err := storedBalance(m.Data, Stored{m.Sequence, m.Time.UTC()})
	return &s, err
}

func storedBalance(body []byte, at Stored) (StoredBalance, error) {
	e, err := events.DecodeBalance(body)
	if err != nil {
		return StoredBalance{}, fmt.Errorf("message %d of %s is no balance of ours: %w", at.Sequence, Balances, err)
	}
	return StoredBalance{at, e}, nil
}

// Append stores a snapshot behind the merchant's last one, whose sequence is after,
// 0 for none: of workers that ask side by side one does. Where another was stored
// meanwhile it is [ErrTakenMeanwhile]; any other error says nothing of whether it is
// stored.
func (b *BalanceBook) Append(ctx context.Context, e events.BalanceEvent, after uint64) error {
	body, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode the balance: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	_, err = b.js.PublishMsg(ctx, &nats.Msg{
		Subject: e.NATSSubject(), Data: body, Header: nats.Header{HeaderContentType: []string{events.ContentType}},
	}, jetstream.WithExpectStream(Balances), jetstream.WithExpectLastSequencePerSubject(after))
	var api *jetstream.APIError
	if errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence {
		return fmt.Errorf("store the balance of %s: %w", e.Data.Merchant, ErrTakenMeanwhile)
	}
	if err != nil {
		return fmt.Errorf("store the balance of %s: %w", e.Data.Merchant, err)
	}
	return nil
}

// Find returns a merchant's snapshot of a date, nil where there is none. A day has
// one, and may have had no worker to take it.
func (b *BalanceBook) Find(ctx context.Context, merchant, date string) (*StoredBalance, error) {
	day, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return nil, fmt.Errorf("date of a balance: %w", err)
	}
	var found *StoredBalance
	// A snapshot of the date is not older than its midnight, wherever that was.
	s := scan{js: b.js, stream: Balances, filter: events.BalanceSubject(merchant), window: Window{Since: day.Add(-38 * time.Hour)}}
	err = s.run(ctx, nil, func(m jetstream.Msg, meta *jetstream.MsgMetadata) error {
		one, err := storedBalance(m.Data(), Stored{meta.Sequence.Stream, meta.Timestamp.UTC()})
		switch {
		case err != nil:
			return err
		case one.Event.Data.Date == date:
			found = &one
			return ErrStop
		case one.Event.Data.Date > date:
			return ErrStop
		}
		return nil
	})
	return found, err
}
