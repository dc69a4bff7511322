package redisconn

import (
	"context"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
)

// LogTo sends the client library's own lines to log, at debug: it would write
// each failed dial of an absent Redis to standard error, unstructured. The
// library has one logger for the process, so a program sets it once.
func LogTo(log *zap.Logger) { redis.SetLogger(lines{log.Named("redis").Sugar()}) }

type lines struct{ log *zap.SugaredLogger }

// Printf implements the library's logger.
func (l lines) Printf(_ context.Context, format string, v ...any) { l.log.Debugf(format, v...) }
