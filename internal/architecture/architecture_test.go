// Package architecture_test holds the arrows of the design ("Layout"): who may
// import whom, and who alone may do what. Every ban says why it is there.
package architecture_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	pathpkg "path"
	"slices"
	"strings"
	"testing"
)

// ban is a rule about imports.
type ban struct {
	from   string // folder
	name   string
	banned func(path string) bool
	why    string
}

// pure are the packages without I/O.
var pure = []string{"pkg/sign", "pkg/events", "pkg/region", "internal/callback", "internal/finance", "internal/reconcile"}

// doesIO reports whether a package talks to the world: network, files,
// processes, servers, logs, spans. It is asked about direct imports of ours and of
// whatever third party we import, not about what the standard library imports
// in turn: fmt imports os for Stdout, embed imports io/fs for its types, and
// both do nothing there unless they are told to. database/sql/driver, which
// the decimal package implements, is interfaces only.
func doesIO(path string) bool {
	for _, folder := range []string{
		"net", "os", "io/fs", "io/ioutil", "path/filepath", "log", "syscall", "crypto/tls", "plugin", "runtime/debug",
		"golang.org/x/sys", "golang.org/x/net",
		"github.com/nats-io", "github.com/redis", "github.com/alicebob", "github.com/prometheus",
		"github.com/fsnotify", "github.com/caarlos0", "go.uber.org/zap", "go.opentelemetry.io",
	} {
		if under(path, folder) && path != "net/url" { // text only: form parsing needs it
			return true
		}
	}
	return path == "database/sql"
}

// servers are what only the all-in-one links: 12 MB, and a NATS or Redis of
// one's own where a real one was meant.
func servers(path string) bool {
	return under(path, "github.com/nats-io/nats-server") || under(path, "github.com/alicebob/miniredis") ||
		under(short(path), "internal/embedded") || under(short(path), "internal/sandbox")
}

// helpers are packages for tests and tools.
func helpers(path string) bool {
	p := short(path)
	return strings.HasSuffix(p, "test") && p != path || under(p, "internal/testserver") || under(p, "internal/contract") || path == "testing"
}

func bans() []ban {
	all := []ban{
		{
			"pkg", "pkg imports internal", func(path string) bool { return under(short(path), "internal") },
			"other services import pkg: what is internal must be free to change, and must not be linked into them",
		},
		{
			"cmd/receiver", "the receiver links a server", servers,
			"the receiver runs against the installation's NATS, never one of its own",
		},
		{
			"cmd/worker", "the worker links a server", servers,
			"the worker runs against the installation's NATS and Redis, never ones of its own",
		},
	}
	for _, folder := range pure {
		all = append(all, ban{
			folder, "I/O under " + folder, doesIO,
			"it must give the same answer for the same input, in tests, sweeps and replays: I/O belongs into an adapter",
		})
	}
	for _, folder := range []string{"cmd", "pkg"} {
		all = append(all, ban{folder, "test code under " + folder, helpers, "what helps tests must not ship"})
	}
	return all
}

// broken returns what breaks a ban.
func (b ban) broken(g graph) []string {
	var ways []string
	for _, p := range g.ours(b.from) {
		if helpers(module + p) {
			continue // what tests are made of may do what tests do
		}
		if way := g.find(p, b.banned); way != "" {
			ways = append(ways, way+"\n\tbanned: "+b.why)
		}
	}
	return ways
}

func TestBans(t *testing.T) {
	g := load(t)
	for _, b := range bans() {
		t.Run(b.name, func(t *testing.T) {
			if len(g.ours(b.from)) == 0 {
				t.Fatalf("there is no package under %s: nothing was tested", b.from)
			}
			for _, way := range b.broken(g) {
				t.Error(way)
			}
		})
	}
}

