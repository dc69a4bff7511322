package export_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/export"
	"github.com/settlehook/settlehook/internal/finance"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/internal/testserver"
	"github.com/settlehook/settlehook/pkg/events"
)

// BenchmarkExport exports a ledger of EXPORT_EVENTS events (100,000 by default) in
// each format, and holds its totals to what was put in. EXPORT_KEEP names a folder
// to keep the files in, for another program to add up.
func BenchmarkExport(b *testing.B) {
	count := 100_000
	if text := os.Getenv("EXPORT_EVENTS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			b.Fatal(err)
		}
		count = n
	}
	js, want := filled(b, count)
	for _, f := range []export.Format{export.CSV, export.JSONL, export.XLSX} {
		b.Run(string(f), func(b *testing.B) {
			var most uint64
			for b.Loop() {
				most = max(most, exported(b, js, f, count, want))
			}
			b.ReportMetric(float64(count)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric(float64(most)/(1<<20), "MiB-in-use")
		})
	}
}

// exported exports everything, and returns the most memory in use meanwhile.
func exported(b *testing.B, js jetstream.JetStream, f export.Format, count int, want finance.Sum) (most uint64) {
	b.Helper()
	out := io.Discard
	if folder := os.Getenv("EXPORT_KEEP"); folder != "" {
		file, err := os.Create(filepath.Join(folder, "export."+string(f)))
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = file.Close() }()
		out = file
	}
	w, err := export.NewWriter(f, out, finance.CurrentLayout)
	if err != nil {
		b.Fatal(err)
	}
	var totals finance.Totals
	lines := 0
	err = export.Read(b.Context(), js, export.Selection{Dates: day(b)}, export.Progress{}, func(l finance.Line) error {
		if lines++; lines%50_000 == 0 {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapInuse)
		}
		totals.Add(l)
		return w.Line(l)
	})
	if closeErr := w.Close(totals.List()); err == nil {
		err = closeErr
	}
	if err != nil {
		b.Fatal(err)
	}
	gross := finance.Sum{}
	for _, t := range totals.List() {
		gross = gross.Plus(t.Gross)
	}
	if totals.Count() != count || !gross.Equal(want) {
		b.Fatalf("%d events of %s, want %d of %s", totals.Count(), gross, count, want)
	}
	return most
}

func day(b *testing.B) finance.Period {
	b.Helper()
	p, err := finance.Between("2026-11-05", "")
	if err != nil {
		b.Fatal(err)
	}
	return p
}

// filled is a ledger of settled collections, and what they come to. The server is a
// process: what it holds in memory is not ours.
func filled(b *testing.B, count int) (jetstream.JetStream, finance.Sum) {
	b.Helper()
	nc, err := nats.Connect("nats://" + testserver.NATSProcess(b).Addr)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(nc.Close)
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(4096))
	if err != nil {
		b.Fatal(err)
	}
	const mib = config.Bytes(1 << 20)
	err = stream.Setup(b.Context(), js, config.Topology{
		Replicas: 1, CallbacksMaxBytes: mib, CallbacksMaxAge: time.Hour, PaymentsMaxBytes: 8 << 30, PaymentsMaxAge: 400 * 24 * time.Hour,
		OrdersMaxBytes: mib, TrailMaxBytes: mib, TrailMaxAge: time.Hour, ParkedMaxBytes: mib, ParkedMaxAge: time.Hour,
		QuarantineMaxBytes: mib, QuarantineMaxAge: time.Hour, QuarantineMaxPerSubject: 3, BalancesMaxBytes: mib, ClosingsMaxBytes: mib,
	})
	if err != nil {
		b.Fatal(err)
	}
	at, want := time.Date(2026, 11, 5, 12, 0, 0, 0, time.UTC), finance.Sum{}
	for i := range count {
		p := events.Payment{
			Reason: "confirmed", Via: events.ViaCallback, Match: events.TwoWay, Flow: events.FlowCollect, Merchant: "m" + strconv.Itoa(i%3), Account: "8801",
			OrderID: fmt.Sprintf("%018d", i), PlatOrderID: fmt.Sprintf("P%d", i), Amount: events.MustParseAmount(fmt.Sprintf("%d.%02d", 1+i%99_991, i%100)),
			Fee: events.MustParseAmount("0.07"), Currency: "INR", BookingDate: "2026-11-05", LiveMode: true, UTR: fmt.Sprintf("%012d", i), Remark: "=cmd()",
		}
		_, p.Net = events.Net(events.OutcomeSettled, p.Flow, events.PayFeeUnknown, p.Amount, p.Fee)
		want = want.Plus(finance.SumOf(p.Amount))
		e, err := events.New("bench", at, events.Settled{Payment: p})
		if err != nil {
			b.Fatal(err)
		}
		body, err := json.Marshal(e)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := js.PublishAsync(e.NATSSubject(), body); err != nil {
			b.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(b.Context(), 10*time.Minute)
	defer cancel()
	select {
	case <-js.PublishAsyncComplete():
	case <-ctx.Done():
		b.Fatal(ctx.Err())
	}
	return js, want
}
