package config

import (
	"errors"
	"net"
	"regexp"
	"strconv"
	"time"

	"go.uber.org/zap/zapcore"
)

// General is what every program needs to know about itself.
type General struct {
	// Name of this installation: part of the source of every event, so it must
	// stay the same for the life of the PAYMENTS stream. Letters, digits, _
	// and -, at most 64.
	Installation string `env:"INSTALLATION" required:"give this installation a name of letters, digits, _ and -, for example INSTALLATION=prod"`
	// Longest a graceful stop may take, all its steps together: the
	// receiver lingers for HTTP_LINGER, what is in flight is finished, flush, close. Keep it under the grace period
	// of whatever stops the process (30 s in Kubernetes by default).
	ShutdownTimeout time.Duration `env:"SHUTDOWN_TIMEOUT" envDefault:"25s"`
}

// token is what may become part of a subject, an event source and a metric
// label as it is.
var token = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

func (g *General) check(fs *faults) {
	if g.Installation != "" && !token.MatchString(g.Installation) {
		fs.add(named("INSTALLATION", g.Installation), "use only letters, digits, _ and -, at most 64 of them")
	}
	positive(fs, "SHUTDOWN_TIMEOUT", g.ShutdownTimeout)
}

// LogLevel is the least severe level that is logged.
type LogLevel zapcore.Level

// UnmarshalText reads debug, info, warn or error.
func (l *LogLevel) UnmarshalText(text []byte) error {
	for _, level := range []zapcore.Level{zapcore.DebugLevel, zapcore.InfoLevel, zapcore.WarnLevel, zapcore.ErrorLevel} {
		if string(text) == level.String() {
			*l = LogLevel(level)
			return nil
		}
	}
	return errors.New("is not a level; use debug, info, warn or error")
}

// Level is the level as zap knows it.
func (l LogLevel) Level() zapcore.Level { return zapcore.Level(l) }

func (l LogLevel) String() string { return zapcore.Level(l).String() }

// LogFormat is how a log line is written.
type LogFormat string

// The log formats.
const (
	LogJSON    LogFormat = "json"
	LogConsole LogFormat = "console"
)

// UnmarshalText reads json or console.
func (f *LogFormat) UnmarshalText(text []byte) error {
	switch format := LogFormat(text); format {
	case LogJSON, LogConsole:
		*f = format
		return nil
	}
	return errors.New("is not a format; use json or console")
}

// Log says what is logged, to standard error.
type Log struct {
	// Least severe level that is logged: debug, info, warn or error. Bodies
	// appear at debug only, secrets never.
	Level LogLevel `env:"LOG_LEVEL" envDefault:"info"`
	// json for machines, console for people.
	Format LogFormat `env:"LOG_FORMAT" envDefault:"json"`
}

// Admin is the operator's listener.
type Admin struct {
	// Address of /livez, /readyz and /metrics. Keep it inside the cluster.
	Addr string `env:"ADMIN_ADDR" envDefault:":9090"`
}

func (a *Admin) check(fs *faults) { address(fs, "ADMIN_ADDR", a.Addr) }

func positive(fs *faults, name string, d time.Duration) {
	if d <= 0 {
		fs.add(named(name, formatDuration(d)), "must be longer than zero")
	}
}

func fromOne(fs *faults, name string, n, highest int) {
	if n < 1 || n > highest {
		fs.add(named(name, strconv.Itoa(n)), "must be from 1 to %d", highest)
	}
}

// address accepts host:port with an optional host and a port number, 0 for any
// free one.
func address(fs *faults, name, addr string) {
	_, port, err := net.SplitHostPort(addr)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		fs.add(named(name, addr), `is not an address to listen on; write it like ":8080" or "127.0.0.1:8080"`)
	}
}

// sameAddress refuses two listeners on one port of one host.
func sameAddress(fs *faults, name, addr, otherName, other string) {
	if _, port, err := net.SplitHostPort(addr); err == nil && port != "0" && addr == other {
		fs.add(named(name, addr), "is also %s; give each its own port", otherName)
	}
}
