//go:build k8s

package k8s

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// quietly deploys the dev overlay as the README does, in a copy in which the sandbox
// makes no orders by itself, and does only what the gateway's document says: what a
// test then sees is settlehook's doing. Settings are lines for its config.env. The
// commands of the guide run in the copy from then on.
func (c *cluster) quietly(guide guide, settings ...string) {
	c.t.Helper()
	deploy := copyOfDeploy(c.t)
	c.tree = filepath.Dir(deploy)
	c.rewrite("deploy/k8s/components/sandbox/sandbox.yaml", regexp.MustCompile(`(?m)^( *)- --traffic=1$`), "$1- --traffic=0\n$1- --calm")
	for _, setting := range settings {
		name, _, _ := strings.Cut(setting, "=")
		c.rewrite("deploy/k8s/overlays/dev/config.env", regexp.MustCompile(`(?m)^`+name+`=.*$`), setting)
	}
	c.follow(guide.command("Try it", "overlays/dev/up.sh"))
	c.forward(guide.command("Try it", "port-forward deploy/sandbox"), "curl -sf -o /dev/null -w up 127.0.0.1:8889/books")
}

// rewrite changes a file of the copy.
func (c *cluster) rewrite(name string, what *regexp.Regexp, into string) {
	c.t.Helper()
	file := filepath.Join(c.tree, name)
	text, err := os.ReadFile(file)
	if err != nil {
		c.t.Fatal(err)
	}
	if !what.Match(text) {
		c.t.Fatalf("%s has no %s", file, what)
	}
	writeFile(c.t, file, what.ReplaceAll(text, []byte(into)))
}

// order makes orders of a merchant at the sandbox, as the README makes one: one
// after another on one connection.
func (c *cluster) order(guide guide, merchant string, count int) {
	c.t.Helper()
	one := strings.ReplaceAll(guide.command("Try it", "/orders"), "m1001", merchant)
	made := c.follow(strings.Replace(one, "/orders", fmt.Sprintf("/orders?[1-%d]", count), 1))
	if n := strings.Count(made, `"orderId"`); n != count {
		c.t.Fatalf("%d orders were made, want %d:\n%s", n, count, made)
	}
}

// consumerInfo is what nats-server says of a merchant's consumer.
type consumerInfo struct {
	Pending int `json:"num_pending"`
	InWork  int `json:"num_ack_pending"`
	Cluster struct {
		Leader string `json:"leader"`
	} `json:"cluster"`
}

// consumer reads a merchant's consumer.
func (c *cluster) consumer(merchant string) (info consumerInfo) {
	c.t.Helper()
	if err := json.Unmarshal([]byte(c.follow(operate("consumer info CALLBACKS reconciler-"+merchant+" --json"))), &info); err != nil {
		c.t.Fatal(err)
	}
	return info
}

// operate is a command of nats, as an operator gives it in the toolbox.
func operate(command string) string {
	return "kubectl -n settlehook exec deploy/toolbox -- nats --inbox-prefix _INBOX_operator " + command
}
