package gateway

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"
)

// object is one JSON object whose names are unique, with every value as the
// text that came: a number is never decoded into a float.
type object map[string]json.RawMessage

func malformed(reason string) error { return &AnswerError{Reason: reason} }

// parseObject reads one JSON object. Two names that differ in nothing but case
// are refused like a name given twice, since readers disagree which one wins.
// where names the object in errors. Fails with *AnswerError.
func parseObject(raw []byte, where string) (object, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if start, err := dec.Token(); err != nil || start != json.Delim('{') {
		return nil, malformed(where + " is not a JSON object")
	}
	fields, seen := object{}, map[string]struct{}{}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return nil, malformed(where + " is not valid JSON")
		}
		name, _ := token.(string)
		if strings.ContainsRune(name, utf8.RuneError) {
			return nil, malformed(where + " holds a name that is not valid text")
		}
		folded := foldCase(name)
		if _, twice := seen[folded]; twice {
			return nil, malformed(where + " holds the same name twice")
		}
		seen[folded] = struct{}{}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, malformed(where + " is not valid JSON")
		}
		fields[name] = value
	}
	return fields, nil
}

// foldCase maps names that are equal under Unicode simple case folding to the
// same string.
func foldCase(name string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
			least = min(least, next)
		}
		return least
	}, name)
}

// absent says that a field is missing or null, which mean the same.
func (o object) absent(name string) bool {
	raw, ok := o[name]
	return !ok || string(raw) == "null"
}

// text returns a string field, "" when absent.
func (o object) text(name string) (string, error) {
	if o.absent(name) {
		return "", nil
	}
	var s string
	if raw := o[name]; raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		return "", malformed(name + " is not a string")
	}
	return s, nil
}

// number returns the text of a number field, which some senders quote; "" when
// absent. Whether it is a number of the right kind is for the caller to check.
func (o object) number(name string) (string, error) {
	if o.absent(name) {
		return "", nil
	}
	switch raw := o[name]; {
	case raw[0] == '"':
		s, err := o.text(name)
		if err == nil && s == "" {
			err = malformed(name + " is not a number")
		}
		return s, err
	case raw[0] == '-' || (raw[0] >= '0' && raw[0] <= '9'):
		return string(raw), nil
	}
	return "", malformed(name + " is not a number")
}

// flag returns a boolean field; known is false when it is absent.
func (o object) flag(name string) (value, known bool, err error) {
	if o.absent(name) {
		return false, false, nil
	}
	switch string(o[name]) {
	case "true":
		return true, true, nil
	case "false":
		return false, true, nil
	}
	return false, false, malformed(name + " is not true or false")
}
