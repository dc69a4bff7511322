package testserver

import (
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The roles of deploy/nats/permissions.conf.
var natsRoles = []string{"receiver", "worker", "order-service", "downstream", "operator", "finance", "setup", "recovery"}

// NATSServers are the servers of one installation, with the roles of
// deploy/nats: one alone, or a cluster.
type NATSServers []*Process

// URL is the address of all servers for a role.
func (s NATSServers) URL(role string) string {
	urls := make([]string, len(s))
	for i, p := range s {
		urls[i] = natsURL(role, p.Addr)
	}
	return strings.Join(urls, ",")
}

// natsURL names the role and its password.
func natsURL(role, addr string) string { return "nats://" + role + ":" + Password(role) + "@" + addr }

// URLBy is the address for a role by another way, such as a proxy's.
func (NATSServers) URLBy(role string, way *Way) string { return natsURL(role, way.Addr) }

// Password is the one that a role has here.
func Password(role string) string { return "secret-of-" + role }

func passwords() []string {
	var env []string
	for _, role := range natsRoles {
		env = append(env, fmt.Sprintf("%s=%q", PasswordVariable(role), Password(role)))
	}
	return env
}

// PasswordVariable is the variable that deploy/nats takes a role's password from.
func PasswordVariable(role string) string {
	return "NATS_" + strings.ToUpper(strings.ReplaceAll(role, "-", "_")) + "_PASSWORD"
}

// InboxPrefix is where a role's answers come to.
func InboxPrefix(role string) string { return "_INBOX_" + role }

// NATSWithRoles starts one nats-server with JetStream on files and the
// permissions of deploy/nats.
func NATSWithRoles(t testing.TB) NATSServers {
	t.Helper()
	binary, addr, dir := Binary(t, "nats-server"), FreeAddr(t), t.TempDir()
	host, port, _ := net.SplitHostPort(addr)
	p := newProcess(t, addr, func() *exec.Cmd {
		cmd := exec.Command(binary, "-a", host, "-p", port, "-js", "-sd", dir, "-c", natsConf("permissions.conf"))
		cmd.Env = passwords()
		return cmd
	})
	HoldToContract(t, p.address)
	return NATSServers{p}
}

// NATSCluster starts the cluster of deploy/nats with three servers. It may have
// no leader yet when it returns.
func NATSCluster(t testing.TB) NATSServers {
	t.Helper()
	const size = 3
	binary := Binary(t, "nats-server")
	clients, routes, monitors, dirs := make([]string, size), make([]string, size), make([]string, size), make([]string, size)
	for i := range size {
		clients[i], routes[i], monitors[i], dirs[i] = FreeAddr(t), FreeAddr(t), FreeAddr(t), t.TempDir()
	}
	list := "[nats://" + strings.Join(routes, ", nats://") + "]"
	servers := make(NATSServers, size)
	for i := range size {
		servers[i] = newProcess(t, clients[i], func() *exec.Cmd {
			_, monitor, _ := net.SplitHostPort(monitors[i])
			cmd := exec.Command(binary, "-c", natsConf("nats-server.conf"), "-m", monitor)
			cmd.Env = append(passwords(), "NATS_SERVER_NAME=nats-"+fmt.Sprint(i), "NATS_LISTEN="+clients[i],
				"NATS_STORE_DIR="+dirs[i], "NATS_CLUSTER_LISTEN="+routes[i], "NATS_ROUTES="+list)
			return cmd
		})
		servers[i].Monitor = monitors[i]
	}
	HoldToContract(t, servers.address)
	return servers
}

// address is where the operator reaches a cluster all of whose servers run, else
// empty: with some of them down it may have no leader.
func (s NATSServers) address() string {
	for _, p := range s {
		if p.address() == "" {
			return ""
		}
		p.Continue() // one that is paused answers nobody
	}
	return s.URL("operator")
}

// Named is the server of this name, as the cluster calls it.
func (s NATSServers) Named(name string) *Process {
	for i, p := range s {
		if name == "nats-"+fmt.Sprint(i) {
			return p
		}
	}
	return nil
}

func natsConf(file string) string { return filepath.Join(Root(), "deploy", "nats", file) }
