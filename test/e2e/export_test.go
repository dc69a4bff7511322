package e2e

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/sandbox"
	"github.com/settlehook/settlehook/internal/sandbox/shop"
	"github.com/settlehook/settlehook/internal/up"
	"github.com/settlehook/settlehook/pkg/orders"
)

// TestExportIsTheGatewaysBooks makes EXPORT_ORDERS orders (2,000 by default) at two
// gateways, through receiver and worker; then each format of the export, added up
// by the test's own arithmetic, comes to what the gateways' bills come to. Every
// order has one event. EXPORT_KEEP names a folder to keep the files in, for another
// program to add up.
func TestExportIsTheGatewaysBooks(t *testing.T) {
	count := 2_000
	if text := os.Getenv("EXPORT_ORDERS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 2 {
			t.Fatalf("EXPORT_ORDERS=%q must be a number, 2 or more", text)
		}
		count = n
	}
	mischief := sandbox.Rates{
		sandbox.Failure: 0.05, sandbox.PushForm: 0.10, sandbox.PushNumbers: 0.15, sandbox.PushDuplicate: 0.02, sandbox.PushForged: 0.01,
	}
	room := []string{"CALLBACKS_MAX_BYTES=8GiB", "PAYMENTS_MAX_BYTES=8GiB", "ORDERS_MAX_BYTES=4GiB", "TRAIL_MAX_BYTES=4GiB", "LOG_LEVEL=warn"}
	w := newWorldAt(t, timeScale, mischief, 1, room...)
	from := time.Now()
	const atOnce = 20_000 // so that neither the pushes nor the callbacks pile up
	for made := 0; made < count; made += atOnce {
		w.sell(fmt.Sprint(made), min(atOnce, count-made)/2)
		w.await("all callbacks decided", func() bool { return w.drained(alice) && w.drained(bob) })
	}
	books := w.billed()

	folder := os.Getenv("EXPORT_KEEP")
	if folder == "" {
		folder = t.TempDir()
	}
	days := []string{from.AddDate(0, 0, -1).Format(time.DateOnly), time.Now().AddDate(0, 0, 1).Format(time.DateOnly)}
	for format, read := range map[string]func(io.Reader) (sums, error){"csv": readCSV, "jsonl": readJSONL, "xlsx": nil} {
		path := filepath.Join(folder, "export."+format)
		began := time.Now()
		memory := w.export("--from", days[0], "--to", days[1], "--format", format, "--out", path)
		t.Logf("%s: %d orders in %s with %d MiB at most", format, count, time.Since(began).Round(time.Millisecond), memory>>20)
		if read == nil {
			continue // internal/export reads its workbooks
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := read(f)
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			t.Fatalf("%s: %v", format, err)
		}
		got.hold(t, format, books)
	}
	t.Logf("the gateways' books: %s", books)
}

// sell makes orders of each merchant, and waits until their gateways have pushed.
func (w *world) sell(run string, perMerchant int) {
	w.t.Helper()
	var all sync.WaitGroup
	for id, g := range w.gateways {
		s, err := up.NewShop(up.Shop{
			Gateway: g, Merchants: []*config.Merchant{w.merchant(id)}, Notify: "http://" + w.receiver.http,
			Installation: installation, Orders: orders.NewBook(w.js, 5*time.Second), Timeout: 2 * time.Second, Seed: 7, Run: id + run, Log: zap.NewNop(),
		})
		if err != nil {
			w.t.Fatal(err)
		}
		all.Go(func() {
			report, err := s.Run(w.t.Context(), shop.Traffic{Total: perMerchant, Creators: 16})
			if err == nil && report.Created != perMerchant {
				err = fmt.Errorf("%d orders created, %d refused", report.Created, report.Refused)
			}
			if err == nil {
				err = g.WaitIdle(w.t.Context())
			}
			if err != nil {
				w.t.Errorf("%s: %v", id, err)
			}
		})
	}
	all.Wait()
}

