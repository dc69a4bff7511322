package app

import (
	crand "crypto/rand"
	"encoding/hex"
	"math/rand/v2"

	"github.com/settlehook/settlehook/internal/reconcile"
)

// random is the processor's randomness in production: the runtime's generator,
// which is seeded by the system and safe for many goroutines.
type random struct{}

var _ reconcile.Random = random{}

func (random) Float64() float64 { return rand.Float64() } //nolint:gosec // jitter, not a secret

// Token is unguessable as well as unique: it costs nothing here.
func (random) Token() string {
	var b [16]byte
	_, _ = crand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return hex.EncodeToString(b[:])
}
