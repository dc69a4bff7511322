package events

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
)

// decodeStrict reads one JSON object into the struct that target points to.
//
// encoding/json takes names in any case, lets the last of two equal names win
// and skips null: three ways in which two readers of one event could see
// different money. Here a name is read once and exactly as spelled, null is
// refused as are the empty text and the zero count, and a field whose tag has neither omitempty nor omitzero must be
// there. Fields that the struct does not know are skipped.
//
// Errors are *[InvalidError] with paths relative to the object.
func decodeStrict(raw []byte, target any) error {
	return decodeInto(raw, reflect.ValueOf(target).Elem())
}

func decodeInto(raw []byte, target reflect.Value) error {
	known := fieldsOf(target.Type())
	seen := make(map[string]bool, len(known.byName))
	err := eachMember(raw, func(name string, value json.RawMessage) error {
		folded := strings.ToLower(name)
		if seen[folded] {
			return invalid(name, "is there twice")
		}
		seen[folded] = true
		f, ok := known.byName[name]
		if !ok {
			return known.refuseMisspelt(name)
		}
		if string(value) == "null" {
			return invalid(name, "is null: what is unknown must be left out")
		}
		return decodeField(name, value, target.FieldByIndex(f.index))
	})
	if err != nil {
		return err
	}
	for _, name := range known.required {
		if !seen[strings.ToLower(name)] {
			return invalid(name, "is missing")
		}
	}
	return nil
}

// decodeField reads one value: structs by the same rules, all else, and what
// reads itself, through encoding/json.
func decodeField(name string, value json.RawMessage, target reflect.Value) error {
	if target.Kind() == reflect.Pointer {
		target.Set(reflect.New(target.Type().Elem()))
		target = target.Elem()
	}
	_, readsItself := target.Addr().Interface().(json.Unmarshaler)
	if target.Kind() == reflect.Struct && !readsItself {
		return under(name, decodeInto(value, target))
	}
	err := json.Unmarshal(value, target.Addr().Interface())
	if err == nil {
		return refuseHollow(name, target)
	}
	if inner := (*InvalidError)(nil); errors.As(err, &inner) {
		return under(name, inner)
	}
	var mismatch *json.UnmarshalTypeError
	if errors.As(err, &mismatch) {
		return invalid(name, "a JSON "+mismatch.Value+" does not belong here")
	}
	return &InvalidError{Field: name, Reason: err.Error(), Err: err}
}

// refuseHollow refuses the empty text and the zero count: no field has them as a
// value, so they could only be another way to say unknown.
func refuseHollow(name string, v reflect.Value) error {
	if k := v.Kind(); (k == reflect.String || k == reflect.Uint64) && v.IsZero() {
		return invalid(name, "is empty: what is unknown must be left out")
	}
	return nil
}

// eachMember calls visit for each member of a JSON object, in their order.
func eachMember(raw []byte, visit func(name string, value json.RawMessage) error) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	open, err := dec.Token()
	if err != nil || open != json.Delim('{') {
		return invalid("", "want a JSON object")
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return fmt.Errorf("%w: %w", ErrNotJSON, err)
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return fmt.Errorf("%w: %w", ErrNotJSON, err)
		}
		if err := visit(name.(string), value); err != nil { //nolint:forcetypeassert // names of valid JSON are strings
			return err
		}
	}
	return nil
}

// fields is what decodeInto knows about a struct.
type fields struct {
	byName   map[string]field
	required []string
}

type field struct {
	index []int
}

// refuseMisspelt refuses a name that other readers would take for a known one.
func (f *fields) refuseMisspelt(name string) error {
	for known := range f.byName {
		if strings.EqualFold(known, name) {
			return invalid(name, "must be spelled "+known)
		}
	}
	return nil
}

var fieldCache sync.Map // reflect.Type → *fields

// fieldsOf reads the json tags of a struct, those of embedded structs included.
func fieldsOf(t reflect.Type) *fields {
	if cached, ok := fieldCache.Load(t); ok {
		return cached.(*fields) //nolint:forcetypeassert // the cache holds nothing else
	}
	f := &fields{byName: map[string]field{}}
	for _, sf := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(sf.Tag.Get("json"), ",")
		if sf.Anonymous || name == "" || name == "-" {
			continue
		}
		f.byName[name] = field{index: sf.Index}
		if !strings.Contains(options, "omit") {
			f.required = append(f.required, name)
		}
	}
	fieldCache.Store(t, f)
	return f
}
