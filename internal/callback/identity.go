package callback

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// maxMessageID bounds a message id, in bytes.
const maxMessageID = 255

// Fingerprint names what a callback says happened to its order: status,
// reverse and the amount by value, such as "s1-r0-1000". Two pushes of one
// order with the same fingerprint say the same: fee and remark may differ.
func (c Callback) Fingerprint() string {
	reverse := "-r0-"
	if c.Reverse {
		reverse = "-r1-"
	}
	return "s" + string(rune('0'+c.Status)) + reverse + c.Amount.Trim(0).String()
}

// MessageID returns the id (Nats-Msg-Id) under which repeated pushes of one
// callback are recognised: merchant, flow, both order ids and fingerprint.
// Every part is escaped, so different parts never join to the same id; an id
// over 255 bytes is replaced by its SHA-256.
func (c Callback) MessageID(flow, merchant string) string {
	id := strings.Join([]string{
		escape(merchant), escape(flow), escape(c.OrderID), escape(c.PlatOrderID), escape(c.Fingerprint()),
	}, "/")
	if len(id) <= maxMessageID {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return "sha256:" + hex.EncodeToString(sum[:]) // ':' never appears in an escaped id
}

// escape writes every byte outside [A-Za-z0-9_.-] as % and two hex digits.
func escape(s string) string {
	plain := 0
	for plain < len(s) && isPlain(s[plain]) {
		plain++
	}
	if plain == len(s) {
		return s
	}
	const upperHex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if isPlain(c) {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(upperHex[c>>4])
		b.WriteByte(upperHex[c&15])
	}
	return b.String()
}

func isPlain(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-' || c == '.'
}