// TestBansBite shows each ban an import that breaks it, direct or through
// others, and the same import out of its reach.
func TestBansBite(t *testing.T) {
	for _, test := range []struct {
		name    string
		imports map[string][]string // "std:" marks a package of the standard library
		ban     string
		want    string // the way; "" if nothing is broken
	}{
		{"direct", map[string][]string{"+pkg/gateway": {"+internal/config"}}, "pkg imports internal", "pkg/gateway → internal/config"},
		{"through pkg", map[string][]string{"+pkg/a": {"+pkg/b"}, "+pkg/b": {"+internal/c"}}, "pkg imports internal", "pkg/a → pkg/b → internal/c"},
		{"the other way", map[string][]string{"+internal/config": {"+pkg/sign"}, "+pkg/sign": nil}, "pkg imports internal", ""},
		{"server", map[string][]string{"+cmd/worker": {"+internal/app"}, "+internal/app": {"+internal/up"}, "+internal/up": {"github.com/nats-io/nats-server/v2/server"}}, "the worker links a server", "cmd/worker → internal/app → internal/up → github.com/nats-io/nats-server/v2/server"},
		{"server", map[string][]string{"+cmd/receiver": {"x"}, "x": {"github.com/alicebob/miniredis/v2"}}, "the receiver links a server", "cmd/receiver → x → github.com/alicebob/miniredis/v2"},
		{"sandbox", map[string][]string{"+cmd/worker": {"+internal/sandbox"}}, "the worker links a server", "cmd/worker → internal/sandbox"},
		{"client", map[string][]string{"+cmd/worker": {"github.com/nats-io/nats.go"}}, "the worker links a server", ""},
		{"a consumer's library", map[string][]string{"+pkg/events": {"+pkg/subscribe"}, "+pkg/subscribe": {"github.com/nats-io/nats.go/jetstream"}}, "I/O under pkg/events", "pkg/events → pkg/subscribe → github.com/nats-io/nats.go/jetstream"},
		{"files", map[string][]string{"+pkg/sign": {"os"}}, "I/O under pkg/sign", "pkg/sign → os"},
		{"network", map[string][]string{"+pkg/events": {"net/http"}}, "I/O under pkg/events", "pkg/events → net/http"},
		{"urls", map[string][]string{"+pkg/events": {"net/url"}}, "I/O under pkg/events", ""},
		{"logs", map[string][]string{"+internal/callback": {"go.uber.org/zap"}}, "I/O under internal/callback", "internal/callback → go.uber.org/zap"},
		{"spans", map[string][]string{"+internal/reconcile": {"go.opentelemetry.io/otel/trace"}}, "I/O under internal/reconcile", "internal/reconcile → go.opentelemetry.io/otel/trace"},
		{"adapter", map[string][]string{"+internal/reconcile": {"+internal/dedupe"}, "+internal/dedupe": {"github.com/redis/go-redis/v9"}}, "I/O under internal/reconcile", "internal/reconcile → internal/dedupe → github.com/redis/go-redis/v9"},
		{"third party", map[string][]string{"+internal/reconcile": {"x"}, "x": {"os/exec"}}, "I/O under internal/reconcile", "internal/reconcile → x → os/exec"},
		{"the standard library's own", map[string][]string{"+internal/reconcile": {"std:fmt"}, "std:fmt": {"os"}}, "I/O under internal/reconcile", ""},
		{"its tests' fakes", map[string][]string{"+internal/reconcile/reconciletest": {"os"}}, "I/O under internal/reconcile", ""},
		{"test code", map[string][]string{"+cmd/worker": {"+internal/reconcile/reconciletest"}}, "test code under cmd", "cmd/worker → internal/reconcile/reconciletest"},
		{"documents", map[string][]string{"+cmd/settlehook": {"+internal/contract"}}, "test code under cmd", "cmd/settlehook → internal/contract"},
		{"testing", map[string][]string{"+pkg/gateway": {"testing"}}, "test code under pkg", "pkg/gateway → testing"},
	} {
		t.Run(test.name+" "+test.ban, func(t *testing.T) {
			g := made(test.imports)
			i := slices.IndexFunc(bans(), func(b ban) bool { return b.name == test.ban })
			got := strings.Join(bans()[i].broken(g), "; ")
			way, why, _ := strings.Cut(got, "\n\tbanned: ")
			if way, _, _ = strings.Cut(way, ";"); way != test.want || (why == "") != (test.want == "") {
				t.Errorf("got %q, want %q with its reason", got, test.want)
			}
		})
	}
}

// made is a graph of few packages: "+" stands for ours.
func made(imports map[string][]string) graph {
	name := func(s string) (path string, standard bool) {
		s, standard = strings.CutPrefix(s, "std:")
		if p, ours := strings.CutPrefix(s, "+"); ours {
			return module + p, false
		}
		return s, standard
	}
	g := graph{}
	for from, to := range imports {
		path, standard := name(from)
		n := node{ImportPath: path, Standard: standard}
		for _, s := range to {
			p, _ := name(s)
			n.Imports = append(n.Imports, p)
		}
		g[path] = n
	}
	return g
}

// levels are the arrows cmd → app → adapters → reconcile → pkg, from the bottom:
// a package imports its own level and those below.
var levels = [][]string{
	{"pkg"},
	{"examples"}, // what a downstream service would write
	{"internal/callback", "internal/plain"},
	{"internal/finance", "internal/reconcile"},
	{
		"internal/cases", "internal/config", "internal/dedupe", "internal/embedded", "internal/export", "internal/natsmon", "internal/orderapi", "internal/receiver",
		"internal/redisconn", "internal/sandbox", "internal/statement", "internal/story", "internal/stream", "internal/sweep", "internal/tail", "internal/tlsfiles", "internal/tracing",
	},
	{"internal/app", "internal/console", "internal/doctor", "internal/keda", "internal/operator"},
	{"internal/up"}, // the all-in-one: app and the servers it brings
	{"cmd"},
}

// apart are packages that no program is made of.
var apart = []string{"internal/architecture", "internal/contract", "internal/testserver", "internal/config/docgen", "deploy", "docs", "test"}

func levelOf(path string) int {
	return slices.IndexFunc(levels, func(folders []string) bool {
		return slices.ContainsFunc(folders, func(f string) bool { return under(path, f) })
	})
}

