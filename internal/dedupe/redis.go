package dedupe

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/settlehook/settlehook/internal/reconcile"
)

const (
	claimPrefix = "claim:"
	donePrefix  = "done:"
)

// Redis keeps claims in Redis, single, Sentinel or Cluster: every operation
// touches one hash slot.
type Redis struct {
	client  redis.UniversalClient
	prefix  string
	doneTTL time.Duration
}

// NewRedis returns a store on client. prefix separates installations that
// share a Redis. doneTTL is how long done marks and attempt counts are kept.
func NewRedis(client redis.UniversalClient, prefix string, doneTTL time.Duration) *Redis {
	return &Redis{client: client, prefix: prefix, doneTTL: doneTTL}
}

// The hash tag keeps a key and its attempts in one slot of a cluster. The
// inner key is escaped by construction: it holds no braces.
func (r *Redis) key(key string) string      { return r.prefix + "{" + key + "}" }
func (r *Redis) attempts(key string) string { return r.key(key) + ":attempts" }

// Claim is one round trip: the claim and the attempts travel in one pipeline.
func (r *Redis) Claim(ctx context.Context, key, token string, lease time.Duration) (reconcile.Claim, error) {
	pipe := r.client.Pipeline()
	set := pipe.SetArgs(ctx, r.key(key), claimPrefix+token, redis.SetArgs{Mode: "NX", Get: true, TTL: lease})
	count := pipe.HGetAll(ctx, r.attempts(key))
	// Exec returns the first command's error, and redis.Nil is one here: the
	// commands' own errors say which failed.
	_, _ = pipe.Exec(ctx)

	old, err := set.Result()
	free := errors.Is(err, redis.Nil)
	if err != nil && !free {
		return reconcile.Claim{}, fmt.Errorf("claim: %w", err)
	}
	attempts, err := parseAttempts(count)
	if err != nil {
		return reconcile.Claim{}, fmt.Errorf("read attempts: %w", err)
	}
	// The client sends again what got no answer. A claim that was applied all
	// the same finds itself, and must not wait for its own lease to end.
	if free || old == claimPrefix+token {
		return reconcile.Claim{State: reconcile.ClaimOwned, Attempts: attempts}, nil
	}
	return parseTaken(old, attempts)
}

func parseAttempts(count *redis.MapStringStringCmd) (reconcile.Attempts, error) {
	fields, err := count.Result()
	if err != nil || len(fields) == 0 {
		return nil, err
	}
	attempts := reconcile.Attempts{}
	for reason, text := range fields {
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil, err
		}
		attempts[reconcile.Reason(reason)] = n
	}
	return attempts, nil
}

// parseTaken reads what stands where a claim was to go.
func parseTaken(old string, attempts reconcile.Attempts) (reconcile.Claim, error) {
	if strings.HasPrefix(old, claimPrefix) {
		return reconcile.Claim{State: reconcile.ClaimHeld, Attempts: attempts}, nil
	}
	if digits, ok := strings.CutPrefix(old, donePrefix); ok {
		if seq, err := strconv.ParseUint(digits, 10, 64); err == nil {
			return reconcile.Claim{State: reconcile.ClaimDone, Sequence: seq}, nil
		}
	}
	return reconcile.Claim{}, errors.New("claim: the key holds a value of another program; give this installation its own Redis key prefix")
}

// Done implements Store.
func (r *Redis) Done(ctx context.Context, key string, sequence uint64) error {
	pipe := r.client.Pipeline()
	pipe.Set(ctx, r.key(key), donePrefix+strconv.FormatUint(sequence, 10), r.doneTTL)
	pipe.Del(ctx, r.attempts(key))
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("mark done: %w", err)
	}
	return nil
}

var releaseScript = redis.NewScript(`
if ARGV[2] ~= "" then
  redis.call("HINCRBY", KEYS[2], ARGV[2], 1)
  redis.call("PEXPIRE", KEYS[2], ARGV[3])
end
if redis.call("GET", KEYS[1]) == ARGV[1] then
  return redis.call("DEL", KEYS[1])
end
return 0`)

// Release implements Store.
func (r *Redis) Release(ctx context.Context, key, token string, spent reconcile.Reason) error {
	err := releaseScript.Run(ctx, r.client, []string{r.key(key), r.attempts(key)},
		claimPrefix+token, string(spent), r.doneTTL.Milliseconds()).Err()
	if err != nil {
		return fmt.Errorf("release: %w", err)
	}
	return nil
}

var forgetScript = redis.NewScript(`
local v = redis.call("GET", KEYS[1])
if v and string.sub(v, 1, #ARGV[1]) == ARGV[1] then
  return redis.call("DEL", KEYS[1])
end
return 0`)

// Forget implements Store.
func (r *Redis) Forget(ctx context.Context, key string) error {
	if err := forgetScript.Run(ctx, r.client, []string{r.key(key)}, donePrefix).Err(); err != nil {
		return fmt.Errorf("forget: %w", err)
	}
	return nil
}