// sums are what the events of a merchant, a flow and an outcome come to.
type sums map[string]*total

type total struct {
	count      int
	gross, fee big.Rat
}

func (s sums) add(merchant, flow, outcome, gross, fee string) error {
	key := merchant + " " + flow + " " + outcome
	if s[key] == nil {
		s[key] = &total{}
	}
	s[key].count++
	for sum, text := range map[*big.Rat]string{&s[key].gross: gross, &s[key].fee: fee} {
		n, ok := new(big.Rat).SetString(text)
		if !ok {
			return fmt.Errorf("%s: %q is no number", key, text)
		}
		sum.Add(sum, n)
	}
	return nil
}

// told adds a line of an export: one without a direction names the amount that did
// not move.
func (s sums) told(merchant, flow, outcome, direction, amount, fee string) error {
	if direction == "none" {
		amount, fee = "0", "0"
	}
	return s.add(merchant, flow, outcome, amount, fee)
}

func (t *total) String() string {
	return fmt.Sprintf("%d of %s, fees %s", t.count, t.gross.FloatString(4), t.fee.FloatString(4))
}

func (s sums) String() string {
	var all []string
	for _, key := range slices.Sorted(maps.Keys(s)) {
		all = append(all, key+": "+s[key].String())
	}
	return strings.Join(all, "; ")
}

func (s sums) hold(t *testing.T, what string, books sums) {
	t.Helper()
	if s.String() != books.String() {
		t.Errorf("%s comes to\n%s, the gateways' books to\n%s", what, s, books)
	}
}

// billed adds the gateways' bills up.
func (w *world) billed() sums {
	w.t.Helper()
	s := sums{}
	for id, g := range w.gateways {
		lines, err := g.Bill(id, time.Time{}, time.Time{})
		if err != nil {
			w.t.Fatal(err)
		}
		for _, l := range lines {
			outcome := map[string]string{"success": "settled", "failed": "failed"}[l.Status]
			if err := s.add(id, string(l.Flow), outcome, l.Amount.String(), l.Fee.String()); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	return s
}

// export runs the command, and returns the most memory that it was seen with.
func (w *world) export(args ...string) (bytes int64) {
	w.t.Helper()
	cmd := exec.CommandContext(w.t.Context(), filepath.Join(binaries, "settlehook"), append([]string{"export"}, args...)...)
	for name, value := range w.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			if err != nil {
				w.t.Fatalf("settlehook export: %v\n%s", err, said.String())
			}
			return bytes
		case <-tick.C:
			bytes = max(bytes, mostMemory(cmd.Process.Pid))
		}
	}
}

// mostMemory is the most that a process had so far, 0 where the system does not
// say. What wait tells counts what its parent had when it was started.
func mostMemory(pid int) (bytes int64) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kib); n == 1 {
			return kib << 10
		}
	}
	return 0
}

func readCSV(from io.Reader) (sums, error) {
	rows, s := csv.NewReader(from), sums{}
	header, err := rows.Read()
	if err != nil {
		return nil, err
	}
	header = slices.Clone(header)
	rows.ReuseRecord = true
	at := func(row []string, column string) string { return row[slices.Index(header, column)] }
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return s, nil
		}
		if err == nil {
			err = s.told(at(row, "merchant"), at(row, "flow"), at(row, "outcome"), at(row, "direction"), at(row, "amount"), at(row, "fee"))
		}
		if err != nil {
			return nil, err
		}
	}
}

func readJSONL(from io.Reader) (sums, error) {
	lines, s := json.NewDecoder(from), sums{}
	for {
		var line struct{ Merchant, Flow, Outcome, Direction, Amount, Fee string }
		err := lines.Decode(&line)
		if errors.Is(err, io.EOF) {
			return s, nil
		}
		if err == nil {
			err = s.told(line.Merchant, line.Flow, line.Outcome, line.Direction, line.Amount, line.Fee)
		}
		if err != nil {
			return nil, err
		}
	}
}
