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
	prefix  string
	plat    uint64        // first nine digits of the platform's order ids
	manual  atomic.Uint64 // orders without an id of their own
	traffic atomic.Uint64 // orders of the traffic generator
}

// Orders by hand and by the traffic generator count apart: creating one by
// hand in between doesn't change the generator's.
const manualPlat = 500_000_000

func newNumbers(seed uint64, run string) *numbers {
	n := &numbers{seed: strconv.FormatUint(seed, 10), run: run}
	sum := n.hash("ids")
	n.prefix = "sb-" + hex.EncodeToString(sum[:6])
	n.plat = 100_000_000 + binary.BigEndian.Uint64(sum[8:16])%900_000_000
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

// orderIDs returns the two ids of the traffic generator's i-th order: the
// merchant's of at most 32 characters, the platform's of 18 digits.
func (n *numbers) orderIDs(i uint64) (orderID, platOrderID string) {
	return fmt.Sprintf("%s-%07d", n.prefix, i), n.platID(i)
}

// manualIDs is orderIDs for the next order that is made by hand.
func (n *numbers) manualIDs() (orderID, platOrderID string) {
	i := n.manual.Add(1)
	return fmt.Sprintf("%s-m%06d", n.prefix, i), n.platID(manualPlat + i)
}

func (n *numbers) platID(i uint64) string { return fmt.Sprintf("%09d%09d", n.plat, i) }

// utr is the bank's 12-digit reference of an order's payment.
func (n *numbers) utr(k key) string {
	sum := n.hash("utr/" + k.merchant + "/" + k.orderID)
	return fmt.Sprintf("%012d", 100_000_000_000+binary.BigEndian.Uint64(sum[:8])%900_000_000_000)
}
