package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"go.uber.org/zap"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/plain"
	"github.com/settlehook/settlehook/internal/redisconn"
	"github.com/settlehook/settlehook/internal/stream"
)

// Exit codes of the programs.
const (
	ExitOK       = 0
	ExitFailed   = 1 // it ran, and ended with an error
	ExitUsage    = 2 // the configuration is wrong: mend it and start again
	exitAtOnce   = 130
	signalsToEnd = 2
)

// Main is the life of a program: read its configuration, run it until SIGINT or
// SIGTERM, and stop it gracefully; a second signal ends it at once. It returns
// the exit code.
func Main[C any](program string, load func(map[string]string) (C, error), logConfig func(C) config.Log,
	run func(context.Context, C, Options) error,
) int {
	if len(os.Args) > 1 {
		_, _ = fmt.Fprintf(os.Stderr, "%s takes no arguments: it is configured by environment variables, see docs/configuration.md\n", program)
		return ExitUsage
	}
	cfg, err := load(Environ())
	if err != nil {
		PrintError(os.Stderr, program, err)
		return ExitUsage
	}
	log, end := newBusyLogger(logConfig(cfg), program, os.Stderr)
	defer end()
	redisconn.LogTo(log)
	ctx, cancel := Signals(context.Background())
	defer cancel()
	err = run(ctx, cfg, Options{Logger: log})
	switch {
	case err == nil, ctx.Err() != nil && errors.Is(err, context.Canceled): // the latter: stopped while it started
		log.Info("ended")
		return ExitOK
	case len(config.Faults(err)) > 0: // of the merchants file
		PrintError(os.Stderr, program, err)
		return ExitUsage
	case errors.As(err, new(*stream.TopologyError)): // one line for each
		PrintError(os.Stderr, program, err)
		return ExitFailed
	default:
		log.Error("ended with an error", zap.Error(err))
		return ExitFailed
	}
}

// PrintError writes an error for a person: one line for each thing that is
// wrong, and every line says which program speaks.
func PrintError(w io.Writer, program string, err error) {
	for line := range strings.SplitSeq(strings.TrimSpace(err.Error()), "\n") {
		_, _ = fmt.Fprintf(w, "%s: %s\n", program, plain.Line(line))
	}
}

// Signals returns a context that ends with the first SIGINT or SIGTERM. The
// second ends the process at once: whoever sends it has waited enough, and
// every step is safe to cut.
func Signals(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(parent)
	got := make(chan os.Signal, signalsToEnd)
	signal.Notify(got, os.Interrupt, syscall.SIGTERM)
	released := make(chan struct{})
	go func() {
		select {
		case <-got:
			cancel()
		case <-released:
			return
		}
		select {
		case <-got:
			os.Exit(exitAtOnce)
		case <-released:
		}
	}()
	return ctx, sync.OnceFunc(func() { signal.Stop(got); close(released); cancel() })
}

// Environ is the process's environment as the configuration takes it.
func Environ() map[string]string {
	env := map[string]string{}
	for _, pair := range os.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		env[name] = value
	}
	return env
}
