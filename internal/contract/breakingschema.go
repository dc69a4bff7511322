package contract

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"reflect"
	"slices"
)

// flat is a schema with its references followed and its allOf merged.
type flat struct {
	keywords   map[string]any // one value each
	properties map[string][]any
	required   map[string]bool
}

// judged are the keywords that flat takes apart, and those that ask for nothing.
var judged = []string{"allOf", "$ref", "properties", "required", "title", "description", "examples", "default", "$comment"}

func (p parsed) flatten(schemas ...any) flat {
	f := flat{map[string]any{}, map[string][]any{}, map[string]bool{}}
	for _, s := range schemas {
		p.merge(&f, s)
	}
	return f
}

func (p parsed) merge(f *flat, schema any) {
	s, is := schema.(object)
	if !is {
		if schema != nil {
			f.keywords["schema"] = schema // true or false
		}
		return
	}
	s = p.follow(s)
	all, _ := s["allOf"].([]any)
	for _, part := range all {
		p.merge(f, part)
	}
	properties, _ := s["properties"].(object)
	for name, property := range properties {
		f.properties[name] = append(f.properties[name], property)
	}
	required, _ := s["required"].([]any)
	for _, name := range required {
		if name, is := name.(string); is {
			f.required[name] = true
		}
	}
	for keyword, value := range s {
		if slices.Contains(judged, keyword) {
			continue
		}
		if narrower(keyword, f.keywords[keyword], value) {
			f.keywords[keyword] = p.expand(value)
		}
	}
}

// narrower reports whether a value takes the place of what another part of an
// allOf says: a const does, as the outcome of an event does in its enum.
func narrower(keyword string, there, value any) bool {
	return there == nil || keyword != "enum" || len(value.([]any)) < len(there.([]any))
}

// expand follows the references within what is compared as a whole.
func (p parsed) expand(v any) any {
	switch v := v.(type) {
	case object:
		expanded := object{}
		for name, part := range p.follow(v) {
			if name != "description" && name != "title" {
				expanded[name] = p.expand(part)
			}
		}
		return expanded
	case []any:
		expanded := make([]any, len(v))
		for i, part := range v {
			expanded[i] = p.expand(part)
		}
		return expanded
	default:
		return v
	}
}

func (c *comparison) schema(where string, old, new any) {
	was, is := c.old.flatten(old), c.new.flatten(new)
	c.fields(where, was, is)
	c.keywords(where, was.keywords, is.keywords)
}

func (c *comparison) fields(where string, was, is flat) {
	for _, name := range slices.Sorted(maps.Keys(was.properties)) {
		field := where + " " + name
		switch properties, there := is.properties[name]; {
		case !there:
			c.breaks(field, "it is gone")
		default:
			c.schema(field, any(object{"allOf": was.properties[name]}), any(object{"allOf": properties}))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(was.required)) {
		if !is.required[name] {
			c.breaks(where+" "+name, "it was always there, and may be absent now")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(is.required)) {
		if c.written && !was.required[name] {
			c.breaks(where+" "+name, "publishers that did not send it are refused now")
		}
	}
}

// keywords compares what a value may be. What readers may get becomes less by a
// keyword that is added, and that harms none of them; it harms publishers.
func (c *comparison) keywords(where string, old, new map[string]any) {
	for _, keyword := range slices.Sorted(maps.Keys(old)) {
		was, is := old[keyword], new[keyword]
		switch {
		case reflect.DeepEqual(was, is):
		case keyword == "enum" && new["const"] != nil:
			// One value is left of them, and that is judged by itself.
		case is == nil:
			c.breaks(where, "%s %s is gone", keyword, brief(was))
		case keyword == "enum":
			c.values(where, was, is)
		case c.written || !tighter(keyword, was, is):
			c.breaks(where, "%s was %s, and is %s", keyword, brief(was), brief(is))
		}
	}
	for _, keyword := range slices.Sorted(maps.Keys(new)) {
		if _, there := old[keyword]; !there && c.written {
			c.breaks(where, "%s %s refuses publishers", keyword, brief(new[keyword]))
		}
	}
}

// values compares the values of an enum.
func (c *comparison) values(where string, old, new any) {
	was, _ := old.([]any)
	is, _ := new.([]any)
	for _, v := range was {
		if !slices.Contains(is, v) {
			c.breaks(where, "the value %v is gone", v)
		}
	}
	for _, v := range is {
		if !slices.Contains(was, v) {
			c.breaks(where, "the value %v is new, and readers switch on the others", v)
		}
	}
}

// tighter reports whether a bound leaves less to what is sent.
func tighter(keyword string, old, new any) bool {
	was, ok1 := number(old)
	is, ok2 := number(new)
	if !ok1 || !ok2 {
		return false
	}
	switch keyword {
	case "minimum", "minLength", "minItems", "exclusiveMinimum":
		return is.Cmp(was) > 0
	case "maximum", "maxLength", "maxItems", "exclusiveMaximum":
		return is.Cmp(was) < 0
	default:
		return false
	}
}

func number(v any) (*big.Rat, bool) {
	n, is := v.(json.Number)
	if !is {
		return nil, false
	}
	return new(big.Rat).SetString(n.String())
}

// brief is a value in a line.
func brief(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	const most = 80
	if len(b) > most {
		return string(b[:most]) + "…"
	}
	return string(b)
}
