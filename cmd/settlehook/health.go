package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

type healthCmd struct {
	URL     string        `placeholder:"URL" help:"What to ask; by default /readyz at ADMIN_ADDR on this host."`
	Admin   string        `name:"admin-addr" hidden:"" env:"ADMIN_ADDR" default:":9090"`
	Timeout time.Duration `default:"3s" help:"Longest to wait for the answer (${default})."`
}

// Help stands below the usage.
func (healthCmd) Help() string {
	return `Asks a receiver, a worker or settlehook up whether it takes work, and prints what it says.
Exit code 0 if it does, 1 if not. The image, which has no shell and no curl, uses it as
its health check.

    settlehook health
    settlehook health --url http://settlehook-worker:9090/readyz`
}

// mostSaid bounds what is shown of an answer, in bytes.
const mostSaid = 200

// Run asks once.
func (c *healthCmd) Run(io streams) error {
	url := c.URL
	if url == "" {
		host, err := here(c.Admin)
		if err != nil {
			return usageError{err}
		}
		url = "http://" + host + "/readyz"
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.Timeout)
	defer cancel()
	status, said, err := askHealth(ctx, url)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		_, _ = fmt.Fprintf(io.out, "%d %s\n", status, said)
		return errRefused
	}
	_, _ = fmt.Fprintln(io.out, said)
	return nil
}

// askHealth returns the status and the first line of an answer. Redirects are not
// followed: a listener of ours gives none.
func askHealth(ctx context.Context, url string) (status int, said string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, "", usageError{err}
	}
	client := http.Client{
		// A proxy of the environment's is not between this program and its neighbour.
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	res, err := client.Do(request)
	if err != nil {
		return 0, "", fmt.Errorf("no answer; is it running, and is this its ADMIN_ADDR? %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, mostSaid))
	if err != nil {
		return 0, "", fmt.Errorf("read the answer: %w", err)
	}
	line, _, _ := strings.Cut(string(body), "\n")
	if !printable(line) {
		line = strconv.Quote(line)
	}
	return res.StatusCode, line, nil
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsPrint(r) })
}

// here is where a listener on addr is reached from its own host.
func here(addr string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", fmt.Errorf("ADMIN_ADDR=%q: %w", addr, err)
	}
	switch host { // numbers: the image has no hosts file to look a name up in
	case "", "0.0.0.0":
		host = "127.0.0.1"
	case "::":
		host = "::1"
	}
	return net.JoinHostPort(host, port), nil
}
