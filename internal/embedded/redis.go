package embedded

import (
	"fmt"
	"net"
	"strconv"

	"github.com/alicebob/miniredis/v2"
)

// Redis is a stand-in for Redis in memory: it forgets everything when it
// stops, which costs queries and never an event.
type Redis struct{ mini *miniredis.Miniredis }

// StartRedis starts a stand-in on a free loopback port.
func StartRedis() (*Redis, error) {
	m := miniredis.NewMiniRedis()
	m.ClockTTL(true) // or keys would never expire
	if err := m.StartAddr("127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("embedded stand-in for Redis: %w", err)
	}
	return &Redis{m}, nil
}

// URL is its address, as REDIS_URL takes it.
func (r *Redis) URL() string { return "redis://" + r.mini.Addr() + "/0" }

// Stop stops it.
func (r *Redis) Stop() { r.mini.Close() }

func splitHostPort(address string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, fmt.Errorf("address %q: write it as host:port", address)
	}
	number, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("address %q: the port is not a number up to 65535", address)
	}
	return host, int(number), nil
}
