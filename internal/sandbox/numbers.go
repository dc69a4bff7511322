package sandbox

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync/atomic"
)

// numbers makes ids and random streams. All of it follows from seed and run,
// so that a run can be repeated exactly.
type numbers struct {
	seed, run string
	// prefix tells the order ids of one seed and run from those of another.
	prefix string
	manual atomic.Uint64 // orders without an id of their own
}

func newNumbers(seed uint64, run string) *numbers {
	n := &numbers{seed: strconv.FormatUint(seed, 10), run: run}
	sum := n.hash("ids")
	n.prefix = "sb-" + hex.EncodeToString(sum[:6])
	return n
}

func (n *numbers) hash(what string) [sha256.Size]byte {
	return sha256.Sum256([]byte(n.seed + "/" + n.run + "/" + what))
}

// stream is a source of random numbers for one purpose.
func (n *numbers) stream(what string) *rand.Rand {
	sum := n.hash(what)
	//nolint:gosec // orders must be repeatable, not secret
	return rand.New(rand.NewPCG(binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:16])))
}

// orderID is the id of the next order that is made by hand without one, of at
// most 32 characters.
func (n *numbers) orderID() string { return fmt.Sprintf("%s-m%06d", n.prefix, n.manual.Add(1)) }

// platOrderID is the platform's id of an order, 18 digits.
func (n *numbers) platOrderID(k key) string {
	sum := n.hash("plat/" + k.String())
	return strconv.FormatUint(100_000_000_000_000_000+binary.BigEndian.Uint64(sum[:8])%900_000_000_000_000_000, 10)
}

// token names an order's cashier page.
func (n *numbers) token(k key) string {
	sum := n.hash("cashier/" + k.String())
	return hex.EncodeToString(sum[:16])
}

// utr is the bank's 12-digit reference of an order's payment.
func (n *numbers) utr(k key) string {
	sum := n.hash("utr/" + k.merchant + "/" + k.orderID)
	return fmt.Sprintf("%012d", 100_000_000_000+binary.BigEndian.Uint64(sum[:8])%900_000_000_000)
}
