package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/settlehook/settlehook/pkg/sign"
)

type verifyCmd struct {
	keyFlags
	Dialects []sign.Dialect `placeholder:"NAME" help:"Dialects to accept that a merchant must be configured for: drop-zero, reverse-numeric, java-double."`
}

// Help stands below the usage.
func (verifyCmd) Help() string {
	return `Prints the canonical string with the secret redacted, and as its last line the verdict:
"accepted" with the dialects, or "refused" with the reason. Exit code 0 or 1.

    curl -s … | settlehook verify --key-file secret`
}

// Run verifies the callback on standard input as the receiver does.
func (c *verifyCmd) Run(io streams) error {
	secret, err := c.secret()
	if err != nil {
		return err
	}
	policy, err := sign.NewPolicy(c.Dialects...)
	if err != nil {
		return usageError{err}
	}
	ring, err := sign.NewKeyring("", sign.Key{ID: "given", Secret: secret})
	if err != nil {
		return usageError{err}
	}
	params, err := readParams(io.in)
	if err != nil {
		return refuse(io, err)
	}
	_, _ = fmt.Fprintln(io.out, visible(params.Redacted()))
	verified, err := ring.VerifyCallback(params, policy)
	if err != nil {
		return refuse(io, err)
	}
	how := ""
	for i, d := range verified.Dialects {
		if i == 0 {
			how = ", signed in dialect "
		} else {
			how += " and "
		}
		how += string(d)
	}
	_, _ = fmt.Fprintln(io.out, "accepted"+how)
	return nil
}

// refuse prints the verdict with its named reason.
func refuse(io streams, err error) error {
	var malformed *sign.MalformedError
	var signature *sign.SignatureError
	reason := "unreadable"
	switch {
	case errors.As(err, &malformed):
		reason = string(malformed.Reason)
	case errors.As(err, &signature):
		reason = string(signature.Reason)
	}
	_, _ = fmt.Fprintf(io.out, "refused: %s: %s\n", reason, strings.ReplaceAll(err.Error(), "\n", " "))
	return errRefused
}
