//go:build k8s

package k8s

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/settlehook/settlehook/internal/testserver"
)

// TestFromNothingToASettledEvent does what the README says to somebody who tries
// settlehook, word for word, on a node that runs containers.
func TestFromNothingToASettledEvent(t *testing.T) {
	if os.Getenv(isolated) == "" {
		t.Setenv(imagesVariable, buildImages(t, render(t, combination{overlay: "dev"})))
	}
	if !isolate(t) {
		return
	}
	c := newRealCluster(t, os.Getenv(imagesVariable))
	guide := readGuide(t)

	began := time.Now()
	c.follow(guide.command("Try it", "overlays/dev/up.sh"))
	t.Logf("everything runs after %s", time.Since(began).Round(time.Second))
	c.until("a settled event", guide.block("Try it", "sub 'payments.v1.settled.>'"), `"type":"settlehook.payment.settled.v1"`)
	t.Logf("settled after %s", time.Since(began).Round(time.Second))
	c.until("the worker's line", guide.command("Try it", `grep '"outcome":"settled"'`), `"msg":"callback decided"`)
	c.orderOfOnesOwn(guide)

	c.follow(guide.command("Look", "get deploy,hpa"))
	if found := c.follow(guide.block("Look", "cronjob/settlehook-doctor")); strings.Contains(found, "fail:") || !strings.Contains(found, "within 2s of nats-0, nats-1, nats-2") {
		t.Errorf("the doctor says:\n%s", found)
	}
	c.restricted()
	c.followsSecrets()
	c.rollsOut()
}

// orderOfOnesOwn makes an order at the sandbox's admin port, and sees it settled.
func (c *cluster) orderOfOnesOwn(guide guide) {
	c.t.Helper()
	forward := strings.TrimSuffix(guide.command("Try it", "port-forward deploy/sandbox"), "&")
	books := guide.command("Try it", "/books")
	start(c.t, c.shell("exec "+forward), func() bool {
		out, err := c.shell(books).Output()
		return err == nil && len(out) > 0
	})
	made := c.follow(guide.command("Try it", "/orders"))
	id := regexp.MustCompile(`"orderId":"([^"]+)"`).FindStringSubmatch(made)
	if id == nil {
		c.t.Fatalf("no order was made: %s", made)
	}
	c.until("the order of one's own", fmt.Sprintf("%s | grep %s", guide.command("Try it", `grep '"outcome":"settled"'`), id[1]), `"verdict":"emit"`)
}

// restricted looks at the processes of our containers: nobody's user, no
// capability, and no way to more.
func (c *cluster) restricted() {
	c.t.Helper()
	seen := map[string]int{}
	statuses, err := filepath.Glob("/proc/[0-9]*/status")
	if err != nil {
		c.t.Fatal(err)
	}
	for _, path := range statuses {
		status, err := os.ReadFile(path)
		mounts, gone := os.ReadFile(filepath.Join(filepath.Dir(path), "mounts"))
		if err != nil || gone != nil {
			continue // it ended
		}
		name := regexp.MustCompile(`^Name:\t(\S+)`).FindStringSubmatch(string(status))[1]
		if !slices.Contains([]string{"receiver", "worker", "settlehook", "nats-server", "redis-server"}, name) {
			continue
		}
		seen[name]++
		for _, want := range []string{"\nUid:\t65532\t65532\t65532\t65532\n", "\nCapBnd:\t0000000000000000\n", "\nNoNewPrivs:\t1\n", "\nSeccomp:\t2\n"} {
			if !strings.Contains(string(status), want) {
				c.t.Errorf("%s runs without %q:\n%s", name, want, status)
			}
		}
		if root := regexp.MustCompile(`(?m)^\S+ / overlay ro,`); !root.Match(mounts) {
			c.t.Errorf("the root of %s can be written to:\n%s", name, mounts)
		}
	}
	if seen["receiver"] < 2 || seen["worker"] < 4 || seen["nats-server"] != 3 || seen["redis-server"] != 1 || seen["settlehook"] != 1 {
		c.t.Errorf("not all containers were seen: %v", seen)
	}
}

