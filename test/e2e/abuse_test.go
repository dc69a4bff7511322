package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/settlehook/settlehook/internal/stream"
)

// The bounds of the receiver under attack: small, so that few connections are
// many.
const (
	abuseConnections = 48
	abuseReading     = 8
	abuseInFlight    = 16
)

func abuseSettings() []string {
	return []string{
		"HTTP_MAX_CONNECTIONS=" + strconv.Itoa(abuseConnections), "HTTP_MAX_CONNECTIONS_PER_SOURCE=24",
		"HTTP_MAX_READING=" + strconv.Itoa(abuseReading), "HTTP_MAX_READING_PER_SOURCE=4",
		"HTTP_MAX_IN_FLIGHT=" + strconv.Itoa(abuseInFlight),
		// Nobody is saved by a time-out here.
		"HTTP_READ_HEADER_TIMEOUT=10m", "HTTP_READ_TIMEOUT=10m", "HTTP_WRITE_TIMEOUT=11m", "HTTP_IDLE_TIMEOUT=10m",
		"SHUTDOWN_TIMEOUT=11m",
	}
}

// TestAbuse attacks the receiver as a process in every way that HTTP offers.
// Beside and after each, an honest callback is answered success and stored, and nothing of
// the attack was. What the attackers post is signed with the right key: it is
// the form that must keep it out.
func TestAbuse(t *testing.T) {
	w := newWorld(t, 0, abuseSettings()...)
	a := &abuse{world: w}
	for _, attack := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"slow headers", a.slowHeaders},
		{"silent connections", a.silence},
		{"slow bodies", a.slowBodies},
		{"slow bodies to nowhere", a.slowBodiesToNowhere},
		{"malformed requests", a.malformedRequests},
		{"smuggling", a.smuggling},
		{"hostile paths", a.hostilePaths},
		{"headers too large", a.largeHeaders},
		{"too many headers", a.manyHeaders},
		{"bodies too large", a.largeBodies},
		{"pipelining", a.pipelining},
		{"flood", a.flood},
	} {
		t.Run(attack.name, func(t *testing.T) {
			before := w.count(stream.Callbacks)
			attack.run(t)
			a.honest(t) // while it goes on
			a.hangUp()
			a.honest(t)
			if got := w.count(stream.Callbacks); got != before+2 {
				t.Errorf("%d callbacks stored, want the two honest ones only", got-before)
			}
			a.withinBounds(t)
		})
	}
	for _, m := range w.read(stream.Callbacks) {
		if order := orderOf(t, m.Data()); !strings.HasPrefix(order, "honest-") {
			t.Errorf("order %s is stored", order)
		}
	}
	silence(t, w.receiver) // and it ends by itself
}

type abuse struct {
	*world
	sent  int
	conns []net.Conn
}

// honest pushes a callback from an address that did not take part.
func (a *abuse) honest(t *testing.T) {
	t.Helper()
	a.sent++
	body := push{orderID("honest", a.sent), "P1", "1", "2", "false", "no", "0"}.body(alice)
	conn := a.dial(t, "127.0.0.99")
	defer func() { _ = conn.Close() }()
	write(conn, raw("/callbacks/collect/alice", "", body))
	if status, answer := response(t, conn); status != http.StatusOK || answer != "success" {
		t.Errorf("an honest callback is answered %d %q, want 200 success", status, answer)
	}
}

// evil is a callback that must not be stored, signed like an honest one.
func evil() []byte { return push{"evil", "P1", "1", "2", "false", "no", "0"}.body(alice) }

// raw is a request as it goes over the wire.
func raw(target, headers string, body []byte) string {
	return "POST " + target + " HTTP/1.1\r\nHost: receiver\r\nContent-Type: application/json\r\n" + headers +
		"Content-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + string(body)
}

// dial connects from an address of its own.
func (a *abuse) dial(t *testing.T, from string) net.Conn {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: patience}
	conn, err := dialer.DialContext(t.Context(), "tcp", a.receiver.http)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// hold connects as the attacker and sends something, and stays there for the
// length of the attack.
func (a *abuse) hold(t *testing.T, from, text string) net.Conn {
	t.Helper()
	conn := a.dial(t, from)
	a.conns = append(a.conns, conn)
	write(conn, text)
	return conn
}

