package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/settlehook/settlehook/internal/contract/contracttest"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/internal/testserver"
	"github.com/settlehook/settlehook/pkg/sign"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"settlehook": func() { os.Exit(guarded()) }})
}

// secret is the key in every script; no output may show it.
const secret = "s3cr3t-never-shown"

// exitLeaked stands for no exit code of ours.
const exitLeaked = 99

// guarded runs the program, and fails it when it shows the secret.
func guarded() int {
	out, err := &guard{to: os.Stdout}, &guard{to: os.Stderr}
	code := run(os.Args[1:], streams{os.Stdin, out, err})
	if out.leaked() || err.leaked() {
		fmt.Fprintln(os.Stderr, "THE SECRET WAS SHOWN")
		return exitLeaked
	}
	return code
}

type guard struct {
	to   io.Writer
	mu   sync.Mutex
	seen bytes.Buffer
}

func (g *guard) Write(b []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.seen.Write(b)
	return g.to.Write(b)
}

func (g *guard) leaked() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return bytes.Contains(g.seen.Bytes(), []byte(secret))
}

// patience bounds every wait for a condition.
const patience = 30 * time.Second

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"), RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error { return prepare(t, env) },
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits": exits, "last": last, "lines": lines, "refused": refused, "await": await, "weaken": weaken, "describe": describe, "emitted": emitted,
			"park": park, "printed": printed, "followed": followed, "quarantine": quarantine, "review": review, "tell": tell, "balance": balance,
		},
	})
}

// prepare gives every script its servers, and files that a script can't hold.
func prepare(t *testing.T, env *testscript.Env) error {
	receiver := httptest.NewServer(http.HandlerFunc(receive))
	env.Defer(receiver.Close)
	env.Setenv("RECEIVER", receiver.URL)
	env.Setenv("SECRET", secret)
	for _, name := range []string{"ADDR1", "ADDR2", "ADDR3", "ADDR4", "ADDR5"} {
		env.Setenv(name, testserver.FreeAddr(t))
	}
	_, port, _ := strings.Cut(env.Getenv("ADDR5"), ":")
	env.Setenv("ANYWHERE5", "0.0.0.0:"+port)
	switch name, _ := strings.CutPrefix(filepath.Base(env.WorkDir), "script-"); name {
	case "setup", "gateway", "cases", "doctor", "finance", "statement", "order", "tail", "console":
		env.Setenv("SERVER", testserver.NATS(t).ClientURL())
	}
	for name, body := range map[string]string{
		"too-large":         `{"a":"` + strings.Repeat("x", 16<<10) + `"}`,
		"too-many-fields":   "a0=1" + manyFields(),
		"bad-utf8":          "{\"remark\":\"\xff\"}",
		"control-character": "{\"remark\":\"\x01\"}",
		"no-newline-key":    secret,
	} {
		if err := os.WriteFile(filepath.Join(env.WorkDir, name), []byte(body), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func manyFields() string {
	var b strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&b, "&b%d=1", i)
	}
	return b.String()
}

// receive answers like a receiver, or like what else may listen there: the
// first segment of the path says which.
func receive(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	kind, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch kind {
	case "page":
		w.WriteHeader(http.StatusBadGateway)
		_, _ = io.WriteString(w, "<html>\n\x1b[31mBad gateway\n</html>\n")
	case "orders":
		answerQuery(w, body)
	case "newline":
		_, _ = io.WriteString(w, "success\n")
	case "redirect":
		http.Redirect(w, r, "/receiver/"+path, http.StatusTemporaryRedirect)
	case "silent":
		<-r.Context().Done()
	default:
		if r.Method != http.MethodPost || path != "callbacks/pay/m1001" || r.Header.Get("Content-Type") != "application/json" || !verified(body) {
			http.Error(w, "no such merchant or flow, or no signature of its", http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, "success")
	}
}

func verified(body []byte) bool {
	ring, err := sign.NewKeyring("", sign.Key{ID: "k", Secret: secret})
	if err != nil {
		return false
	}
	params, err := sign.ParseJSON(body)
	if err != nil {
		return false
	}
	v, err := ring.VerifyCallback(params, sign.Policy{})
	return err == nil && len(v.Dialects) == 0
}

// exits runs a command and holds it to its exit code:
//
//	exits 2 settlehook verify
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		code = exit.ExitCode()
	}
	if code != want {
		ts.Fatalf("exit code %d, want %d", code, want)
	}
}

