package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode"

	"github.com/settlehook/settlehook/pkg/sign"
)

// keyFlags name the secret: in a file, or on the command line, where other
// users of the machine can see it.
type keyFlags struct {
	Key     string `xor:"key" required:"" placeholder:"SECRET" help:"The secret. Other users of this machine can see it in the process list; prefer --key-file."`
	KeyFile string `xor:"key" required:"" placeholder:"PATH" help:"File that holds the secret; a newline at its end is not part of it. - is not possible: standard input holds the parameters."`
}

func (k keyFlags) secret() (sign.Secret, error) {
	if k.KeyFile == "" {
		if k.Key == "" {
			return "", usageError{errors.New("--key is empty; an empty secret would let anybody sign")}
		}
		return sign.Secret(k.Key), nil
	}
	b, err := os.ReadFile(k.KeyFile)
	if err != nil {
		return "", usageError{fmt.Errorf("read --key-file: %w", err)}
	}
	secret := strings.TrimRight(string(b), "\r\n")
	if secret == "" {
		return "", usageError{fmt.Errorf("%s is empty; an empty secret would let anybody sign", k.KeyFile)}
	}
	return sign.Secret(secret), nil
}

// readParams reads a JSON object or a form body, told apart by its beginning.
func readParams(in io.Reader) (sign.Params, error) {
	body, err := io.ReadAll(io.LimitReader(in, sign.MaxBody+1))
	if err != nil {
		return nil, fmt.Errorf("read standard input: %w", err)
	}
	declared := ""
	if text := bytes.TrimSpace(body); len(text) > 0 && (text[0] == '[' || text[0] == '"') {
		declared = sign.MediaJSON // no form begins like this: say what is wrong with the JSON
	}
	return sign.Parse(declared, body)
}

// visible writes control characters as Go does. They are part of what is
// signed, but a terminal would obey them, and a line break could pass for the
// verdict.
func visible(s string) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
	}
	return b.String()
}
