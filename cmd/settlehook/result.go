package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/settlehook/settlehook/internal/plain"
)

// outputFormat is how a result is printed: text or json.
type outputFormat string

const outputJSON outputFormat = "json"

// result is what a command found out: names and values in the order in which
// they are printed.
type result []item

type item struct {
	name  string
	value any // a string, a bool or a list of strings
}

// add leaves out texts and lists that are empty.
func (r *result) add(name string, value any) {
	switch v := value.(type) {
	case string:
		if v == "" {
			return
		}
	case []string:
		if len(v) == 0 {
			return
		}
	}
	*r = append(*r, item{name, value})
}

func (r result) print(out io.Writer, format outputFormat) error {
	text := r.text()
	if format == outputJSON {
		text = r.json()
	}
	_, err := out.Write(text)
	return err
}

// text is a line for each value.
func (r result) text() []byte {
	width := 0
	for _, i := range r {
		width = max(width, len(i.name))
	}
	var b bytes.Buffer
	for _, i := range r {
		values := []any{i.value}
		if list, ok := i.value.([]string); ok {
			values = nil
			for _, v := range list {
				values = append(values, v)
			}
		}
		for _, v := range values {
			_, _ = fmt.Fprintf(&b, "%-*s  %s\n", width, i.name, plain.Line(fmt.Sprint(v)))
		}
	}
	return b.Bytes()
}

// json is one object on one line.
func (r result) json() []byte {
	b := bytes.NewBufferString("{")
	for n, i := range r {
		if n > 0 {
			b.WriteByte(',')
		}
		writeJSON(b, i.name)
		b.WriteByte(':')
		writeJSON(b, i.value)
	}
	b.WriteString("}\n")
	return b.Bytes()
}

// writeJSON leaves the & of addresses as it is: nothing here ends up in a page.
func writeJSON(b *bytes.Buffer, value any) {
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(value) // what a result holds always can be
	b.Truncate(b.Len() - len("\n"))
}
