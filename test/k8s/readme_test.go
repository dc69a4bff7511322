//go:build k8s

package k8s

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/settlehook/settlehook/internal/stream"
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
	up := c.restarts()
	c.until("a settled event", guide.block("Try it", "sub 'payments.v1.settled.>'"), `"type":"settlehook.payment.settled.v1"`)
	t.Logf("settled after %s", time.Since(began).Round(time.Second))
	c.until("the worker's line", guide.command("Try it", `grep '"outcome":"settled"'`), `"msg":"callback decided"`)
	c.orderOfOnesOwn(guide)

	c.look(guide)
	c.restricted()
	c.followsSecrets(up)
	c.rollsOut()
	maps.DeleteFunc(up, func(pod string, _ int) bool { return strings.HasPrefix(pod, "settlehook-receiver-") })
	c.stayedUp(up)
	c.goes(guide)
}

// orderOfOnesOwn makes an order at the sandbox's admin port, and sees it settled.
func (c *cluster) orderOfOnesOwn(guide guide) {
	c.t.Helper()
	c.forward(guide.command("Try it", "port-forward deploy/sandbox"), guide.command("Try it", "/books"))
	made := c.follow(guide.command("Try it", "/orders"))
	id := regexp.MustCompile(`"orderId":"([^"]+)"`).FindStringSubmatch(made)
	if id == nil {
		c.t.Fatalf("no order was made: %s", made)
	}
	c.until("the order of one's own", fmt.Sprintf("%s | grep %s", guide.command("Try it", `grep '"outcome":"settled"'`), id[1]), `"verdict":"emit"`)
}

// look looks at everything as the README does.
func (c *cluster) look(guide guide) {
	c.t.Helper()
	c.follow(guide.command("Look", "get deploy,hpa"))
	c.follow(guide.command("Look", "logs -l"))
	c.forward(guide.command("Look", "settlehook-sweeper 9090"), "curl -sf 127.0.0.1:9090/readyz")
	report := c.follow(guide.command("Look", "stream report"))
	for _, name := range []string{stream.Callbacks, stream.Payments, stream.Orders} {
		if !strings.Contains(report, name) {
			c.t.Errorf("the report does not have %s:\n%s", name, report)
		}
	}
	c.examine(guide)
	forward, review, _ := strings.Cut(guide.block("Look", "settlehook review ls"), "\n")
	c.forward(forward, "exec 3<>/dev/tcp/127.0.0.1/4222 && head -c 4 <&3")
	c.follow("set -e; " + review)
}

// examine has the doctor look, as the README does. The sandbox answers a question
// with a failure now and then, which is a gateway's.
func (c *cluster) examine(guide guide) {
	c.t.Helper()
	found := c.follow(guide.block("Look", "cronjob/settlehook-doctor"))
	if strings.Contains(strings.ReplaceAll(found, "fail: gateways:", ""), "fail:") || !strings.Contains(found, "within 2s of nats-0, nats-1, nats-2") {
		c.t.Errorf("the doctor says:\n%s", found)
	}
}