// hangUp ends an attack.
func (a *abuse) hangUp() {
	for _, conn := range a.conns {
		_ = conn.Close()
	}
	a.conns = nil
}

// write sends what the other side takes: it may have hung up already.
func write(conn net.Conn, text string) { _, _ = io.WriteString(conn, text) }

func response(t *testing.T, conn net.Conn) (status int, body string) {
	t.Helper()
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("half an answer: %v", err)
	}
	return res.StatusCode, string(b)
}

// refused sends something, ends the sending, and holds that no answer to it is
// success.
func (a *abuse) refused(t *testing.T, name, text string) {
	t.Helper()
	conn := a.dial(t, "127.0.0.2")
	defer func() { _ = conn.Close() }()
	write(conn, text)
	_ = conn.(*net.TCPConn).CloseWrite() // fails where the other side has closed
	answer, _ := io.ReadAll(conn)        // a reset is an answer
	if bytes.Contains(answer, []byte("success")) || bytes.Contains(answer, []byte(" 200 ")) {
		t.Errorf("%s: answered %q", name, answer)
	}
}

// gauge reads a metric of the receiver.
func (a *abuse) gauge(t *testing.T, name string) float64 {
	t.Helper()
	res, err := http.Get("http://" + a.receiver.admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			value, err := strconv.ParseFloat(text, 64)
			if err != nil {
				t.Fatal(err)
			}
			return value
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

const (
	gaugeConnections = "settlehook_connections"
	gaugeReading     = `settlehook_requests_in_flight{stage="reading"}`
	gaugeStoring     = `settlehook_requests_in_flight{stage="storing"}`
)

// withinBounds holds that what is in work is within what it may be.
func (a *abuse) withinBounds(t *testing.T) {
	t.Helper()
	for name, most := range map[string]float64{
		gaugeConnections: abuseConnections, gaugeReading: abuseReading, gaugeStoring: abuseInFlight,
		"process_resident_memory_bytes": 256 << 20,
	} {
		if got := a.gauge(t, name); got > most {
			t.Errorf("%s is %v, at most %v was wanted", name, got, most)
		}
	}
}

// crowd is an address of the attackers; there are nine.
func crowd(i int) string { return fmt.Sprintf("127.0.0.%d", 2+i%9) }

func (a *abuse) slowHeaders(t *testing.T) {
	for i := range 3 * abuseConnections {
		conn := a.hold(t, crowd(i), "POST /callbacks/collect/alice HTTP/1.1\r\nHost: receiver\r\n")
		write(conn, "X-Slow: 1")
		if i%abuseConnections == 0 {
			a.withinBounds(t)
		}
	}
}

func (a *abuse) silence(t *testing.T) {
	for i := range 3 * abuseConnections {
		a.hold(t, crowd(i), "")
	}
	a.withinBounds(t)
}

func (a *abuse) slowBodies(t *testing.T) {
	for i := range 2 * abuseConnections {
		a.hold(t, crowd(i), "POST /callbacks/collect/alice HTTP/1.1\r\nHost: receiver\r\nContent-Type: application/json\r\nContent-Length: 16000\r\n\r\n{\"orderId\":")
	}
	a.await("every place is taken", func() bool { return a.gauge(t, gaugeReading) == abuseReading })
	a.withinBounds(t)
}

func (a *abuse) slowBodiesToNowhere(t *testing.T) {
	for i := range 2 * abuseConnections {
		a.hold(t, crowd(i), "POST /nowhere HTTP/1.1\r\nHost: receiver\r\nContent-Length: 16000\r\n\r\n{")
	}
	a.withinBounds(t)
}

// malformedRequests are not HTTP, or hardly.
func (a *abuse) malformedRequests(t *testing.T) {
	const line = "POST /callbacks/collect/alice HTTP/1.1\r\nHost: receiver\r\nContent-Type: application/json\r\n"
	body := string(evil())
	size := strconv.Itoa(len(body))
	hex := strconv.FormatInt(int64(len(body)), 16)
	chunked := line + "Transfer-Encoding: chunked\r\n\r\n"
	for name, text := range map[string]string{
		"chunk size of no hex":         chunked + "zz\r\n" + body + "\r\n0\r\n\r\n",
		"negative chunk size":          chunked + "-" + hex + "\r\n" + body + "\r\n0\r\n\r\n",
		"chunk size with a sign":       chunked + "+" + hex + "\r\n" + body + "\r\n0\r\n\r\n",
		"chunk size with 0x":           chunked + "0x" + hex + "\r\n" + body + "\r\n0\r\n\r\n",
		"chunk size beyond 64 bits":    chunked + "FFFFFFFFFFFFFFFFF\r\n" + body + "\r\n0\r\n\r\n",
		"largest chunk size":           chunked + "7FFFFFFFFFFFFFFF\r\n" + body,
		"chunk shorter than it says":   chunked + "fff\r\n" + body + "\r\n0\r\n\r\n",
		"chunk longer than it says":    chunked + "5\r\n" + body + "\r\n0\r\n\r\n",
		"no last chunk":                chunked + hex + "\r\n" + body + "\r\n",
		"endless chunk extension":      chunked + hex + ";" + strings.Repeat("x", 100_000) + "\r\n" + body + "\r\n0\r\n\r\n",
		"many tiny chunks":             chunked + strings.Repeat("1;"+strings.Repeat("x", 200)+"\r\n{\r\n", 1000) + "0\r\n\r\n",
		"trailers too large":           chunked + hex + "\r\n" + body + "\r\n0\r\nX-T: " + strings.Repeat("x", 1<<20) + "\r\n\r\n",
		"transfer encodings":           line + "Transfer-Encoding: gzip, chunked\r\n\r\n" + hex + "\r\n" + body + "\r\n0\r\n\r\n",
		"transfer encoding twice":      line + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + hex + "\r\n" + body + "\r\n0\r\n\r\n",
		"transfer encoding like it":    line + "Transfer-Encoding: xchunked\r\n\r\n" + hex + "\r\n" + body + "\r\n0\r\n\r\n",
		"transfer encoding identity":   line + "Transfer-Encoding: identity\r\nContent-Length: " + size + "\r\n\r\n" + body,
		"chunks in HTTP/1.0":           strings.Replace(chunked, "HTTP/1.1", "HTTP/1.0", 1) + hex + "\r\n" + body + "\r\n0\r\n\r\n",
		"two lengths":                  line + "Content-Length: " + size + "\r\nContent-Length: 5\r\n\r\n" + body,
		"two lengths in one":           line + "Content-Length: " + size + ", 5\r\n\r\n" + body,
		"length with a sign":           line + "Content-Length: +" + size + "\r\n\r\n" + body,
		"negative length":              line + "Content-Length: -1\r\n\r\n" + body,
		"length in hex":                line + "Content-Length: 0x" + hex + "\r\n\r\n" + body,
		"length beyond 64 bits":        line + "Content-Length: 99999999999999999999\r\n\r\n" + body,
		"space before a colon":         line + "Content-Length : " + size + "\r\n\r\n" + body,
		"underscore for a dash":        line + "Content_Length: " + size + "\r\n\r\n" + body,
		"NUL in a header":              line + "X-A: a\x00b\r\nContent-Length: " + size + "\r\n\r\n" + body,
		"header without a name":        line + ": a\r\nContent-Length: " + size + "\r\n\r\n" + body,
		"header without a colon":       line + "Content-Length\r\n\r\n" + body,
		"first header folded":          "POST /callbacks/collect/alice HTTP/1.1\r\n Host: receiver\r\nContent-Length: " + size + "\r\n\r\n" + body,
		"no host":                      strings.Replace(raw("/callbacks/collect/alice", "", evil()), "Host: receiver\r\n", "", 1),
		"two hosts":                    raw("/callbacks/collect/alice", "Host: other\r\n", evil()),
		"no version":                   "POST /callbacks/collect/alice\r\n\r\n" + body,
		"HTTP/3.0":                     strings.Replace(raw("/callbacks/collect/alice", "", evil()), "HTTP/1.1", "HTTP/3.0", 1),
		"preface of HTTP/2":            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + body,
		"upgrade to HTTP/2":            "GET /callbacks/collect/alice HTTP/1.1\r\nHost: receiver\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
		"method in small letters":      strings.Replace(raw("/callbacks/collect/alice", "", evil()), "POST", "post", 1),
		"other method":                 strings.Replace(raw("/callbacks/collect/alice", "", evil()), "POST", "PUT", 1),
		"overridden method":            strings.Replace(raw("/callbacks/collect/alice", "X-HTTP-Method-Override: POST\r\n", evil()), "POST", "GET", 1),
		"no request":                   "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + body,
		"line breaks only":             strings.Repeat("\r\n", 10_000),
		"a body announced as gzip":     raw("/callbacks/collect/alice", "Content-Encoding: gzip\r\n", evil()),
		"an expectation nobody knows":  raw("/callbacks/collect/alice", "Expect: 200-ok\r\n", evil()),
		"a source that does not exist": raw("/callbacks/collect/nobody", "X-Forwarded-For: 127.0.0.99\r\n", evil()),
	} {
		a.refused(t, name, text)
	}
}

// smuggling hides a request in the body of another. Only the first is answered.
func (a *abuse) smuggling(t *testing.T) {
	hidden := raw("/callbacks/collect/alice", "X-Forwarded-For: 127.0.0.99\r\n", evil())
	const line = "POST /callbacks/collect/alice HTTP/1.1\r\nHost: receiver\r\nContent-Type: application/json\r\n"
	for name, text := range map[string]string{
		"length and chunks":      line + "Content-Length: " + strconv.Itoa(5+len(hidden)) + "\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
		"chunks and length":      line + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + hidden,
		"chunks with a tab":      line + "Transfer-Encoding:\tchunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + hidden,
		"chunks in capitals":     line + "TRANSFER-ENCODING: CHUNKED\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + hidden,
		"hidden in a trailer":    line + "Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n" + hidden,
		"behind a large body":    line + "Content-Length: 20000\r\n\r\n" + strings.Repeat(" ", 20000) + hidden,
		"behind a broken chunk":  line + "Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n" + hidden,
		"behind an expectation":  line + "Expect: 100-continue\r\nContent-Length: 20000\r\n\r\n" + hidden,
		"behind a bare new line": line + "X-A: b\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + hidden,
	} {
		a.refused(t, name, text)
	}
}

func (a *abuse) hostilePaths(t *testing.T) {
	for _, target := range []string{
		"/", "*", "/callbacks", "/callbacks/", "/callbacks/collect", "/callbacks/collect/", "/callbacks//alice",
		"//callbacks/collect/alice", "/callbacks//collect/alice", "/callbacks/collect//alice", "/callbacks/collect/alice/",
		"/callbacks/collect/alice/..", "/callbacks/collect/../collect/alice", "/./callbacks/collect/alice",
		"/callbacks/collect/%2e%2e/alice", "/callbacks/%2e/collect/alice", "/callbacks/collect/alice%00", "/callbacks/collect/%00",
		"/callbacks/collect/*", "/callbacks/*/alice", "/callbacks/collect/>", "/callbacks/>/>", "/callbacks/collect/%3e", "/callbacks/%2a/alice",
		"/callbacks/collect/alice.bob", "/callbacks/collect.pay/alice", "/callbacks/collect/alice%20", "/callbacks/collect/alice%0d%0aPUB%20x%200",
		"/callbacks/collect%2falice", "/callbacks%2fcollect%2falice", "/callbacks/collect/%61lice", "/callbacks/collect/alice;x=1", "/callbacks/collect/ALICE",
		`/callbacks\collect\alice`, "/callbacks/collect/alice%5c", "/callbacks/collect/%ff%fe", "/callbacks/collect/%zz", "/callbacks/collect/_unknown",
		"/callbacks/collect/" + strings.Repeat("a", 5000), "/callbacks/" + strings.Repeat(">", 5000) + "/alice", "/" + strings.Repeat("/", 5000),
		"/callbacks/collect/" + strings.Repeat("%2e", 1600), "/callbacks/collect/" + strings.Repeat("a", 100_000), "/callbacks/collect/alice HTTP/1.1",
		"callbacks/collect/alice", "/x?/callbacks/collect/alice", "/#/callbacks/collect/alice", "http:///nowhere", "http://receiver", "mailto:a@b",
	} {
		a.refused(t, target[:min(len(target), 60)], raw(target, "", evil()))
	}
}

func (a *abuse) largeHeaders(t *testing.T) {
	large := strings.Repeat("x", 1<<20)
	a.refused(t, "one value", raw("/callbacks/collect/alice", "X-A: "+large+"\r\n", evil()))
	a.refused(t, "one name", raw("/callbacks/collect/alice", large+": a\r\n", evil()))
	a.refused(t, "one line without end", "POST /callbacks/collect/alice HTTP/1.1\r\nX-A: "+large+large)
	a.refused(t, "the request line", raw("/callbacks/collect/alice?"+large, "", evil()))
	a.refused(t, "a folded value", raw("/callbacks/collect/alice", "X-A: a\r\n"+strings.Repeat(" "+strings.Repeat("x", 100)+"\r\n", 1000), evil()))
}

func (a *abuse) manyHeaders(t *testing.T) {
	var many strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&many, "%x:\r\n", i)
	}
	a.refused(t, "of different names", raw("/callbacks/collect/alice", many.String(), evil()))
	a.refused(t, "of one name", raw("/callbacks/collect/alice", strings.Repeat("a:\r\n", 2000), evil()))
	a.refused(t, "addresses", raw("/callbacks/collect/alice", strings.Repeat("X-Forwarded-For: 127.0.0.99\r\n", 200), evil()))
	for i := range 2 * abuseConnections {
		a.hold(t, crowd(i), "POST / HTTP/1.1\r\n"+many.String()[:6000])
	}
}

