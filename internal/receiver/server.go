package receiver

import (
	"bytes"
	"log"
	"net/http"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/settlehook/settlehook/internal/config"
)

// maxHeader bounds the request line and headers, in bytes; net/http allows 4
// KiB on top. A path of 5,000 bytes still gets our own 404.
const maxHeader = 8 << 10

// NewServer returns a server for h that speaks HTTP/1.1 with every time-out
// set. Serve it on a listener of [Listen].
func NewServer(cfg config.HTTP, h http.Handler, log *zap.Logger) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	s := &http.Server{
		Addr:              cfg.Addr,
		Handler:           h,
		ReadHeaderTimeout: cfg.ReadHeaderTimeout,
		ReadTimeout:       cfg.ReadTimeout,
		WriteTimeout:      cfg.WriteTimeout,
		IdleTimeout:       cfg.IdleTimeout,
		MaxHeaderBytes:    maxHeader,
		Protocols:         protocols,
		ErrorLog:          errorLog(log),
		// "OPTIONS *" is for the handler to refuse like any other.
		DisableGeneralOptionsHandler: true,
	}
	watchConnections(s)
	return s
}

func errorLog(to *zap.Logger) *log.Logger { return log.New(errorWriter{to}, "", 0) }

// errorWriter takes the server's own log. Most lines are the work of scanners
// (broken handshakes, odd requests); those about this process are warnings.
type errorWriter struct{ log *zap.Logger }

func (w errorWriter) Write(line []byte) (int, error) {
	level := zapcore.DebugLevel
	if bytes.HasPrefix(line, []byte("http: Accept error")) || bytes.HasPrefix(line, []byte("http: panic")) ||
		bytes.HasPrefix(line, []byte("http: superfluous")) {
		level = zapcore.WarnLevel
	}
	w.log.Log(level, "http server", zap.ByteString("message", bytes.TrimSpace(line)))
	return len(line), nil
}
