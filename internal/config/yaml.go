package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// text is a scalar as written, with its line; the zero value is absent. What
// it means is decided by who reads it: YAML's own idea of a number would turn
// account 0801 into something else.
type text struct {
	Value string
	Line  int
}

func (t text) set() bool { return t.Line > 0 }

// or returns the value, or a default where it is absent.
func (t text) or(value string) string {
	if t.set() {
		return t.Value
	}
	return value
}

// highestFileSize keeps a wrong path (a log, a device) from being read whole.
const highestFileSize = 4 << 20

// yamlReader turns one strict YAML document into the file types.
type yamlReader struct {
	name string
	fs   *faults
}

func (r *yamlReader) fault(line int, format string, args ...any) {
	r.fs.add(fmt.Sprintf("%s:%d", r.name, line), format, args...)
}

// read fills dst, a pointer to a struct of the file types.
func (r *yamlReader) read(data []byte, dst any) {
	if !r.readable(data) {
		return
	}
	loader, err := yaml.NewLoader(bytes.NewReader(data))
	if err != nil {
		r.fault(1, "cannot be read: %v", err)
		return
	}
	var document, second yaml.Node
	if err := loader.Load(&document); err != nil {
		r.syntax(err)
		return
	}
	switch err := loader.Load(&second); {
	case err == nil:
		r.fault(second.Line, "a second document begins here; put everything into one")
		return
	case !errors.Is(err, io.EOF):
		r.syntax(err)
		return
	}
	if len(document.Content) != 1 {
		r.fault(1, "the file is empty; see docs/configuration.md for what belongs in it")
		return
	}
	r.mapping(document.Content[0], reflect.ValueOf(dst).Elem(), "the file")
}

// readable refuses what the parser would report without a line or would let
// pass (UTF-16, tabs it can live with).
func (r *yamlReader) readable(data []byte) bool {
	if len(data) > highestFileSize {
		r.fault(1, "the file is larger than 4 MiB; is it the right one?")
		return false
	}
	line := 1
	for content := range bytes.Lines(data) {
		indent := content[:len(content)-len(bytes.TrimLeft(content, " \t"))]
		switch {
		case !utf8.Valid(content):
			r.fault(line, "is not UTF-8; save the file as UTF-8")
			return false
		case bytes.IndexByte(indent, '\t') >= 0:
			r.fault(line, "a tab in the indentation; indent with spaces")
			return false
		case bytes.ContainsFunc(content, isControl):
			r.fault(line, "a control character; remove it")
			return false
		}
		line++
	}
	return true
}

func isControl(c rune) bool {
	return c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == 0x7f || c >= 0x80 && c < 0xa0
}

func (r *yamlReader) syntax(err error) {
	if errors.Is(err, io.EOF) {
		r.fault(1, "the file is empty; see docs/configuration.md for what belongs in it")
		return
	}
	var load *yaml.LoadError
	if !errors.As(err, &load) {
		r.fault(1, "is not YAML: %v", err)
		return
	}
	line := max(load.Mark.Line, 1)
	if load.ContextMsg != "" {
		r.fault(line, "is not YAML: %s (%s that begins in line %d)", load.Message, load.ContextMsg, max(load.ContextMark.Line, 1))
		return
	}
	r.fault(line, "is not YAML: %s", load.Message)
}

// value reads one node into a text, a struct of the file types, or a list of
// either. what names it in faults.
func (r *yamlReader) value(node *yaml.Node, dst reflect.Value, what string) {
	if !r.plain(node, what) {
		return
	}
	switch {
	case dst.Type() == reflect.TypeFor[text]():
		r.scalar(node, dst, what)
	case dst.Kind() == reflect.Slice:
		r.sequence(node, dst, what)
	default:
		r.mapping(node, dst, what)
	}
}

// plain refuses anchors, aliases and tags: they make a file say something
// other than it shows.
func (r *yamlReader) plain(node *yaml.Node, what string) bool {
	switch {
	case node.Kind == yaml.AliasNode, node.Anchor != "":
		r.fault(node.Line, "%s: anchors (&) and aliases (*) are not accepted; write it out, in quotes if it begins with one of these characters", what)
	case node.Style&yaml.TaggedStyle != 0:
		r.fault(node.Line, "%s: tags (!) are not accepted; remove it, or write the value in quotes if it begins with that character", what)
	default:
		return true
	}
	return false
}

func (r *yamlReader) scalar(node *yaml.Node, dst reflect.Value, what string) {
	switch {
	case node.Kind != yaml.ScalarNode:
		r.fault(node.Line, "%s: must be a single value", what)
	case node.ShortTag() == "!!null" || strings.TrimSpace(node.Value) == "":
		r.fault(node.Line, "%s: is empty; give it a value or remove the line", what)
	default:
		dst.Set(reflect.ValueOf(text{Value: node.Value, Line: node.Line}))
	}
}

func (r *yamlReader) sequence(node *yaml.Node, dst reflect.Value, what string) {
	if node.Kind != yaml.SequenceNode {
		r.fault(node.Line, "%s: must be a list", what)
		return
	}
	list := reflect.MakeSlice(dst.Type(), len(node.Content), len(node.Content))
	for i, item := range node.Content {
		r.value(item, list.Index(i), fmt.Sprintf("%s[%d]", what, i+1))
	}
	dst.Set(list)
}

func (r *yamlReader) mapping(node *yaml.Node, dst reflect.Value, what string) {
	if node.Kind != yaml.MappingNode {
		r.fault(node.Line, "%s: must be name: value pairs, among %s", what, strings.Join(fieldNames(dst.Type()), ", "))
		return
	}
	dst.FieldByName("Line").SetInt(int64(node.Line))
	seen := make(map[string]int)
	for i := 0; i+1 < len(node.Content); i += 2 {
		r.pair(node.Content[i], node.Content[i+1], dst, what, seen)
	}
	for i := range dst.NumField() {
		field := dst.Type().Field(i)
		hint, required := field.Tag.Lookup("required")
		if name := field.Tag.Get("yaml"); required && seen[name] == 0 {
			r.fault(node.Line, "%s: missing; %s", join(what, name), hint)
		}
	}
}

func (r *yamlReader) pair(key, value *yaml.Node, dst reflect.Value, what string, seen map[string]int) {
	if key.Kind != yaml.ScalarNode {
		r.fault(key.Line, "%s: a name must be a plain word", what)
		return
	}
	if !r.plain(key, what) {
		return
	}
	name := key.Value
	field, ok := fieldNamed(dst, name)
	switch {
	case !ok:
		r.fault(key.Line, "%s: unknown name %q; the names are %s", what, name, strings.Join(fieldNames(dst.Type()), ", "))
	case seen[name] > 0:
		r.fault(key.Line, "%s: is already given in line %d; remove one", join(what, name), seen[name])
	default:
		seen[name] = key.Line
		r.value(value, field, join(what, name))
	}
}

// join names a value inside another; the file itself needs no mention.
func join(what, name string) string {
	if what == "the file" {
		return name
	}
	return what + "." + name
}

func fieldNames(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		if name := t.Field(i).Tag.Get("yaml"); name != "-" {
			names = append(names, name)
		}
	}
	return names
}

func fieldNamed(dst reflect.Value, name string) (reflect.Value, bool) {
	for i := range dst.NumField() {
		if tag := dst.Type().Field(i).Tag.Get("yaml"); tag == name && tag != "-" {
			return dst.Field(i), true
		}
	}
	return reflect.Value{}, false
}
