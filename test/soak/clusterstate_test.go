package soak

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/testserver"
)

// ownState is what one server says of its own copies (/jsz), whatever the
// leaders say of it.
type ownState struct {
	AccountDetails []struct {
		Streams []struct {
			Name     string                 `json:"name"`
			State    jetstream.StreamState  `json:"state"`
			Cluster  *jetstream.ClusterInfo `json:"cluster"`
			Consumer []ownConsumer          `json:"consumer_detail"`
		} `json:"stream_detail"`
	} `json:"account_details"`
}

type ownConsumer struct {
	Name           string                 `json:"name"`
	Delivered      jetstream.SequenceInfo `json:"delivered"`
	AckFloor       jetstream.SequenceInfo `json:"ack_floor"`
	NumAckPending  int                    `json:"num_ack_pending"`
	NumRedelivered int                    `json:"num_redelivered"`
	NumWaiting     int                    `json:"num_waiting"`
	NumPending     uint64                 `json:"num_pending"`
	Cluster        *jetstream.ClusterInfo `json:"cluster"`
}

func askOwnState(p *testserver.Process) (s ownState, err error) {
	client := http.Client{Timeout: 5 * time.Second}
	res, err := client.Get("http://" + p.Monitor + "/jsz?accounts=1&streams=1&consumers=1")
	if err != nil {
		return s, err
	}
	defer func() { _ = res.Body.Close() }()
	return s, json.NewDecoder(res.Body).Decode(&s)
}

// same: every server has what the others have, of every stream.
func (r *rig) same() bool {
	type extent struct{ msgs, last uint64 }
	var first map[string]extent
	for _, p := range r.nats {
		s, err := askOwnState(p)
		if err != nil {
			return false
		}
		own := map[string]extent{}
		for _, account := range s.AccountDetails {
			for _, str := range account.Streams {
				own[str.Name] = extent{str.State.Msgs, str.State.LastSeq}
			}
		}
		if first == nil {
			first = own
		}
		if len(own) != len(streams) || !maps.Equal(own, first) {
			return false
		}
	}
	return true
}

// ownStates says how each server's own copies of streams and consumers are, side
// by side: which one does not follow can be seen at once.
func (r *rig) ownStates() string {
	var b strings.Builder
	for i, p := range r.nats {
		if p.Monitor == "" {
			continue
		}
		s, err := askOwnState(p)
		if err != nil {
			fmt.Fprintf(&b, "nats-%d: %v\n", i, err)
			continue
		}
		for _, account := range s.AccountDetails {
			for _, str := range account.Streams {
				fmt.Fprintf(&b, "nats-%d: %s messages %d, last %d (%s), leader %s\n", i, str.Name,
					str.State.Msgs, str.State.LastSeq, str.State.LastTime.Format("15:04:05.000"), leaderOf(str.Cluster))
				for _, c := range str.Consumer {
					fmt.Fprintf(&b, "nats-%d:     %s leader %s, delivered %d, floor %d, %d pending, %d unacknowledged, %d redelivered, %d waiting\n",
						i, c.Name, leaderOf(c.Cluster), c.Delivered.Stream, c.AckFloor.Stream, c.NumPending, c.NumAckPending, c.NumRedelivered, c.NumWaiting)
				}
			}
		}
	}
	return b.String()
}

func leaderOf(c *jetstream.ClusterInfo) string {
	if c == nil {
		return "?"
	}
	return c.Leader
}
