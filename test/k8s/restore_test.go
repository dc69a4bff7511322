//go:build k8s

package k8s

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/internal/testserver"
)

// restoring is the section of the README.
const restoring = "Back up and restore"

// TestRestore loses every disk of three NATS servers and follows the README. The
// ledger is restored from an older backup than the rest, so that the worst case is
// in it: outcomes that downstream was told, and that the ledger does not know.
func TestRestore(t *testing.T) {
	if os.Getenv(isolated) == "" {
		t.Setenv(imagesVariable, buildImages(t, render(t, combination{overlay: "dev"})))
	}
	if !isolate(t) {
		return
	}
	r := &restore{cluster: newRealCluster(t, os.Getenv(imagesVariable)), guide: readGuide(t)}
	// The sweep's turns are soon over: they must not be what tells everything again.
	r.quietly(r.guide, "SWEEP_DELAYS=5s,10s", "SWEEP_LOOK_BACK=7s")

	const half = 25
	r.order(r.guide, "m1001", half)
	r.awaitEvents(half)
	older := r.backup("older")
	r.order(r.guide, "m1002", half)
	r.awaitEvents(2 * half)
	r.awaitLastTurns()
	told := r.ledger()
	newer := r.backup("newer")
	r.stop()
	r.loseTheDisks()
	r.streams(older, stream.Payments)
	if known := len(r.ledger()); known != half {
		t.Fatalf("%d events were restored of %d, want %d", known, len(told), half)
	}
	r.streams(newer, "ORDERS BALANCES CLOSINGS CALLBACKS PARKED QUARANTINE TRAIL")
	r.follow(r.tool() + r.guide.block(restoring, "consumer reset"))
	began := time.Now()
	r.start()
	await(t, "everything is told again", func() bool { return len(told.without(r.ledger())) == 0 },
		func() string { return fmt.Sprintf("%+v", told.without(r.ledger())) })
	t.Logf("%d events were told, %d of them restored, the others are told again after %s", len(told), half, time.Since(began).Round(time.Second))

	again := r.ledger()
	for id, before := range told {
		if after := again[id]; after != before {
			t.Errorf("%+v is told again as %+v", before, after)
		}
	}
	again.onceEach(t)
	r.examine(r.guide)
}

// restore follows the README in the dev overlay.
type restore struct {
	*cluster
	guide guide
}

// tool is how the README calls the toolbox.
func (r *restore) tool() string { return r.guide.command(restoring, "tool=") + "\n" }

// backup takes one under a name of its own, and returns its folder in the toolbox.
func (r *restore) backup(name string) string {
	r.t.Helper()
	dir := "/backups/" + name
	commands := strings.ReplaceAll(r.guide.block(restoring, "account backup"), "/backups/$(date -u +%Y-%m-%dT%H%M)", dir)
	if !strings.Contains(commands, dir) {
		r.t.Fatal("the README names its backups otherwise")
	}
	r.follow("set -e; " + strings.ReplaceAll(commands, "settlehook-backups.tar", filepath.Join(r.t.TempDir(), "backups.tar")))
	return dir
}

// step is one of the numbered steps, for dev, which has no KEDA.
func (r *restore) step(number int) string {
	r.t.Helper()
	steps := regexp.MustCompile(`(?m)^# \d\. `).Split(r.guide.block(restoring, "# 1. "), -1)
	if len(steps) != 4 {
		r.t.Fatalf("the README has %d steps, want 3", len(steps)-1)
	}
	step := strings.ReplaceAll("set -e\n"+r.tool()+"# "+steps[number], "overlays/prod", "overlays/dev")
	return regexp.MustCompile(`(?m)^kubectl .*scaledobject.*\n`).ReplaceAllString(step, "")
}

func (r *restore) stop() {
	r.t.Helper()
	r.follow(r.step(1))
}

// streams does the second step for some of the streams.
func (r *restore) streams(backup, names string) {
	r.t.Helper()
	step := strings.ReplaceAll(r.step(2), "/backups/2026-11-23T1100", backup)
	step = strings.Replace(step, "PAYMENTS ORDERS BALANCES CLOSINGS CALLBACKS PARKED QUARANTINE TRAIL", names, 1)
	out := r.follow(step)
	if !strings.Contains(step, backup) || !strings.Contains(step, "in "+names+";") || strings.Contains(out, "go no further") {
		r.t.Fatalf("%s\n%s", step, out)
	}
}

func (r *restore) start() {
	r.t.Helper()
	r.follow(r.step(3))
}

