package region

import "errors"

// ErrRegion says that a region is none of those known here. Nothing is let
// through in it: rules that nobody applied look like rules that were kept.
var ErrRegion = errors.New("unknown region: use brazil, india, indonesia, nigeria or none")

// FieldError says that a parameter is missing or not what its region asks for.
type FieldError struct {
	// Field is the API's name of the parameter, such as remark.
	Field string
	// Problem says what is wrong and what to give. It never quotes the value.
	Problem string
}

// Error returns one line without the value.
func (e *FieldError) Error() string { return e.Field + ": " + e.Problem }

// problem is what is wrong with a value, whichever parameter holds it.
type problem string

func (p problem) Error() string { return string(p) }
