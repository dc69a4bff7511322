//go:build k8s

package k8s

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// quietly deploys the dev overlay as the README does, with a sandbox that does only
// what the gateway's document says: what a test then sees is settlehook's doing.
// traffic is in orders a second; 0 leaves it to the test. From then on the commands
// of the guide run in a copy of the repository's manifests.
func (c *cluster) quietly(guide guide, traffic int) {
	c.t.Helper()
	deploy := copyOfDeploy(c.t)
	c.tree = filepath.Dir(deploy)
	file := filepath.Join(deploy, "k8s", "components", "sandbox", "sandbox.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		c.t.Fatal(err)
	}
	const hostile = "- --traffic=1\n"
	before, after, found := strings.Cut(string(text), hostile)
	if !found {
		c.t.Fatalf("%s makes no traffic", file)
	}
	indent := before[strings.LastIndex(before, "\n")+1:]
	writeFile(c.t, file, fmt.Appendf(nil, "%s- --traffic=%d\n%s- --calm\n%s", before, traffic, indent, after))
	c.follow(guide.command("Try it", "overlays/dev/up.sh"))
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
