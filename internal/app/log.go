package app

import (
	"fmt"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/settlehook/settlehook/internal/config"
)

// NewLogger returns the program's logger: one wide line per callback and
// decision, on standard error.
func NewLogger(c config.Log, program string) (*zap.Logger, error) {
	conf := zap.NewProductionConfig()
	conf.Level = zap.NewAtomicLevelAt(c.Level.Level())
	conf.Sampling = nil // a dropped line is a callback nobody can find
	conf.EncoderConfig.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	conf.EncoderConfig.EncodeDuration = zapcore.StringDurationEncoder
	conf.DisableStacktrace = true
	conf.DisableCaller = true
	if c.Format == config.LogConsole {
		conf.Encoding = "console"
		conf.EncoderConfig.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05.000")
		conf.EncoderConfig.EncodeLevel = zapcore.CapitalLevelEncoder
	}
	log, err := conf.Build()
	if err != nil {
		return nil, fmt.Errorf("build the logger: %w", err)
	}
	return log.Named(program), nil
}