// forward keeps a port forwarded, from the moment on when a command prints
// something that comes through it. That the README has it in the background is
// left to [start].
func (c *cluster) forward(command, prints string) {
	c.t.Helper()
	command, _, _ = strings.Cut(command, " &")
	start(c.t, c.shell("exec "+command), func() bool {
		out, err := c.shell(prints).Output()
		return err == nil && len(out) > 0
	})
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
func (c *cluster) followsSecrets(restarts map[string]int) {
	c.t.Helper()
	c.follow(`set -e; cd "$(mktemp -d)"
for file in merchants.yaml m1001.key m1002.key; do
  kubectl -n settlehook get secret settlehook-merchants -o go-template="{{index .data \"$file\"}}" | base64 -d >"$file"
done
printf 'a key of later' >later.key
sed -i 's|      - {id: dev, secretFile: m1001.key}|      - {id: later, secretFile: later.key}\n&|' merchants.yaml
kubectl -n settlehook create secret generic settlehook-merchants --from-file=merchants.yaml --from-file=m1001.key --from-file=m1002.key --from-file=later.key \
  --dry-run=client -o yaml | kubectl -n settlehook replace -f -`)
	for pod := range restarts {
		if !strings.HasPrefix(pod, "settlehook-") {
			continue // another project's, and the sandbox, which has its keys from the start
		}
		await(c.t, "the new merchants file in "+pod, func() bool {
			c.stayedUp(restarts)
			said, err := c.try("", "-n", "settlehook", "logs", pod)
			return err == nil && strings.Contains(said.out, "the merchants file was read again")
		}, func() string { return c.follow("kubectl -n settlehook logs --tail=20 " + pod) })
	}
}

// stayedUp: probes passed, and none of these pods was restarted or replaced since it
// had those restarts.
func (c *cluster) stayedUp(restarts map[string]int) {
	c.t.Helper()
	now := c.restarts()
	for pod, before := range restarts {
		if after, there := now[pod]; !there || after != before {
			c.t.Fatalf("%s was restarted or replaced: %d restarts, now %v", pod, before, now)
		}
	}
}

// restarts are those of all pods that are meant to stay.
func (c *cluster) restarts() map[string]int {
	c.t.Helper()
	found := map[string]int{}
	out := c.kubectl("-n", "settlehook", "get", "pods", "--selector", "!batch.kubernetes.io/job-name", "-o",
		`jsonpath={range .items[*]}{.metadata.name} {.status.containerStatuses[0].restartCount}{"\n"}{end}`).out
	for line := range strings.Lines(out) {
		pod, count, _ := strings.Cut(strings.TrimSpace(line), " ")
		n, err := strconv.Atoi(count)
		if err != nil {
			c.t.Fatalf("%s has no restarts: %v", pod, err)
		}
		found[pod] = n
	}
	return found
}

// rollsOut replaces the receivers while the sandbox pushes to their Service, and
// reads in its books that none of what it had to push was refused or cut off.
func (c *cluster) rollsOut() {
	c.t.Helper()
	since := time.Now()
	stop := c.load()
	for range 3 {
		c.kubectl("-n", "settlehook", "rollout", "restart", "deployment/settlehook-receiver")
		c.kubectl("-n", "settlehook", "rollout", "status", "deployment/settlehook-receiver", "--timeout", patience.String())
	}
	least := stop()
	pushes, success := 0, 0
	for _, order := range c.books() {
		for _, p := range order.Pushes {
			if p.At.Before(since) {
				continue
			}
			pushes++
			if p.Accepted {
				success++
			} else if p.refused() {
				c.t.Errorf("while receivers were replaced, a push of %s at %s had %d %s %s", order.ID, p.At, p.HTTPStatus, p.Answer, p.Error)
			}
		}
	}
	if success < least {
		c.t.Errorf("%d pushes were answered success, and %d were asked for", success, least)
	}
	c.t.Logf("%d pushes while receivers were replaced, %d answered success, the others wrong on purpose", pushes, success)
}

// loadPeriod is the time between two pushes of [cluster.load]: a hundred times
// what the sandbox pushes by itself.
const loadPeriod = 10 * time.Millisecond

// load has the sandbox push what it pushed before again and again, until it is
// stopped; that returns how many pushes it was.
func (c *cluster) load() (stop func() (pushes int)) {
	c.t.Helper()
	var accepted []bookedOrder
	for _, order := range c.books() {
		if order.Accepted {
			accepted = append(accepted, order)
		}
	}
	if len(accepted) == 0 {
		c.t.Fatal("nothing was pushed yet")
	}
	ctx, cancel := context.WithCancel(c.t.Context())
	var made sync.WaitGroup
	pushed := 0
	made.Go(func() {
		tick := time.NewTicker(loadPeriod)
		defer tick.Stop()
		for ctx.Err() == nil {
			order := accepted[pushed%len(accepted)]
			pushed++
			made.Go(func() { c.pushAgain(order) })
			select {
			case <-ctx.Done():
			case <-tick.C:
			}
		}
	})
	return func() int { cancel(); made.Wait(); return pushed }
}

// pushAgain has the sandbox push an order's state; its books say with what answer.
func (c *cluster) pushAgain(order bookedOrder) {
	res, err := http.Post("http://127.0.0.1:8889/orders/"+order.ID+"/push?merchant="+order.Merchant, "", nil)
	if err != nil {
		c.t.Error(err)
		return
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		c.t.Errorf("the sandbox does not push %s: %s", order.ID, res.Status)
	}
}

func (c *cluster) books() []bookedOrder {
	c.t.Helper()
	orders, err := readBooks(c.follow("curl -sf 127.0.0.1:8889/books"))
	if err != nil {
		c.t.Fatal(err)
	}
	return orders
}

// goes deletes everything as the README does; each container ends, and its volumes
// let go of it.
func (c *cluster) goes(guide guide) {
	c.t.Helper()
	began := time.Now()
	c.follow("timeout " + fmt.Sprint(patience.Seconds()) + " " + guide.inText("Try it", "kubectl delete"))
	c.t.Logf("gone after %s", time.Since(began).Round(time.Second))
}

// shell is a line of a shell of somebody who has the repository and the cluster.
func (c *cluster) shell(script string) *exec.Cmd {
	cmd := exec.Command("bash", "-c", script)
	cmd.Dir = cmp.Or(c.tree, testserver.Root())
	cmd.Env = []string{
		"KUBECONFIG=" + c.kubeconfig, "HOME=" + c.ca.dir,
		"PATH=" + programs + ":" + filepath.Dir(tool(c.t, "kubectl")) + ":" + os.Getenv("PATH"),
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
