package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// A consumer knows of no more than the copy of the stream on its leader's
// server. While that copy is behind, the consumer says that nothing is pending,
// whatever waits for it; and that the copy is behind can't be seen from the
// cluster's lag alone, which counts what a server has in its log, not what it
// has put into the stream (nats-server 2.15.2). So the stream's leader is asked.

// unaware returns the first message that the leader of the stream has for a
// consumer and that the consumer does not know of; 0 for none. A consumer with
// something pending knows that it is not at the end.
func unaware(ctx context.Context, s jetstream.Stream, info *jetstream.ConsumerInfo) (uint64, error) {
	if info.NumPending > 0 {
		return 0, nil
	}
	var first uint64
	for _, filter := range filters(info.Config) {
		seq, err := ask(ctx, func(ctx context.Context) (uint64, error) {
			m, err := s.GetMsg(ctx, info.Delivered.Stream+1, jetstream.WithGetMsgSubject(filter))
			if errors.Is(err, jetstream.ErrMsgNotFound) {
				return 0, nil
			}
			if err != nil {
				return 0, err
			}
			return m.Sequence, nil
		})
		if err != nil {
			return 0, fmt.Errorf("read what %s has for %s: %w", info.Stream, info.Name, err)
		}
		if seq > 0 && (first == 0 || seq < first) {
			first = seq
		}
	}
	return first, nil
}

func filters(c jetstream.ConsumerConfig) []string {
	switch {
	case len(c.FilterSubjects) > 0:
		return c.FilterSubjects
	case c.FilterSubject != "":
		return []string{c.FilterSubject}
	}
	return []string{">"}
}

// stepDown has a consumer led by another server, the preferred one.
func stepDown(ctx context.Context, js jetstream.JetStream, stream, consumer, preferred string) error {
	var request struct {
		Placement struct {
			Preferred string `json:"preferred"`
		} `json:"placement"`
	}
	request.Placement.Preferred = preferred
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, mostPatience)
	defer cancel()
	m, err := js.Conn().RequestWithContext(ctx, jetstream.DefaultAPIPrefix+"CONSUMER.LEADER.STEPDOWN."+stream+"."+consumer, body)
	if err != nil {
		return fmt.Errorf("move the leader of %s: %w", consumer, err)
	}
	var answer struct {
		Error *jetstream.APIError `json:"error"`
	}
	if err := json.Unmarshal(m.Data, &answer); err != nil {
		return fmt.Errorf("move the leader of %s: %w", consumer, err)
	}
	if answer.Error != nil {
		return fmt.Errorf("move the leader of %s: %w", consumer, answer.Error)
	}
	return nil
}
