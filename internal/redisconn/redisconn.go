// Package redisconn opens Redis, which is an optimisation here: every operation
// is bounded in a fraction of a second, and a Redis that is gone is left alone.
package redisconn

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/tlsfiles"
)

// Open returns a client of the Redis that c names: single, behind Sentinel, or
// a cluster. It does not connect yet: a Redis that is absent at start is no
// reason not to start. changed hears when Redis stops and begins to answer.
//
// The defaults of the client block for seconds when Redis is gone (measured on
// go-redis 9.23.0), so its own retries are cut down, and the contexts' deadlines
// count.
func Open(c config.Redis, changed func(available bool)) (redis.UniversalClient, error) {
	t := c.URL.Target()
	o := &redis.UniversalOptions{
		Addrs: t.Addrs, DB: t.DB, Username: t.Username, Password: string(t.Password),
		DialTimeout: c.DialTimeout, ReadTimeout: c.ReadTimeout, WriteTimeout: c.WriteTimeout, PoolTimeout: c.ReadTimeout,
		ContextTimeoutEnabled: true, MaxRetries: 1, DialerRetries: 1,
		// A feature of hosted Redis that looks the address up when the client is
		// made, and costs a command on every connection.
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	if c.PasswordFile != "" {
		o.CredentialsProviderContext = func(context.Context) (string, string, error) {
			password, err := config.ReadPassword(c.PasswordFile)
			if err != nil {
				return "", "", fmt.Errorf("REDIS_PASSWORD_FILE: %w", err)
			}
			return t.Username, string(password), nil
		}
	}
	switch t.Mode {
	case config.RedisSentinel:
		o.MasterName = t.Master
		o.SentinelUsername, o.SentinelPassword = t.SentinelUsername, string(t.SentinelPassword)
	case config.RedisCluster:
		o.IsClusterMode = true
		// A cluster redirects: one try finds the node, one asks it.
		o.MaxRedirects = 3
	}
	if t.TLS {
		conf, err := tlsfiles.Client("REDIS_TLS_CA", c.TLSCA, c.TLSCert, c.TLSKey)
		if err != nil {
			return nil, err
		}
		o.TLSConfig = conf
	}
	client := redis.NewUniversalClient(o)
	client.AddHook(newFuse(changed))
	return client, nil
}
