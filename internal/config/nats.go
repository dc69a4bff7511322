package config

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
)

// NATS is the connection to the streams.
type NATS struct {
	// The NATS servers, separated by commas. A user and password, or a token,
	// may stand in front of the host.
	URL NATSURL `env:"NATS_URL" secret:"true" required:"name the NATS servers, for example NATS_URL=nats://nats:4222"`
	// User, where the password comes from a file. Goes with NATS_PASSWORD_FILE.
	User string `env:"NATS_USER"`
	// Path of a file that holds the user's password; a newline at its end is
	// not part of it. It is read again for every connection, so a changed
	// password needs no restart. NATS_URL must then carry no credentials.
	PasswordFile string `env:"NATS_PASSWORD_FILE"`
	// Path of a credentials file (user JWT and seed). It is read again for
	// every connection.
	Creds string `env:"NATS_CREDS"`
	// Path of the certificate authority the servers' certificates are checked
	// with; empty: the system's.
	TLSCA string `env:"NATS_TLS_CA"`
	// Path of the client certificate, for servers that ask for one (mutual
	// TLS). Goes with NATS_TLS_KEY. It is read again for every connection.
	TLSCert string `env:"NATS_TLS_CERT"`
	// Path of the client certificate's key.
	TLSKey string `env:"NATS_TLS_KEY"`
	// First tokens of the subjects that answers come to. Where the servers give
	// each role an inbox of its own (deploy/nats), name the role's, such as
	// _INBOX_worker; empty: _INBOX.
	InboxPrefix string `env:"NATS_INBOX_PREFIX"`
	// Longest to wait for the servers when connecting.
	ConnectTimeout time.Duration `env:"NATS_CONNECT_TIMEOUT" envDefault:"5s"`
	// Longest to wait for the acknowledgement of a publish, or the answer to a
	// read. The gateway waits for the receiver's answer meanwhile, and some
	// wait no longer than 5 s: keep it below.
	PublishTimeout time.Duration `env:"NATS_PUBLISH_TIMEOUT" envDefault:"4s"`
}

func (n *NATS) check(fs *faults) {
	n.checkUser(fs)
	readable(fs, "NATS_CREDS", n.Creds)
	authorities(fs, "NATS_TLS_CA", n.TLSCA)
	certificate(fs, "NATS_TLS_CERT", n.TLSCert, "NATS_TLS_KEY", n.TLSKey)
	if n.InboxPrefix != "" && !inboxPrefix.MatchString(n.InboxPrefix) {
		fs.add(named("NATS_INBOX_PREFIX", n.InboxPrefix), "must be tokens of letters, digits, _ and -, joined with dots; write it like _INBOX_worker")
	}
	positive(fs, "NATS_CONNECT_TIMEOUT", n.ConnectTimeout)
	positive(fs, "NATS_PUBLISH_TIMEOUT", n.PublishTimeout)
}

// checkUser allows one way to say who we are: of two, the server would hear one.
func (n *NATS) checkUser(fs *faults) {
	switch {
	case n.User == "" && n.PasswordFile == "":
		return
	case n.PasswordFile == "":
		fs.add("NATS_PASSWORD_FILE", "not set, but NATS_USER is; set both or neither")
		return
	case n.User == "":
		fs.add("NATS_USER", "not set, but NATS_PASSWORD_FILE is; set both or neither")
		return
	case n.URL.credentials():
		fs.add("NATS_URL", "carries credentials, but NATS_USER and NATS_PASSWORD_FILE are set; leave what stands before the @ out of it")
	case n.Creds != "":
		fs.add(named("NATS_CREDS", n.Creds), "is set, and so is NATS_USER; use one of them")
	}
	password(fs, "NATS_PASSWORD_FILE", n.PasswordFile)
}

var inboxPrefix = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)

// readable refuses a path, if one is set, that cannot be opened.
func readable(fs *faults, name, path string) {
	if path == "" {
		return
	}
	f, err := os.Open(path)
	if err != nil {
		fs.add(named(name, path), "cannot be read (%s); mount the file or correct the path", reason(err))
		return
	}
	_ = f.Close()
}

// reason is what the system said, without the path, which the line has
// already.
func reason(err error) string {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}

// NATSURL is a list of NATS servers, which may carry credentials: it prints
// without them. The zero value is unset.
type NATSURL struct {
	// Behind a pointer, fmt cannot reach the text even where the value sits in
	// an unexported field and its methods are not called.
	raw *string
}

// UnmarshalText reads the list.
func (u *NATSURL) UnmarshalText(text []byte) error {
	raw := string(text)
	for server := range strings.SplitSeq(raw, ",") {
		parsed, err := url.Parse(strings.TrimSpace(server))
		if err != nil || parsed.Host == "" || parsed.RawQuery != "" || parsed.Fragment != "" ||
			!slices.Contains([]string{"nats", "tls", "ws", "wss"}, parsed.Scheme) {
			// The parser's own error would quote the password.
			return errors.New("has an entry that is not a NATS URL; write each like nats://host:4222 " +
				"(or tls://, ws://, wss://) and percent-encode special characters in a password")
		}
	}
	u.raw = &raw
	return nil
}

// IsZero reports whether it is unset.
func (u NATSURL) IsZero() bool { return u.raw == nil }

// Reveal returns the list with its credentials, for the connection only.
func (u NATSURL) Reveal() string {
	if u.raw == nil {
		return ""
	}
	return *u.raw
}

// credentials reports whether a server of the list stands behind some.
func (u NATSURL) credentials() bool { return strings.Contains(u.Reveal(), "@") }

// String returns the list without its credentials.
func (u NATSURL) String() string {
	if u.raw == nil {
		return ""
	}
	var shown []string
	for server := range strings.SplitSeq(*u.raw, ",") {
		scheme, rest, _ := strings.Cut(strings.TrimSpace(server), "://")
		if at := strings.LastIndex(rest, "@"); at >= 0 {
			rest = "[redacted]@" + rest[at+1:]
		}
		shown = append(shown, scheme+"://"+rest)
	}
	return strings.Join(shown, ",")
}

// Format writes the list without its credentials, whatever the verb.
func (u NATSURL) Format(state fmt.State, _ rune) { _, _ = fmt.Fprint(state, u.String()) }

// MarshalText writes the list without its credentials.
func (u NATSURL) MarshalText() ([]byte, error) { return []byte(u.String()), nil }