// loseTheDisks empties the volumes of NATS.
func (r *restore) loseTheDisks() {
	r.t.Helper()
	r.kubectl("-n", "settlehook", "scale", "statefulset/nats", "--replicas=0")
	r.kubectl("-n", "settlehook", "wait", "--for=delete", "pod", "-l", "app.kubernetes.io/name=nats", "--timeout", patience.String())
	for _, name := range strings.Fields(r.kubectl("-n", "settlehook", "get", "pvc", "-l", "app.kubernetes.io/name=nats", "-o", "jsonpath={.items[*].spec.volumeName}").out) {
		path := r.kubectl("get", "pv", name, "-o", "jsonpath={.spec.local.path}").out
		inside, err := filepath.Glob(filepath.Join(path, "*"))
		if err != nil || len(inside) == 0 {
			r.t.Fatalf("the volume %s is empty already: %v", name, err)
		}
		for _, file := range inside {
			if err := os.RemoveAll(file); err != nil {
				r.t.Fatal(err)
			}
		}
	}
	r.kubectl("-n", "settlehook", "scale", "statefulset/nats", "--replicas=3")
	r.kubectl("-n", "settlehook", "rollout", "status", "statefulset/nats", "--timeout", patience.String())
}

func (r *restore) awaitEvents(n int) {
	r.t.Helper()
	await(r.t, fmt.Sprintf("%d events", n), func() bool { return len(r.ledger()) == n }, func() string { return fmt.Sprintf("%+v", r.ledger()) })
}

// awaitLastTurns waits until the sweep has no turn left.
func (r *restore) awaitLastTurns() {
	r.t.Helper()
	var infos string
	await(r.t, "the last turn of the sweep", func() bool {
		infos = r.follow(r.tool() + `$tool 'for name in $(nats --inbox-prefix _INBOX_operator consumer ls --names ORDERS); do
  nats --inbox-prefix _INBOX_operator consumer info ORDERS "$name" --json || exit 1; done'`)
		consumers, left := 0, 0
		for decoder := json.NewDecoder(strings.NewReader(infos)); decoder.More(); consumers++ {
			var info consumerInfo
			if err := decoder.Decode(&info); err != nil {
				r.t.Fatalf("%v:\n%s", err, infos)
			}
			left += info.Pending + info.InWork
		}
		return consumers > 0 && left == 0
	}, func() string { return infos })
}

// ledger is what is in PAYMENTS, by event id.
type ledger map[string]event

// event is what downstream is told of an order.
type event struct {
	ID, Type string
	Data     struct {
		Outcome, Merchant, OrderID, Amount string
		Supersedes                         string
	}
}

// without are the events that are not in another ledger.
func (l ledger) without(other ledger) (missing []event) {
	for id, e := range l {
		if _, there := other[id]; !there {
			missing = append(missing, e)
		}
	}
	return missing
}

// onceEach: an order has one outcome, unless another says that it supersedes it.
func (l ledger) onceEach(t testing.TB) {
	t.Helper()
	first := map[string]string{}
	for id, e := range l {
		if e.Data.Supersedes != "" {
			continue
		}
		order := e.Data.Merchant + "/" + e.Data.OrderID
		if other, twice := first[order]; twice {
			t.Errorf("%s is told as %s and as %s", order, other, id)
		}
		first[order] = id
	}
}

// ledger reads PAYMENTS through the API server, as an operator does.
func (r *restore) ledger() (all ledger) {
	r.t.Helper()
	addr := testserver.FreeAddr(r.t)
	_, port, _ := strings.Cut(addr, ":")
	forward := exec.Command(tool(r.t, "kubectl"), "-n", "settlehook", "port-forward", "statefulset/nats", port+":4222")
	forward.Env = []string{"KUBECONFIG=" + r.kubeconfig, "HOME=" + r.ca.dir}
	if err := forward.Start(); err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = forward.Process.Kill(); _ = forward.Wait() }()
	password := r.follow("kubectl -n settlehook get secret settlehook-nats -o jsonpath='{.data.operator}' | base64 -d")
	var err error
	await(r.t, "the ledger is read", func() bool {
		all, err = readLedger(r.t.Context(), addr, password)
		return err == nil
	}, func() string { return err.Error() })
	return all
}

func readLedger(ctx context.Context, addr, password string) (ledger, error) {
	// Soon again: who should answer may have no leader yet.
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := nats.Connect("nats://"+addr, nats.UserInfo("operator", password), nats.CustomInboxPrefix("_INBOX_operator"),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})) // it may not remove its consumer, which goes by itself
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return nil, err
	}
	s, err := js.Stream(ctx, stream.Payments)
	if err != nil {
		return nil, err
	}
	all, count := ledger{}, s.CachedInfo().State.Msgs
	if count == 0 {
		return all, nil
	}
	consumer, err := s.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{})
	if err != nil {
		return nil, err
	}
	batch, err := consumer.Fetch(int(count), jetstream.FetchMaxWait(4*time.Second))
	if err != nil {
		return nil, err
	}
	read := 0
	for msg := range batch.Messages() {
		var e event
		if err := json.Unmarshal(msg.Data(), &e); err != nil {
			return nil, err
		}
		all[e.ID] = e
		read++
	}
	if read < int(count) {
		return nil, fmt.Errorf("%d of %d messages were read: %w", read, count, batch.Error())
	}
	if len(all) < read {
		return nil, fmt.Errorf("%d messages have the ids of %d events", read, len(all))
	}
	return all, nil
}