func (a *abuse) largeBodies(t *testing.T) {
	const line = "POST /callbacks/collect/alice HTTP/1.1\r\nHost: receiver\r\nContent-Type: application/json\r\n"
	padded := append(evil(), bytes.Repeat([]byte(" "), 16<<10)...)
	a.refused(t, "declared", raw("/callbacks/collect/alice", "", padded))
	a.refused(t, "in chunks", line+"Transfer-Encoding: chunked\r\n\r\n"+strconv.FormatInt(int64(len(padded)), 16)+"\r\n"+string(padded)+"\r\n0\r\n\r\n")
	a.refused(t, "one byte too many", raw("/callbacks/collect/alice", "", padded[:16<<10+1]))
	a.refused(t, "4 MiB", raw("/callbacks/collect/alice", "", bytes.Repeat([]byte(" "), 4<<20)))
	a.refused(t, "without end", line+"Transfer-Encoding: chunked\r\n\r\n"+strings.Repeat("1000\r\n"+strings.Repeat(" ", 4096)+"\r\n", 500))
	a.refused(t, "deep", raw("/callbacks/collect/alice", "", bytes.Repeat([]byte(`{"a":`), 3000)))
}

// pipelining sends requests without waiting for answers. Each is judged by
// itself, in order.
func (a *abuse) pipelining(t *testing.T) {
	forged := push{"evil", "P1", "1", "2", "false", "no", "0"}.body(bob)
	conn := a.hold(t, crowd(0), strings.Repeat(raw("/callbacks/collect/alice", "", forged), 5)+strings.Repeat(raw("/nowhere", "", nil), 5))
	answers := bufio.NewReader(conn)
	for i := range 10 {
		res, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatalf("answer %d: %v", i+1, err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		if want := []int{http.StatusUnauthorized, http.StatusNotFound}[i/5]; res.StatusCode != want {
			t.Errorf("answer %d is %d, want %d", i+1, res.StatusCode, want)
		}
	}
	a.hold(t, crowd(0), strings.Repeat(raw("/nowhere", "", nil), 10_000)) // and nobody reads the answers
}

// flood is more of everything than there is room for, at once.
func (a *abuse) flood(t *testing.T) {
	forged := push{"evil", "P1", "1", "2", "false", "no", "0"}.body(bob)
	var all sync.WaitGroup
	for i := range 4 * abuseConnections {
		all.Go(func() {
			conn, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(crowd(i))}}).Dial("tcp", a.receiver.http)
			if err != nil {
				return // no room is an answer
			}
			defer func() { _ = conn.Close() }()
			_ = conn.SetDeadline(time.Now().Add(patience))
			for range 20 {
				write(conn, raw("/callbacks/collect/alice", "", forged))
				if _, err := conn.Read(make([]byte, 512)); err != nil {
					return
				}
			}
		})
	}
	for range 20 {
		a.withinBounds(t)
	}
	all.Wait()
}
