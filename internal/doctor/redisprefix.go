package doctor

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/settlehook/settlehook/internal/stream"
)

// How much of Redis is looked through: enough to meet another installation's
// keys, and no load.
const (
	scanPages = 20
	scanPage  = 500
	scanMarks = 50
)

// sharedPrefix looks whether keys under REDIS_KEY_PREFIX are of another
// installation: a done mark that names an event beyond the ledger's end is not
// ours.
func (v *visit) sharedPrefix(ctx context.Context, client redis.UniversalClient) ([]Finding, error) {
	info, err := v.stream(ctx, stream.Payments)
	var t *trouble
	if errors.As(err, &t) {
		return nil, nil // without a ledger nothing can be compared
	}
	if err != nil {
		return nil, err
	}
	prefix := v.o.Settings.Redis.KeyPrefix
	marks, err := doneMarks(ctx, client, prefix)
	if err != nil {
		return nil, err
	}
	beyond := 0
	for _, sequence := range marks {
		if sequence > info.State.LastSeq {
			beyond++
		}
	}
	if beyond == 0 {
		return nil, nil
	}
	return []Finding{warn(
		"give each installation a REDIS_KEY_PREFIX of its own, and restart its workers; after a restore of the streams it passes by itself (DONE_TTL)",
		"%d of %d done marks under %q name events beyond the ledger's end: another installation uses this prefix, or the ledger was restored", beyond, len(marks), prefix)}, nil
}

// doneMarks are the sequences in PAYMENTS that some done marks name.
func doneMarks(ctx context.Context, client redis.UniversalClient, prefix string) ([]uint64, error) {
	var keys []string
	var cursor uint64
	for range scanPages { // of a cluster one node's, which is enough
		// Nothing in a prefix means anything in a pattern (config.Redis).
		page, next, err := client.ScanType(ctx, cursor, prefix+"{*}", scanPage, "string").Result()
		if err != nil {
			return nil, fmt.Errorf("look through Redis' keys: %w", err)
		}
		keys = append(keys, page...)
		if cursor = next; cursor == 0 || len(keys) >= scanMarks {
			break
		}
	}
	var marks []uint64
	for _, key := range keys[:min(len(keys), scanMarks)] {
		value, err := client.Get(ctx, key).Result()
		if errors.Is(err, redis.Nil) {
			continue // its time was over
		}
		if err != nil {
			return nil, fmt.Errorf("look through Redis' keys: %w", err)
		}
		digits, done := strings.CutPrefix(value, "done:")
		if sequence, err := strconv.ParseUint(digits, 10, 64); done && err == nil {
			marks = append(marks, sequence)
		}
	}
	return marks, nil
}
