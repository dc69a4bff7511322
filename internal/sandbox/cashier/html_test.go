package cashier_test

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode"
)

// document is a page as a parser sees it.
type document struct {
	tags []string            // every start and end tag, with the names of its attributes
	text map[string]string   // by id: all text within
	attr map[string][]string // by attribute name: its values, in order
}

// parse reads a page. It fails the test when the page's tags do not match.
func parse(t testing.TB, body string) document {
	t.Helper()
	d := document{text: map[string]string{}, attr: map[string][]string{}}
	// XML has no control characters, which browsers take.
	legal := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\r' || r == '\uffff' || r == '\ufffe' {
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(body, "\ufffd"))
	dec := xml.NewDecoder(strings.NewReader(legal))
	dec.Strict, dec.AutoClose, dec.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	var open []string // ids of the open elements, "" for none
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			for id, text := range d.text {
				d.text[id] = strings.Join(strings.Fields(text), " ")
			}
			return d
		}
		if err != nil {
			t.Fatalf("the page cannot be parsed: %v\n%s", err, body)
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			open = append(open, d.start(tok))
		case xml.EndElement:
			d.tags = append(d.tags, "/"+tok.Name.Local)
			open = open[:len(open)-1]
		case xml.CharData:
			for _, id := range open {
				if id != "" {
					d.text[id] += string(tok)
				}
			}
		}
	}
}

func (d *document) start(e xml.StartElement) (id string) {
	tag := e.Name.Local
	for _, a := range e.Attr {
		tag += " " + a.Name.Local
		d.attr[a.Name.Local] = append(d.attr[a.Name.Local], a.Value)
		if a.Name.Local == "id" {
			id = a.Value
			d.text[id] = ""
		}
	}
	d.tags = append(d.tags, tag)
	return id
}

// skeleton is the page without what is written in it.
func (d document) skeleton() string { return strings.Join(d.tags, "\n") }