// followsSecrets gives a merchant another key in the Secret, and sees it taken up
// by programs that go on running.
func (c *cluster) followsSecrets() {
	c.t.Helper()
	before := c.restarts()
	c.follow(`set -e; cd "$(mktemp -d)"
for file in merchants.yaml m1001.key m1002.key; do
  kubectl -n settlehook get secret settlehook-merchants -o go-template="{{index .data \"$file\"}}" | base64 -d >"$file"
done
printf 'a key of later' >later.key
sed -i 's|      - {id: dev, secretFile: m1001.key}|      - {id: later, secretFile: later.key}\n&|' merchants.yaml
kubectl -n settlehook create secret generic settlehook-merchants --from-file=merchants.yaml --from-file=m1001.key --from-file=m1002.key --from-file=later.key \
  --dry-run=client -o yaml | kubectl -n settlehook replace -f -`)
	for _, component := range []string{"receiver", "worker", "sweeper"} {
		c.until("the new merchants file in the "+component,
			"kubectl -n settlehook logs -l app.kubernetes.io/component="+component+" --tail=-1", "the merchants file was read again")
	}
	if after := c.restarts(); after != before {
		c.t.Errorf("something restarted: %s, before: %s", after, before)
	}
}

func (c *cluster) restarts() string {
	c.t.Helper()
	return c.kubectl("-n", "settlehook", "get", "pods", "-o",
		`jsonpath={range .items[*]}{.metadata.name}={.status.containerStatuses[0].restartCount} {end}`).out
}

// rollsOut replaces the receivers while the sandbox pushes to their Service, and
// reads in its books that none of what it had to push was refused or cut off.
func (c *cluster) rollsOut() {
	c.t.Helper()
	since := time.Now().UTC().Format(time.RFC3339Nano)
	for range 2 {
		c.kubectl("-n", "settlehook", "rollout", "restart", "deployment/settlehook-receiver")
		c.kubectl("-n", "settlehook", "rollout", "status", "deployment/settlehook-receiver", "--timeout", patience.String())
	}
	pushes, err := pushesSince(c.follow("curl -sf 127.0.0.1:8889/books"), since)
	if err != nil {
		c.t.Fatal(err)
	}
	success := 0
	for _, p := range pushes {
		if p.Accepted {
			success++
		} else if len(p.Mischief) == 0 {
			c.t.Errorf("while receivers were replaced, a push had %d %s %s", p.HTTPStatus, p.Answer, p.Error)
		}
	}
	if success == 0 {
		c.t.Error("nothing was pushed while receivers were replaced")
	}
	c.t.Logf("%d pushes while receivers were replaced, %d answered success, the others wrong on purpose", len(pushes), success)
}

// shell is a line of a shell of somebody who has the repository and the cluster.
func (c *cluster) shell(script string) *exec.Cmd {
	cmd := exec.Command("bash", "-c", script)
	cmd.Dir = testserver.Root()
	cmd.Env = []string{
		"KUBECONFIG=" + c.kubeconfig, "HOME=" + c.ca.dir,
		"PATH=" + filepath.Dir(tool(c.t, "kubectl")) + ":" + os.Getenv("PATH"),
	}
	return cmd
}

// follow runs a command of the guide, which has to succeed, and returns what it
// prints.
func (c *cluster) follow(script string) string {
	c.t.Helper()
	out, err := c.shell(script).CombinedOutput()
	if err != nil {
		c.t.Fatalf("%s\n%v:\n%s", script, err, out)
	}
	return string(out)
}

// until repeats a command until it prints something.
func (c *cluster) until(what, script, prints string) {
	c.t.Helper()
	var last []byte
	await(c.t, what, func() bool {
		last, _ = c.shell("timeout 10 bash -c " + quoted(script)).CombinedOutput()
		return strings.Contains(string(last), prints)
	}, func() string { return script + "\n" + string(last) })
}

func quoted(script string) string { return "'" + strings.ReplaceAll(script, "'", `'\''`) + "'" }
