package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/settlehook/settlehook/pkg/sign"
)

// RedisMode is the kind of deployment a Redis URL names.
type RedisMode string

// The deployments.
const (
	RedisSingle   RedisMode = "single"
	RedisSentinel RedisMode = "sentinel"
	RedisCluster  RedisMode = "cluster"
)

// RedisTarget is what a Redis URL says.
type RedisTarget struct {
	Mode RedisMode
	// Addrs are host:port: the server, the sentinels, or some cluster nodes.
	Addrs    []string
	TLS      bool
	Username string
	Password sign.Secret
	// DB is the database number; always 0 in a cluster.
	DB int
	// Master is the name the sentinels know the master by.
	Master           string
	SentinelUsername string
	SentinelPassword sign.Secret
}

// RedisURL names a Redis deployment and may carry credentials: it prints
// without them. The zero value is unset.
type RedisURL struct {
	// A function for the reason given at NATSURL; fmt follows a pointer to a
	// struct.
	target func() RedisTarget
}

// IsZero reports whether it is unset.
func (u RedisURL) IsZero() bool { return u.target == nil }

// Target returns what the URL says, credentials included.
func (u RedisURL) Target() RedisTarget {
	if u.target == nil {
		return RedisTarget{}
	}
	return u.target()
}

// String returns the URL without its credentials.
func (u RedisURL) String() string {
	if u.target == nil {
		return ""
	}
	t := u.target()
	var b strings.Builder
	b.WriteString("redis")
	if t.TLS {
		b.WriteString("s")
	}
	if t.Mode != RedisSingle {
		b.WriteString("-" + string(t.Mode))
	}
	b.WriteString("://")
	if t.Username != "" || t.Password != "" {
		b.WriteString("[redacted]@")
	}
	b.WriteString(strings.Join(t.Addrs, ","))
	if t.Mode == RedisSentinel {
		b.WriteString("/" + t.Master)
	}
	if t.Mode != RedisCluster {
		b.WriteString("/" + strconv.Itoa(t.DB))
	}
	return b.String()
}

// Format writes the URL without its credentials, whatever the verb.
func (u RedisURL) Format(state fmt.State, _ rune) { _, _ = fmt.Fprint(state, u.String()) }

// MarshalText writes the URL without its credentials.
func (u RedisURL) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// UnmarshalText reads the URL. No error quotes it, since it may carry a
// password. net/url is of no use for the whole: it takes no list of hosts.
func (u *RedisURL) UnmarshalText(text []byte) error {
	scheme, rest, ok := strings.Cut(string(text), "://")
	if !ok {
		return errors.New("is not a Redis URL; write it like redis://host:6379/0")
	}
	t, err := redisScheme(scheme)
	if err != nil {
		return err
	}
	rest, query, _ := strings.Cut(rest, "?")
	authority, path, _ := strings.Cut(rest, "/")
	if at := strings.LastIndex(authority, "@"); at >= 0 {
		if err := t.setUser(authority[:at]); err != nil {
			return err
		}
		authority = authority[at+1:]
	}
	if err := t.setAddrs(authority); err != nil {
		return err
	}
	if err := t.setPath(path); err != nil {
		return err
	}
	if err := t.setQuery(query); err != nil {
		return err
	}
	u.target = func() RedisTarget {
		target := *t
		target.Addrs = slices.Clone(t.Addrs)
		return target
	}
	return nil
}

func redisScheme(scheme string) (*RedisTarget, error) {
	base, mode, _ := strings.Cut(scheme, "-")
	t := &RedisTarget{TLS: base == "rediss"}
	switch {
	case base != "redis" && base != "rediss":
	case scheme == base:
		t.Mode = RedisSingle
		return t, nil
	case mode == string(RedisSentinel), mode == string(RedisCluster):
		t.Mode = RedisMode(mode)
		return t, nil
	}
	return nil, errors.New("has an unknown scheme; use redis://, redis-sentinel:// or redis-cluster://, or rediss in place of redis for TLS")
}

func (t *RedisTarget) setUser(userinfo string) error {
	user, password, _ := strings.Cut(userinfo, ":")
	user, userErr := url.PathUnescape(user)
	password, passwordErr := url.PathUnescape(password)
	if userErr != nil || passwordErr != nil {
		return errors.New("has a user or password with a stray %; percent-encode special characters (% itself is %25)")
	}
	t.Username, t.Password = user, sign.Secret(password)
	return nil
}

func (t *RedisTarget) setAddrs(authority string) error {
	defaultPort := "6379"
	if t.Mode == RedisSentinel {
		defaultPort = "26379"
	}
	for addr := range strings.SplitSeq(authority, ",") {
		addr = strings.TrimSpace(addr)
		if !strings.Contains(addr, ":") || strings.HasPrefix(addr, "[") && strings.HasSuffix(addr, "]") {
			addr += ":" + defaultPort
		}
		host, port, err := net.SplitHostPort(addr)
		if err == nil {
			_, err = strconv.ParseUint(port, 10, 16)
		}
		if err != nil || host == "" || strings.ContainsAny(host, "@ ") {
			return errors.New("has an entry that is not host:port; percent-encode special characters in the password " +
				"(/ is %2F, ? is %3F, @ is %40)")
		}
		t.Addrs = append(t.Addrs, net.JoinHostPort(host, port))
	}
	if t.Mode == RedisSingle && len(t.Addrs) > 1 {
		return errors.New("names several servers; use redis-sentinel:// or redis-cluster://, or name one")
	}
	return nil
}

func (t *RedisTarget) setPath(path string) error {
	db := path
	if t.Mode == RedisSentinel {
		t.Master, db, _ = strings.Cut(path, "/")
		if t.Master == "" {
			return errors.New("does not name the master; write it like redis-sentinel://host:26379/mymaster/0")
		}
	}
	if db == "" {
		return nil
	}
	if t.Mode == RedisCluster {
		return errors.New("names a database, but a cluster has only database 0; remove what follows the hosts")
	}
	n, err := strconv.ParseUint(db, 10, 16)
	if err != nil {
		return errors.New("ends in something that is not a database number; write it like redis://host:6379/0")
	}
	t.DB = int(n)
	return nil
}

func (t *RedisTarget) setQuery(query string) error {
	if query == "" {
		return nil
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return errors.New("has a malformed part after the ?; percent-encode special characters")
	}
	for name, value := range values {
		switch {
		case t.Mode == RedisSentinel && name == "sentinel_username" && len(value) == 1:
			t.SentinelUsername = value[0]
		case t.Mode == RedisSentinel && name == "sentinel_password" && len(value) == 1:
			t.SentinelPassword = sign.Secret(value[0])
		default:
			return errors.New("has a parameter that is not known here; after the ? only sentinel_username and sentinel_password " +
				"may stand, once each, with redis-sentinel://; time-outs are set by REDIS_DIAL_TIMEOUT, REDIS_READ_TIMEOUT and REDIS_WRITE_TIMEOUT")
		}
	}
	return nil
}
