package events

import (
	"errors"
	"fmt"
)

// ErrNotJSON means that the bytes are not one JSON object in valid UTF-8.
var ErrNotJSON = errors.New("not a JSON object")

// UnsupportedVersionError means a CloudEvents version other than 1.0.
type UnsupportedVersionError struct {
	Version string // the specversion found
}

func (e *UnsupportedVersionError) Error() string {
	return fmt.Sprintf("CloudEvents version %q is not supported: want 1.0", clip(e.Version))
}

// UnknownTypeError means an event type this version of the package does not
// know. Later versions of settlehook may emit such types; a consumer that has no
// use for them should acknowledge and count them.
type UnknownTypeError struct {
	Type string // the type found
}

func (e *UnknownTypeError) Error() string {
	return fmt.Sprintf("unknown event type %q", clip(e.Type))
}

// InvalidError means an event that breaks the contract in one field.
type InvalidError struct {
	Field  string // its path in the JSON, such as "data.evidence.query.status"
	Reason string // what is wrong with it
	Err    error  // the cause, if another error is
}

func (e *InvalidError) Error() string {
	return fmt.Sprintf("invalid event: %s: %s", e.Field, e.Reason)
}

// Unwrap returns the cause, so that errors.Is(err, [ErrAmount]) works.
func (e *InvalidError) Unwrap() error { return e.Err }

// invalid reports a broken field.
func invalid(field, reason string) error { return &InvalidError{Field: field, Reason: reason} }

// under puts the path of an InvalidError below a field.
func under(field string, err error) error {
	var inv *InvalidError
	if errors.As(err, &inv) {
		moved := *inv
		moved.Field = field
		if inv.Field != "" { // empty: the object itself is broken
			moved.Field += "." + inv.Field
		}
		return &moved
	}
	return err
}
