package finance

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"hash"
)

// JSONLine writes a line as one JSON object and a line break: the columns by their
// names, in their order, texts and money as strings. What is not known is left
// out.
func JSONLine(to []byte, columns []Column, l Line) []byte {
	to = append(to, '{')
	first := true
	for _, c := range columns {
		cell := c.cell(l)
		if cell == "" {
			continue
		}
		if !first {
			to = append(to, ',')
		}
		first = false
		to = append(to, '"')
		to = append(to, c.Name...) // names are plain
		to = append(to, '"', ':')
		to = appendJSON(to, c.Kind, cell)
	}
	return append(to, '}', '\n')
}

// JSONTotal writes a control total as [JSONLine] writes a line.
func JSONTotal(to []byte, columns []TotalColumn, t Total) []byte {
	to = append(to, '{')
	for i, c := range columns {
		if i > 0 {
			to = append(to, ',')
		}
		to = append(to, '"')
		to = append(to, c.Name...)
		to = append(to, '"', ':')
		to = appendJSON(to, c.Kind, c.cell(t))
	}
	return append(to, '}', '\n')
}

func appendJSON(to []byte, k Kind, cell string) []byte {
	if k == Number || k == Bool {
		return append(to, cell...)
	}
	if plainText(cell) {
		return append(append(append(to, '"'), cell...), '"')
	}
	b := bytes.NewBuffer(to)
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false) // it is not for a page
	_ = enc.Encode(cell)     // of a string
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// plainText reports whether a text stands in JSON as it is.
func plainText(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' || s[i] == '"' || s[i] == '\\' {
			return false
		}
	}
	return true
}

// Digest is over lines as JSON, in the order in which they are added.
type Digest struct {
	columns []Column
	sum     hash.Hash
	buffer  []byte
}

// NewDigest starts a digest over the columns of a layout.
func NewDigest(l Layout) *Digest { return &Digest{columns: Columns(l), sum: sha256.New()} }

// Add takes a line in.
func (d *Digest) Add(l Line) {
	d.buffer = JSONLine(d.buffer[:0], d.columns, l)
	_, _ = d.sum.Write(d.buffer) // a hash takes everything
}

// String is the digest so far, in hex.
func (d *Digest) String() string { return hex.EncodeToString(d.sum.Sum(nil)) }
