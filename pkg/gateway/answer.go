package gateway

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// Codes of the answer's envelope (API document, data dictionary).
const (
	codeSuccess  = 200
	codeBusiness = 400
)

// maxAnswer bounds an answer; the largest of the API is below one kilobyte.
const maxAnswer = 64 << 10

var utf8BOM = []byte("\xef\xbb\xbf")

// envelope is what every answer of the API is wrapped in.
type envelope struct {
	code    int
	success bool
	// given says that success was there at all.
	given bool
	desc  string
	data  json.RawMessage
	// sandbox says that settlehook's sandbox answered.
	sandbox bool
}

// FieldSandbox is the field of the envelope by which the sandbox makes itself
// known, in every answer. No gateway has it.
const FieldSandbox = "sandbox"

// parseEnvelope reads a whole answer. Fails with *AnswerError.
func parseEnvelope(body []byte) (envelope, error) {
	var env envelope
	switch {
	case len(body) > maxAnswer:
		return env, malformed("larger than 64 KiB")
	case !utf8.Valid(body):
		return env, malformed("not valid UTF-8")
	}
	body = bytes.TrimPrefix(body, utf8BOM)
	// json.Valid covers trailing data as well.
	if !json.Valid(body) {
		return env, malformed("not one valid JSON document")
	}
	fields, err := parseObject(body, "the envelope")
	if err != nil {
		return env, err
	}
	code, err := fields.number("code")
	if err != nil {
		return env, err
	}
	if env.code, err = parseCode(code); err != nil {
		return env, err
	}
	if env.success, env.given, err = fields.flag("success"); err != nil {
		return env, err
	}
	if env.desc, err = fields.text("desc"); err != nil {
		return env, err
	}
	if env.sandbox, _, err = fields.flag(FieldSandbox); err != nil {
		return env, err
	}
	if !fields.absent("data") {
		env.data = fields["data"]
	}
	return env, nil
}

func parseCode(text string) (int, error) {
	if text == "" {
		return 0, malformed("code is missing")
	}
	if !digits(text) || len(text) > 9 {
		return 0, malformed("code is not a whole number")
	}
	return strconv.Atoi(text)
}

// verdict turns the envelope into the error it stands for, nil for success.
func (e envelope) verdict(notFound patterns) error {
	desc := printableLine(e.desc, maxDesc)
	switch {
	case e.code == codeSuccess && !e.given:
		return malformed("success is missing")
	case e.code == codeSuccess && e.success:
		return nil
	case e.success:
		return malformed("success is true with a code that is not 200")
	case e.code == codeBusiness && notFound.match(e.desc):
		return &NotFoundError{Desc: desc, Sandbox: e.sandbox}
	case e.code == codeBusiness:
		return &BusinessError{Code: e.code, Desc: desc}
	}
	return &AnomalyError{Code: e.code, Desc: desc}
}
