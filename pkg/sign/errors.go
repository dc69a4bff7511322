package sign

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrUnsupportedMediaType is returned by [Parse] for a body that is declared
// to be neither JSON nor a form.
var ErrUnsupportedMediaType = errors.New("unsupported media type: send application/json or application/x-www-form-urlencoded")

// Reason is the stable kebab-case name of a refusal, fit for a metric label.
type Reason string

// Reasons of a [MalformedError].
const (
	ReasonTooLarge         Reason = "too-large"         // body over MaxBody
	ReasonTooManyFields    Reason = "too-many-fields"   // more than MaxFields parameters
	ReasonBadUTF8          Reason = "bad-utf8"          // body or percent-decoded text is not UTF-8
	ReasonControlCharacter Reason = "control-character" // raw control byte, or U+0000 in any writing
	ReasonLoneSurrogate    Reason = "lone-surrogate"    // half a UTF-16 pair in a JSON escape
	ReasonNotAnObject      Reason = "not-an-object"     // JSON body does not begin with {
	ReasonBadJSON          Reason = "bad-json"          // not RFC 8259
	ReasonTrailingData     Reason = "trailing-data"     // something after the object
	ReasonNestedValue      Reason = "nested-value"      // an object or array as a value
	ReasonBadForm          Reason = "bad-form"          // not application/x-www-form-urlencoded
	ReasonFormRepeatedKey  Reason = "form-repeated-key" // a form key more than once
	ReasonDuplicateName    Reason = "duplicate-name"    // names equal, or equal but for their case
	ReasonBadName          Reason = "bad-name"          // name outside the pattern, or a known one in other case
	ReasonReservedName     Reason = "reserved-name"     // a field named key
	ReasonMissingField     Reason = "missing-field"     // required field absent, null or ""
	ReasonWrongType        Reason = "wrong-type"        // value of another type or form than rule 4 says
	ReasonBadSignFormat    Reason = "bad-sign-format"   // sign is not 32 hex digits
	ReasonAmbiguous        Reason = "ambiguous"         // another callback could have the same signed string
)

// ReasonBadSignature is the reason of every [SignatureError].
const ReasonBadSignature Reason = "bad-signature"

// MalformedError says that a body cannot be a genuine callback, whatever its
// signature.
type MalformedError struct {
	Reason Reason
	// Field is the name of the field at fault, "" if none or if its name is
	// itself not well-formed.
	Field string
	// Detail is what is wrong, for a person. It never quotes a value.
	Detail string
}

// Error returns one line without any value of the body.
func (e *MalformedError) Error() string {
	if e.Field == "" {
		return "malformed: " + e.Detail
	}
	return fmt.Sprintf("malformed: field %q %s", e.Field, e.Detail)
}

func malformed(reason Reason, field, detail string) *MalformedError {
	return &MalformedError{Reason: reason, Field: field, Detail: detail}
}

// SignatureError says that a well-formed callback carries a signature that no
// configured key gives, in no accepted rendering.
type SignatureError struct {
	Reason Reason   // always ReasonBadSignature
	KeyIDs []string // ids of the keys tried, in the ring's order
}

// Error returns one line that names the keys tried.
func (e *SignatureError) Error() string {
	quoted := make([]string, len(e.KeyIDs))
	for i, id := range e.KeyIDs {
		quoted[i] = strconv.Quote(id)
	}
	return "no configured key gives this signature; tried " + strings.Join(quoted, ", ")
}
