package sign

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// keyPrefix joins the secret to the canonical string.
const keyPrefix = "&key="

// stackBuffer is the size of the buffer that signed texts are built in: enough
// for any usual callback, so that verifying one allocates nothing for it.
const stackBuffer = 1 << 10

// Sign returns the value of the sign parameter for p: the MD5 of
// Canonical + "&key=" + secret in lowercase hex. Requests and callbacks are
// signed alike.
func Sign(p Params, secret Secret) string {
	var order [MaxFields]int
	var stack [stackBuffer]byte
	text := p.appendCanonical(stack[:0], p.sorted(order[:0]))
	sum := sumWithKey(text, secret)
	return hex.EncodeToString(sum[:])
}

// sumWithKey hashes the canonical text with the secret appended. It may write
// behind the end of text.
func sumWithKey(text []byte, secret Secret) [md5.Size]byte {
	text = append(text, keyPrefix...)
	text = append(text, secret...)
	return md5.Sum(text)
}

// Key is one signing key of a merchant. The ID names it in logs, metrics and
// errors.
type Key struct {
	ID     string
	Secret Secret
}

// Keyring holds a merchant's keys while they are rotated: all of them verify,
// one signs. It is immutable and safe for concurrent use.
type Keyring struct {
	keys    []Key
	signing int
}

// NewKeyring returns a ring of the keys, of which signingID signs; "" means the
// last. A ring without keys, an empty secret or id, an id given twice and an
// unknown signingID are errors: an empty secret would let anybody sign.
func NewKeyring(signingID string, keys ...Key) (*Keyring, error) {
	if len(keys) == 0 {
		return nil, errors.New("key ring: no key is configured")
	}
	ring := &Keyring{keys: make([]Key, 0, len(keys)), signing: -1}
	for i, key := range keys {
		switch {
		case key.ID == "":
			return nil, fmt.Errorf("key ring: key %d has no id", i+1)
		case key.Secret == "":
			return nil, fmt.Errorf("key ring: key %s has an empty secret", strconv.Quote(key.ID))
		}
		for _, earlier := range ring.keys {
			if earlier.ID == key.ID {
				return nil, fmt.Errorf("key ring: key id %s is used twice", strconv.Quote(key.ID))
			}
		}
		if key.ID == signingID {
			ring.signing = i
		}
		ring.keys = append(ring.keys, key)
	}
	if signingID == "" {
		ring.signing = len(keys) - 1
	}
	if ring.signing < 0 {
		return nil, fmt.Errorf("key ring: the signing key %s is not among the keys", strconv.Quote(signingID))
	}
	return ring, nil
}

// Sign returns the value of the sign parameter for p under the signing key.
func (k *Keyring) Sign(p Params) string { return Sign(p, k.SigningKey().Secret) }

// SigningKey returns the key that signs.
func (k *Keyring) SigningKey() Key { return k.keys[k.signing] }

// Keys returns a copy of the keys in their order, secrets included: for whoever
// plays the gateway's side.
func (k *Keyring) Keys() []Key { return append([]Key(nil), k.keys...) }

// Format prints the number of keys whatever the verb. Without it fmt would
// print the secrets: it cannot call their methods in unexported fields.
func (k Keyring) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "key ring of "+strconv.Itoa(len(k.keys))+" keys")
}

func (k *Keyring) ids() []string {
	ids := make([]string, len(k.keys))
	for i := range k.keys {
		ids[i] = k.keys[i].ID
	}
	return ids
}
