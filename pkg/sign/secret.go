package sign

import (
	"fmt"
	"io"
)

const redacted = "[redacted]"

// Secret is a merchant's signing key. However it is printed or marshalled it
// shows as [redacted]; convert it to string where its text is really needed.
//
// fmt cannot call methods on unexported struct fields: a struct that holds
// secrets in unexported fields needs a Format method of its own.
type Secret string

// String returns [redacted].
func (Secret) String() string { return redacted }

// GoString returns [redacted].
func (Secret) GoString() string { return redacted }

// Format prints [redacted] whatever the verb: a wrong verb such as %d would
// otherwise print the raw text.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText returns [redacted].
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON returns "[redacted]".
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }
