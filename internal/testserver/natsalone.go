package testserver

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// NATSConfig is how one nats-server is set up that is asked how it is. The zero
// value is the server's own defaults, without permissions.
type NATSConfig struct {
	Name       string // of the server; empty: its own choice
	Host       string // empty: 127.0.0.1; another of 127.0.0.0/8 stands for another machine
	Monitor    string // port of the monitoring; empty: a free one
	SyncAlways bool
	// More is text of the configuration, such as that of [Permissions].
	More string
}

// NATSAlone starts one nats-server with JetStream on files and a monitoring
// port.
func NATSAlone(t testing.TB, c NATSConfig) NATSServers {
	t.Helper()
	binary, addr, dir := Binary(t, "nats-server"), FreeAddr(t), t.TempDir()
	host, port, _ := net.SplitHostPort(addr)
	if c.Host != "" {
		host = c.Host
	}
	if c.Monitor == "" {
		_, c.Monitor, _ = net.SplitHostPort(FreeAddr(t))
	}
	text := fmt.Sprintf("jetstream {store_dir: %q", dir)
	if c.SyncAlways {
		text += ", sync_interval: always"
	}
	text += "}\n" + c.More
	if c.Name != "" {
		text = fmt.Sprintf("server_name: %q\n", c.Name) + text
	}
	conf := filepath.Join(t.TempDir(), "nats.conf")
	must(t, os.WriteFile(conf, []byte(text), 0o600))
	p := newProcess(t, net.JoinHostPort(host, port), func() *exec.Cmd {
		cmd := exec.Command(binary, "-a", host, "-p", port, "-m", c.Monitor, "-c", conf)
		cmd.Env = passwords()
		return cmd
	})
	p.Monitor = net.JoinHostPort(host, c.Monitor)
	HoldToContract(t, p.address)
	return NATSServers{p}
}

// Permissions is the text of deploy/nats/permissions.conf, for [NATSConfig].
func Permissions(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile(natsConf("permissions.conf"))
	must(t, err)
	return string(text)
}