// upward returns the imports that go against the arrows, and the packages that
// have no place.
func upward(g graph) []string {
	var wrong []string
	for _, from := range g.ours("") {
		if helpers(module+from) || slices.ContainsFunc(apart, func(f string) bool { return under(from, f) }) {
			continue
		}
		if levelOf(from) < 0 {
			wrong = append(wrong, from+" has no place among the levels: give it one, so that its arrows are held")
			continue
		}
		for _, to := range g[module+from].Imports {
			if to := short(to); levelOf(to) > levelOf(from) {
				wrong = append(wrong, from+" → "+to+" goes against cmd → app → adapters → reconcile → pkg: "+
					"what is below must not know who uses it, or it can't be tested and replaced alone")
			}
		}
	}
	return wrong
}

func TestArrows(t *testing.T) {
	g := load(t)
	if len(g.ours("")) < 10 {
		t.Fatalf("found only %v", g.ours(""))
	}
	for _, wrong := range upward(g) {
		t.Error(wrong)
	}
}

func TestArrowsBite(t *testing.T) {
	for _, test := range []struct {
		from, to string
		wrong    bool
	}{
		{"+cmd/worker", "+internal/app", false},
		{"+internal/app", "+internal/stream", false},
		{"+internal/stream", "+internal/reconcile", false},
		{"+internal/receiver", "+internal/stream", false},
		{"+internal/reconcile", "+pkg/events", false},
		{"+internal/reconcile", "+internal/stream", true},
		{"+internal/callback", "+internal/reconcile", true},
		{"+internal/stream", "+internal/app", true},
		{"+internal/app", "+cmd/worker", true},
		{"+internal/app", "+internal/up", true},
		{"+pkg/events", "+internal/callback", true},
		{"+examples/subscriber", "+pkg/events", false},
		{"+examples/subscriber", "+pkg/subscribe", false},
		{"+pkg/subscribe", "+internal/stream", true},
		{"+examples/subscriber", "+internal/stream", true},
		{"+internal/nowhere", "+pkg/events", true},
		{"+internal/reconcile/reconciletest", "+internal/dedupe", false},
	} {
		if got := upward(made(map[string][]string{test.from: {test.to}})); (len(got) == 1) != test.wrong || len(got) > 1 {
			t.Errorf("%s → %s: %v, wrong is %v", test.from, test.to, got, test.wrong)
		}
	}
}

// acknowledgements are the calls that end or delay a message at the server.
func acknowledgements(s *ast.SelectorExpr) bool {
	switch s.Sel.Name {
	case "Ack", "AckSync", "DoubleAck", "Nak", "NakWithDelay", "Term", "TermWithReason", "InProgress":
		return true
	default:
		return false
	}
}

// acknowledger is the one file that tells the server what became of a callback.
const acknowledger = "internal/stream/acknowledge.go"

func TestOnePlaceAcknowledges(t *testing.T) {
	there := 0
	for _, folder := range []string{"internal", "cmd"} {
		sources(t, folder, func(path string, fset *token.FileSet, file *ast.File) {
			found := calls(fset, file, acknowledgements)
			if path == acknowledger {
				there += len(found)
				return
			}
			for _, call := range found {
				t.Errorf("%s: only %s may: an acknowledgement anywhere else can lose a callback before its event is stored", call, acknowledger)
			}
		})
	}
	if there == 0 {
		t.Errorf("%s acknowledges nothing: nothing was tested", acknowledger)
	}
}

// clocks are the calls that take the time from the machine, or wait for it.
func clocks(s *ast.SelectorExpr) bool {
	x, ok := s.X.(*ast.Ident)
	if !ok {
		return false
	}
	switch s.Sel.Name {
	case "Now", "Since", "Until", "Sleep", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick":
		return x.Name == "time"
	default:
		return x.Name == "rand"
	}
}

// TestPureTakesNoTime: time and randomness come in, or the same input would not
// give the same answer.
func TestPureTakesNoTime(t *testing.T) {
	for _, folder := range pure {
		sources(t, folder, func(path string, fset *token.FileSet, file *ast.File) {
			if helpers(module + pathpkg.Dir(path)) {
				return
			}
			for _, call := range calls(fset, file, clocks) {
				t.Errorf("%s: under %s time comes through a clock and randomness through a seed, so that tests and replays are exact", call, folder)
			}
		})
	}
}

func TestCallsAreFound(t *testing.T) {
	const source = `package p
func f(m jetstream.Msg) error {
	defer m.InProgress()
	go func() { _ = m.NakWithDelay(time.Second) }()
	settle := m.Term
	_ = time.Now()
	_ = rand.IntN(3)
	ack(m); log.Now(); d.After()
	return m.DoubleAck(ctx)
}`
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "p.go", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		matches func(*ast.SelectorExpr) bool
		want    string
	}{
		"acknowledgements": {acknowledgements, "p.go:3: InProgress, p.go:4: NakWithDelay, p.go:5: Term, p.go:9: DoubleAck"},
		"clocks":           {clocks, "p.go:6: Now, p.go:7: IntN"},
	} {
		if got := strings.Join(calls(fset, file, test.matches), ", "); got != test.want {
			t.Errorf("%s: found %s, want %s", name, got, test.want)
		}
	}
}
