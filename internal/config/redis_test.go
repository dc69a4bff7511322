package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/settlehook/settlehook/internal/config"
)

func TestRedisURL(t *testing.T) {
	for _, tt := range []struct {
		url   string
		want  config.RedisTarget
		shown string
	}{
		{"redis://redis", config.RedisTarget{Mode: config.RedisSingle, Addrs: []string{"redis:6379"}}, "redis://redis:6379/0"},
		{"redis://[::1]/2", config.RedisTarget{Mode: config.RedisSingle, Addrs: []string{"[::1]:6379"}, DB: 2}, "redis://[::1]:6379/2"},
		{
			"rediss://u:p4ss%40%2F@redis:7000/",
			config.RedisTarget{Mode: config.RedisSingle, Addrs: []string{"redis:7000"}, TLS: true, Username: "u", Password: "p4ss@/"},
			"rediss://[redacted]@redis:7000/0",
		},
		{
			"redis://:p4ss@redis",
			config.RedisTarget{Mode: config.RedisSingle, Addrs: []string{"redis:6379"}, Password: "p4ss"},
			"redis://[redacted]@redis:6379/0",
		},
		{
			"redis-sentinel://:p4ss@s1,s2:26380/mymaster/1?sentinel_username=s&sentinel_password=p4ss%26",
			config.RedisTarget{
				Mode: config.RedisSentinel, Addrs: []string{"s1:26379", "s2:26380"}, Password: "p4ss", DB: 1,
				Master: "mymaster", SentinelUsername: "s", SentinelPassword: "p4ss&",
			},
			"redis-sentinel://[redacted]@s1:26379,s2:26380/mymaster/1",
		},
		{
			"rediss-cluster://c1:7000,c2:7000",
			config.RedisTarget{Mode: config.RedisCluster, Addrs: []string{"c1:7000", "c2:7000"}, TLS: true},
			"rediss-cluster://c1:7000,c2:7000",
		},
	} {
		var u config.RedisURL
		if err := u.UnmarshalText([]byte(tt.url)); err != nil {
			t.Errorf("%s: %v", tt.url, err)
			continue
		}
		if diff := cmp.Diff(tt.want, u.Target()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.url, diff)
		}
		if u.String() != tt.shown {
			t.Errorf("%s is shown as %s, want %s", tt.url, u, tt.shown)
		}
	}
}

func TestRedisURLRefusals(t *testing.T) {
	const (
		scheme = "has an unknown scheme; use redis://, redis-sentinel:// or redis-cluster://, or rediss in place of redis for TLS"
		host   = "has an entry that is not host:port; percent-encode special characters in the password (/ is %2F, ? is %3F, @ is %40)"
		number = "ends in something that is not a database number; write it like redis://host:6379/0"
		params = "has a parameter that is not known here; after the ? only sentinel_username and sentinel_password may stand, once each, with redis-sentinel://; time-outs are set by REDIS_DIAL_TIMEOUT, REDIS_READ_TIMEOUT and REDIS_WRITE_TIMEOUT"
	)
	for url, want := range map[string]string{
		"redis:6379":                           "is not a Redis URL; write it like redis://host:6379/0",
		"http://redis":                         scheme,
		"redis-ring://redis":                   scheme,
		"redis-://redis":                       scheme,
		"redis://":                             host,
		"redis://:6379":                        host,
		"redis://redis:port":                   host,
		"redis://redis:70000":                  host,
		"redis://:p4ss/w@redis":                host,
		"redis://:p4ss%@redis":                 "has a user or password with a stray %; percent-encode special characters (% itself is %25)",
		"redis://a,b":                          "names several servers; use redis-sentinel:// or redis-cluster://, or name one",
		"redis://redis/p4ss":                   number,
		"redis://redis/-1":                     number,
		"redis-sentinel://s1":                  "does not name the master; write it like redis-sentinel://host:26379/mymaster/0",
		"redis-sentinel://s1/m/x":              number,
		"redis-cluster://c1/1":                 "names a database, but a cluster has only database 0; remove what follows the hosts",
		"redis://redis?dial_timeout=1s":        params,
		"redis://redis?sentinel_password=p4ss": params,
		"redis-sentinel://s/m?password=p4ss":   params,
		"redis-sentinel://s/m?sentinel_password=a&sentinel_password=b": params,
		"redis-sentinel://s/m?sentinel_password=%zz":                   "has a malformed part after the ?; percent-encode special characters",
	} {
		err := loadWorker(good(map[string]string{"REDIS_URL": url}))
		if err == nil || err.Error() != "REDIS_URL: "+want {
			t.Errorf("%s:\ngot  %v\nwant REDIS_URL: %s", url, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "p4ss") {
			t.Errorf("%s: the refusal shows the password: %v", url, err)
		}
	}
}
