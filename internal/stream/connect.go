package stream

import (
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/zap"

	"github.com/settlehook/settlehook/internal/config"
)

// Connect opens the connection that every guarantee hangs on:
//
//   - The reconnect buffer is off. With it, a publish that timed out while
//     disconnected is sent after reconnecting: a ghost that was answered 503.
//   - It reconnects for ever. A connection that closes all the same (a protocol
//     violation, revoked credentials) does not come back by itself: closed is
//     called and the process has to end.
func Connect(c config.NATS, name string, log *zap.Logger, closed func(error), extra ...nats.Option) (*nats.Conn, error) {
	opts := []nats.Option{
		nats.Name(name),
		nats.Timeout(c.ConnectTimeout),
		nats.ReconnectBufSize(-1),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(reconnectWait),
		nats.ReconnectJitter(reconnectWait/2, reconnectWait/2),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil { // nil: we closed it
				log.Warn("nats disconnected", zap.Error(err))
			}
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) { log.Info("nats reconnected", zap.String("server", nc.ConnectedServerName())) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { log.Warn("nats error", zap.Error(err)) }),
		nats.ClosedHandler(func(nc *nats.Conn) { closed(errors.Join(ErrClosed, nc.LastError())) }),
	}
	if c.InboxPrefix != "" {
		opts = append(opts, nats.CustomInboxPrefix(c.InboxPrefix))
	}
	if c.User != "" {
		// A new password may come to the servers before it comes to the file: two
		// refusals are then no reason to give up for good.
		opts = append(opts, nats.UserInfoHandler(userInfo(c, log)), nats.IgnoreAuthErrorAbort())
	}
	if c.Creds != "" {
		opts = append(opts, nats.UserCredentials(c.Creds))
	}
	if c.TLSCA != "" {
		opts = append(opts, nats.RootCAs(c.TLSCA))
	}
	if c.TLSCert != "" {
		opts = append(opts, nats.ClientCert(c.TLSCert, c.TLSKey))
	}
	nc, err := nats.Connect(c.URL.Reveal(), append(opts, extra...)...)
	if err != nil {
		return nil, fmt.Errorf("connect to NATS at %s: %w", c.URL, err)
	}
	return nc, nil
}

// userInfo reads the password anew for each connection. One that can't be read
// is not made up for: the servers refuse an empty one, and the next attempt
// finds the file again.
func userInfo(c config.NATS, log *zap.Logger) nats.UserInfoCB {
	return func() (user, password string) {
		secret, err := config.ReadPassword(c.PasswordFile)
		if err != nil {
			log.Error("NATS_PASSWORD_FILE can't be read", zap.Error(err))
		}
		return c.User, string(secret)
	}
}

// ErrClosed says that the NATS connection is closed for good.
var ErrClosed = errors.New("the NATS connection is closed for good")

const reconnectWait = 500 * time.Millisecond
