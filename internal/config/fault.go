package config

import (
	"errors"
	"fmt"
)

// Fault is one thing wrong with the configuration, told as one line.
type Fault struct {
	// Where names the variable (with its value, unless that is secret) or
	// file:line.
	Where string
	// Problem says what is wrong and what to do about it.
	Problem string
}

func (f *Fault) Error() string { return f.Where + ": " + f.Problem }

// Faults returns every [Fault] inside err, in the order found; nil if there is
// none.
func Faults(err error) []*Fault {
	if err == nil {
		return nil
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		var all []*Fault
		for _, one := range many.Unwrap() {
			all = append(all, Faults(one)...)
		}
		return all
	}
	var fault *Fault
	if errors.As(err, &fault) {
		return []*Fault{fault}
	}
	return nil
}

// faults collects what is wrong; the zero value is ready to use.
type faults struct{ list []error }

func (fs *faults) add(where, format string, args ...any) {
	fs.list = append(fs.list, &Fault{Where: where, Problem: fmt.Sprintf(format, args...)})
}

func (fs *faults) err() error { return errors.Join(fs.list...) }
