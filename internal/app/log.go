package app

import (
	"io"
	"os"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/settlehook/settlehook/internal/config"
)

// logDelay is the longest that a line of a busy program's log waits to be written
// with others: at high rates one write for each was a tenth of what a callback
// costs. What is a warning, or worse, waits for nothing. Lines that wait are lost
// with a process that is killed; what they tell of is in the streams.
const logDelay = 100 * time.Millisecond

// NewLogger returns a program's logger, on standard error.
func NewLogger(c config.Log, program string) *zap.Logger {
	return newLogger(c, program, plainOutput(os.Stderr))
}

// newBusyLogger returns the logger of a program that writes one wide line per
// callback or decision. end writes what waits.
func newBusyLogger(c config.Log, program string, to io.Writer) (log *zap.Logger, end func()) {
	if c.Format == config.LogConsole { // somebody looks on
		return newLogger(c, program, plainOutput(to)), func() {}
	}
	waiting := &zapcore.BufferedWriteSyncer{WS: plainOutput(to), FlushInterval: logDelay}
	log = newLogger(c, program, waiting).WithOptions(zap.Hooks(func(e zapcore.Entry) error {
		if e.Level < zapcore.WarnLevel {
			return nil
		}
		return waiting.Sync()
	}))
	return log, func() { _ = waiting.Stop() }
}

// plainOutput has no Sync: no line is worth an fsync.
func plainOutput(to io.Writer) zapcore.WriteSyncer {
	return zapcore.Lock(zapcore.AddSync(struct{ io.Writer }{to}))
}

// newLogger has no sampling: a dropped line is a callback nobody can find.
func newLogger(c config.Log, program string, to zapcore.WriteSyncer) *zap.Logger {
	enc := zap.NewProductionEncoderConfig()
	enc.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	enc.EncodeDuration = zapcore.StringDurationEncoder
	form := zapcore.NewJSONEncoder
	if c.Format == config.LogConsole {
		enc.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05.000")
		enc.EncodeLevel = zapcore.CapitalLevelEncoder
		form = zapcore.NewConsoleEncoder
	}
	core := zapcore.NewCore(form(enc), to, c.Level.Level())
	return zap.New(core, zap.ErrorOutput(plainOutput(os.Stderr))).Named(program)
}
