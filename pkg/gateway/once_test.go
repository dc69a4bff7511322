package gateway_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/settlehook/settlehook/pkg/gateway"
)

// TestCreateIsNotRepeatedOverHTTP1: a kept connection that the gateway closes
// under the create ends in doubt, not in a second create.
func TestCreateIsNotRepeatedOverHTTP1(t *testing.T) {
	for _, k := range creates() {
		b := &book{tape: &tape{}, fresh: true}
		client := start(t, b, handlers{balancePath: answer(success(`{"balanceAll":1,"balanceUsable":1}`)), k.path: raw("")})
		if _, err := client.QueryBalance(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := k.create(t.Context(), client); !is[*gateway.UnknownError](err) {
			t.Errorf("%s: %v", k.name, err)
		}
		b.tape.expect(t, "POST "+balancePath, "submit", "POST "+k.path)
	}
}

// TestCreateIsNotRepeatedOverHTTP2: net/http repeats a POST whose stream was
// reset with certain codes, if it can. The balance, which may be repeated, shows
// that it does; a create must not be.
func TestCreateIsNotRepeatedOverHTTP2(t *testing.T) {
	for name, code := range map[string]uint32{"PROTOCOL_ERROR": 1, "REFUSED_STREAM": 7} {
		t.Run(name, func(t *testing.T) {
			server := newResetting(t, code, success(`{"balanceAll":1,"balanceUsable":1}`))
			client := server.client(t)
			if _, err := client.QueryBalance(t.Context()); err != nil || server.posts.Load() != 2 {
				t.Fatalf("balance: %v, asked %d times", err, server.posts.Load())
			}
			for _, k := range creates() {
				server := newResetting(t, code, success(k.data))
				if err := k.create(t.Context(), server.client(t)); !is[*gateway.UnknownError](err) || server.posts.Load() != 1 {
					t.Errorf("%s: %v, sent %d times", k.name, err, server.posts.Load())
				}
			}
		})
	}
}

// resetting is an HTTP/2 server that takes in a whole request, resets its
// stream, and answers the next.
type resetting struct {
	address string
	trust   *x509.CertPool
	posts   atomic.Int32
	code    uint32
	reply   string
}

func newResetting(t *testing.T, code uint32, reply string) *resetting {
	t.Helper()
	// For its certificate.
	lender := httptest.NewTLSServer(http.NotFoundHandler())
	lender.Close()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: lender.TLS.Certificates, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	s := &resetting{address: "https://" + listener.Addr().String(), trust: x509.NewCertPool(), code: code, reply: reply}
	s.trust.AddCert(lender.Certificate())
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go s.serve(conn)
		}
	}()
	return s
}

func (s *resetting) client(t *testing.T) *gateway.Client {
	t.Helper()
	transport := gateway.NewTransport()
	transport.TLSClientConfig = &tls.Config{RootCAs: s.trust, MinVersion: tls.VersionTLS12}
	cfg := announcing(t, s.address, &book{tape: &tape{}, fresh: true})
	cfg.HTTPClient = &http.Client{Transport: transport}
	client, err := gateway.NewClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	return client
}

// serve speaks as much HTTP/2 (RFC 9113) as it takes.
func (s *resetting) serve(conn net.Conn) {
	const (
		data, headers, reset, settings = 0x0, 0x1, 0x3, 0x4
		ack, endStream, endHeaders     = 0x1, 0x1, 0x4
	)
	defer func() { _ = conn.Close() }()
	in := bufio.NewReader(conn)
	send := func(kind, flags byte, stream uint32, payload []byte) {
		frame := binary.BigEndian.AppendUint32(nil, uint32(len(payload))<<8|uint32(kind))
		frame = append(frame, flags)
		frame = binary.BigEndian.AppendUint32(frame, stream)
		_, _ = conn.Write(append(frame, payload...))
	}
	if _, err := in.Discard(len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")); err != nil {
		return
	}
	send(settings, 0, 0, nil)
	for {
		var head [9]byte
		if _, err := io.ReadFull(in, head[:]); err != nil {
			return
		}
		size := binary.BigEndian.Uint32(head[:4]) >> 8
		kind, flags, stream := head[3], head[4], binary.BigEndian.Uint32(head[5:])
		if _, err := in.Discard(int(size)); err != nil {
			return
		}
		switch {
		case kind == settings && flags&ack == 0:
			send(settings, ack, 0, nil)
		case kind == data && flags&endStream != 0 && s.posts.Add(1) == 1:
			send(reset, 0, stream, binary.BigEndian.AppendUint32(nil, s.code))
		case kind == data && flags&endStream != 0:
			send(headers, endHeaders, stream, []byte{0x88}) // ":status: 200" of HPACK's static table
			send(data, endStream, stream, []byte(s.reply))
		}
	}
}

// trip is a transport in the hands of a test.
type trip func(*http.Request) (*http.Response, error)

func (f trip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestNotSentIsCertain: whatever the transport's error is, a body of which a
// byte was taken may have arrived; and one of which none was can't any more.
func TestNotSentIsCertain(t *testing.T) {
	errTransport := errors.New("the transport's own")
	for _, k := range creates() {
		for name, tt := range map[string]struct {
			read    int
			err     error
			notSent bool
		}{
			"nothing taken":               {0, errTransport, true},
			"one byte taken":              {1, errTransport, false},
			"one byte, as if not dialled": {1, &net.OpError{Op: "dial", Err: errTransport}, false},
			"everything taken":            {1 << 20, errTransport, false},
		} {
			t.Run(k.name+": "+name, func(t *testing.T) {
				var body io.ReadCloser
				cfg := announcing(t, "http://127.0.0.1:1", &book{tape: &tape{}, fresh: true})
				cfg.HTTPClient = &http.Client{Transport: trip(func(r *http.Request) (*http.Response, error) {
					if body = r.Body; r.GetBody != nil {
						t.Error("the body can be had a second time")
					}
					_, _ = io.CopyN(io.Discard, body, int64(tt.read))
					return nil, tt.err
				})}
				client, err := gateway.NewClient(cfg)
				if err != nil {
					t.Fatal(err)
				}
				err = k.create(t.Context(), client)
				transport, ok := as[*gateway.TransportError](err)
				if !ok || transport.NotSent != tt.notSent || is[*gateway.UnknownError](err) == tt.notSent || !errors.Is(err, errTransport) {
					t.Fatalf("error %T: %v", err, err)
				}
				late, err := io.ReadAll(body)
				if tt.notSent && (len(late) > 0 || err == nil) {
					t.Errorf("%q was taken after the call had ended: %v", late, err)
				}
			})
		}
	}
}
