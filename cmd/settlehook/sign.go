package main

import (
	"fmt"

	"github.com/settlehook/settlehook/pkg/sign"
)

type signCmd struct {
	keyFlags
}

// Help stands below the usage.
func (signCmd) Help() string {
	return `Prints the canonical string with the secret redacted, and as its last line the sign.

    echo '{"merchant":"8801","orderId":"A1"}' | settlehook sign --key-file secret`
}

// Run signs the parameters on standard input.
func (c *signCmd) Run(io streams) error {
	secret, err := c.secret()
	if err != nil {
		return err
	}
	params, err := readParams(io.in)
	if err != nil {
		return usageError{err}
	}
	_, _ = fmt.Fprintln(io.out, visible(params.Redacted()))
	_, _ = fmt.Fprintln(io.out, sign.Sign(params, secret))
	return nil
}
