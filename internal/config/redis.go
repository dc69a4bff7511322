package config

import (
	"regexp"
	"time"
)

// Redis is the connection to the claim store and the shared query rate. It is
// an optimisation: losing it costs extra queries, never an event.
type Redis struct {
	// The Redis server, one of
	// redis://[user:password@]host:port[/db],
	// redis-sentinel://[user:password@]host:port,host:port/master[/db] and
	// redis-cluster://[user:password@]host:port,host:port; with rediss in
	// place of redis each goes over TLS. The sentinels' own credentials are
	// given as ?sentinel_username= and &sentinel_password=.
	URL RedisURL `env:"REDIS_URL" secret:"true" required:"name the Redis server, for example REDIS_URL=redis://redis:6379/0"`
	// Path of a file that holds the password; a newline at its end is not part
	// of it. It is read again for every connection, so a changed password needs
	// no restart. REDIS_URL may name the user and must not carry a password.
	// The sentinels' password stays in the URL.
	PasswordFile string `env:"REDIS_PASSWORD_FILE"`
	// Path of the certificate authority the server's certificate is checked
	// with; empty: the system's.
	TLSCA string `env:"REDIS_TLS_CA"`
	// Path of the client certificate, for a server that asks for one (mutual
	// TLS). Goes with REDIS_TLS_KEY. It is read again for every connection.
	TLSCert string `env:"REDIS_TLS_CERT"`
	// Path of the client certificate's key.
	TLSKey string `env:"REDIS_TLS_KEY"`
	// Put in front of every key, for a Redis shared with others: letters,
	// digits, and _ - . :
	KeyPrefix string `env:"REDIS_KEY_PREFIX" envDefault:"settlehook:"`
	// Longest to wait for a connection.
	DialTimeout time.Duration `env:"REDIS_DIAL_TIMEOUT" envDefault:"250ms"`
	// Longest to wait for an answer. Past it a callback is decided without
	// Redis.
	ReadTimeout time.Duration `env:"REDIS_READ_TIMEOUT" envDefault:"250ms"`
	// Longest to wait for a command to be sent.
	WriteTimeout time.Duration `env:"REDIS_WRITE_TIMEOUT" envDefault:"250ms"`
}

// keyPrefix leaves out braces: they would put every key on one node of a
// cluster.
var keyPrefix = regexp.MustCompile(`^[A-Za-z0-9_.:-]{0,64}$`)

func (r *Redis) check(fs *faults) {
	if password(fs, "REDIS_PASSWORD_FILE", r.PasswordFile) && r.URL.Target().Password != "" {
		fs.add("REDIS_URL", "carries a password, but REDIS_PASSWORD_FILE is set; leave the password out of it (redis://user@host:6379)")
	}
	authorities(fs, "REDIS_TLS_CA", r.TLSCA)
	certificate(fs, "REDIS_TLS_CERT", r.TLSCert, "REDIS_TLS_KEY", r.TLSKey)
	if !r.URL.IsZero() && !r.URL.Target().TLS {
		for _, file := range [][2]string{{"REDIS_TLS_CA", r.TLSCA}, {"REDIS_TLS_CERT", r.TLSCert}} {
			if name, path := file[0], file[1]; path != "" {
				fs.add(named(name, path), "is set, but REDIS_URL does not ask for TLS; write it with rediss, or remove %s", name)
			}
		}
	}
	if !keyPrefix.MatchString(r.KeyPrefix) {
		fs.add(named("REDIS_KEY_PREFIX", r.KeyPrefix), "use only letters, digits, and _ - . : (at most 64)")
	}
	positive(fs, "REDIS_DIAL_TIMEOUT", r.DialTimeout)
	positive(fs, "REDIS_READ_TIMEOUT", r.ReadTimeout)
	positive(fs, "REDIS_WRITE_TIMEOUT", r.WriteTimeout)
}