// said is what the last command wrote to stdout or stderr, in lines.
func said(ts *testscript.TestScript, stream string) []string {
	text := ts.ReadFile(stream)
	if text == "" {
		return nil
	}
	if !strings.HasSuffix(text, "\n") {
		ts.Fatalf("%s does not end with a line break", stream)
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// last holds the last line to a text:
//
//	last stdout 'accepted'
func last(ts *testscript.TestScript, _ bool, args []string) {
	all := said(ts, args[0])
	if len(all) == 0 || all[len(all)-1] != args[1] {
		ts.Fatalf("last line is not %q", args[1])
	}
}

// lines holds the number of lines:
//
//	lines stderr 1
func lines(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	if got := len(said(ts, args[0])); got != want {
		ts.Fatalf("%d lines, want %d", got, want)
	}
}

// refused verifies a body and holds the last line to a refusal of this reason:
//
//	refused bad-json body.json
func refused(ts *testscript.TestScript, _ bool, args []string) {
	body, err := os.Open(ts.MkAbs(args[1]))
	ts.Check(err)
	defer func() { _ = body.Close() }()
	var out, stderr bytes.Buffer
	code := run([]string{"verify", "--key", secret}, streams{body, &out, &stderr})
	all := strings.Split(out.String(), "\n")
	if code != 1 || stderr.Len() > 0 || len(all) < 2 || all[len(all)-1] != "" {
		ts.Fatalf("exit code %d, stdout %q, stderr %q", code, out.String(), stderr.String())
	}
	verdict := all[len(all)-2]
	why, ok := strings.CutPrefix(verdict, "refused: "+args[0]+": ")
	if !ok || why == "" || strings.Contains(out.String(), secret) {
		ts.Fatalf("last line is %q, not refused because of %s", verdict, args[0])
	}
}

// await returns once a URL answers 200.
func await(ts *testscript.TestScript, _ bool, args []string) {
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for time.Now().Before(deadline) {
		res, err := http.Get(args[0])
		if err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return
			}
		}
		<-tick.C
	}
	ts.Fatalf("%s does not answer", args[0])
}

func connect(ts *testscript.TestScript) jetstream.JetStream {
	nc, err := nats.Connect(ts.Getenv("SERVER"))
	ts.Check(err)
	ts.Defer(nc.Close)
	js, err := jetstream.New(nc)
	ts.Check(err)
	return js
}

// emitted waits until a NATS holds an event, and holds all that it has to their
// schemas.
//
//	emitted nats://127.0.0.1:4222
func emitted(ts *testscript.TestScript, _ bool, args []string) {
	nc, err := nats.Connect(args[0])
	ts.Check(err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		read, err := contracttest.Streams(ctx, js)
		ts.Check(err)
		if read > 0 {
			return
		}
		<-tick.C
	}
}

// weaken breaks a guarantee of a stream: mended by a set-up, or not.
//
//	weaken PAYMENTS max_age
func weaken(ts *testscript.TestScript, _ bool, args []string) {
	js := connect(ts)
	ctx, cancel := testContext()
	defer cancel()
	s, err := js.Stream(ctx, args[0])
	ts.Check(err)
	c := s.CachedInfo().Config
	switch args[1] {
	case "max_age":
		c.MaxAge = time.Hour
		_, err = js.UpdateStream(ctx, c)
	case "storage":
		ts.Check(js.DeleteStream(ctx, args[0]))
		c.Storage = jetstream.MemoryStorage
		_, err = js.CreateStream(ctx, c)
	case "lost": // while there are orders
		_, err = js.Publish(ctx, "orders.v1.submitted.collect.m1001.A1", nil)
		ts.Check(err)
		err = js.DeleteStream(ctx, args[0])
	default:
		ts.Fatalf("unknown weakness %s", args[1])
	}
	ts.Check(err)
}

// describe writes what is set up to a file, to compare.
func describe(ts *testscript.TestScript, _ bool, args []string) {
	js := connect(ts)
	ctx, cancel := testContext()
	defer cancel()
	var text strings.Builder
	names := js.StreamNames(ctx)
	var found []string
	for name := range names.Name() {
		found = append(found, name)
	}
	ts.Check(names.Err())
	for _, name := range found {
		s, err := js.Stream(ctx, name)
		ts.Check(err)
		fmt.Fprintf(&text, "%s %s %+v\n", name, s.CachedInfo().Created.UTC(), s.CachedInfo().Config)
	}
	consumers, err := js.Stream(ctx, stream.Callbacks)
	ts.Check(err)
	list := consumers.ConsumerNames(ctx)
	for name := range list.Name() {
		fmt.Fprintln(&text, "consumer", name)
	}
	ts.Check(list.Err())
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text.String()), 0o600))
}

func testContext() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), patience)
}
