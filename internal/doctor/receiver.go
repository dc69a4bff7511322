package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/sign"
)

// certificateEnds is how long before its end a certificate is worth a warning.
const certificateEnds = 14 * 24 * time.Hour

// mostAnswer bounds what is read of an answer: the receiver's are one line.
const mostAnswer = 4 << 10

// publicReceiver asks the receiver where gateways do. Nothing is left behind:
// what has no body is not kept in QUARANTINE.
func publicReceiver(ctx context.Context, v *visit) ([]Finding, error) {
	base := v.o.Settings.Public.URL
	if base.IsZero() {
		return []Finding{skipped("settlehook doctor --public-url https://HOST, or PUBLIC_URL: what stands before /callbacks in a notifyUrl",
			"no public address is named")}, nil
	}
	merchants, err := v.merchants.get(ctx)
	if err != nil {
		return nil, err
	}
	client, closeIdle := v.webClient()
	defer closeIdle()
	all := merchants.All()
	// The first tells what does not hang on the merchant.
	wrong, state, err := v.knock(ctx, client, all[0])
	if err != nil {
		return []Finding{unreachable(base.String(), err)}, nil
	}
	found := v.transport(base, state)
	if wrong != nil {
		found = append(found, *wrong)
	}
	if wrong == nil || strings.HasPrefix(wrong.Says, "merchant ") {
		found = append(found, v.knockAll(ctx, client, all[1:])...)
	}
	if len(found) > 0 {
		return found, nil
	}
	return []Finding{ok("%s answers as the receiver does", base)}, nil
}

// knocksAtOnce bounds how many paths are tried at the same time.
const knocksAtOnce = 4

func (v *visit) knockAll(ctx context.Context, client *http.Client, merchants []*config.Merchant) []Finding {
	answers := make([][]Finding, len(merchants))
	places := make(chan struct{}, knocksAtOnce)
	var knocking sync.WaitGroup
	for i, m := range merchants {
		knocking.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			wrong, _, err := v.knock(ctx, client, m)
			switch {
			case err != nil:
				answers[i] = []Finding{unreachable(v.o.Settings.Public.URL.String(), err)}
			case wrong != nil:
				answers[i] = []Finding{*wrong}
			}
		})
	}
	knocking.Wait()
	return slices.Concat(answers...)
}

func (v *visit) webClient() (client *http.Client, closeIdle func()) {
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{RootCAs: v.o.Roots, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2: true,
	}
	return &http.Client{
		Transport: transport, Timeout: min(10*time.Second, v.o.Timeout/3),
		// A gateway follows none either.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, transport.CloseIdleConnections
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
	tls    *tls.ConnectionState
}

func request(ctx context.Context, client *http.Client, method, address string) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, http.NoBody)
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("User-Agent", "settlehook-doctor")
	req.Header.Set("Content-Type", sign.MediaJSON)
	res, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, mostAnswer))
	return answer{res.StatusCode, res.Header, string(body), res.TLS}, err
}

// What the receiver says (internal/receiver): these lines, and the headers it
// sends with each.
const (
	sayUsePost  = "use POST\n"
	sayNotFound = "not found\n"
)

// ours reports whether an answer has the form of the receiver's.
func (a answer) ours(status int, line string) bool {
	return a.status == status && a.body == line && a.header.Get("X-Content-Type-Options") == "nosniff"
}

// sayEmpty is what the receiver says of a callback without a body: the line is
// that of the parser.
func sayEmpty() string {
	_, err := sign.Parse(sign.MediaJSON, nil)
	var malformed *sign.MalformedError
	if !errors.As(err, &malformed) {
		return ""
	}
	return malformed.Error() + "\n"
}

// knock tries one merchant's path.
func (v *visit) knock(ctx context.Context, client *http.Client, m *config.Merchant) (*Finding, *tls.ConnectionState, error) {
	base := v.o.Settings.Public.URL.String()
	address := base + "/callbacks/" + string(events.FlowCollect) + "/" + m.ID
	get, err := request(ctx, client, http.MethodGet, address)
	if err != nil {
		return nil, nil, err
	}
	if f := busy(base, get); f != nil {
		return f, get.tls, nil
	}
	if !get.ours(http.StatusMethodNotAllowed, sayUsePost) || get.header.Get("Allow") != http.MethodPost {
		return notOurs(address, "GET", get), get.tls, nil
	}
	post, err := request(ctx, client, http.MethodPost, address)
	if err != nil {
		return nil, nil, err
	}
	if f := busy(base, post); f != nil {
		return f, post.tls, nil
	}
	switch {
	case post.ours(http.StatusBadRequest, sayEmpty()):
		return nil, post.tls, nil
	case post.ours(http.StatusNotFound, sayNotFound) && len(m.AllowFrom) > 0:
		return nil, post.tls, nil // we are none of its gateway's addresses
	case post.ours(http.StatusNotFound, sayNotFound):
		f := fail("give the receiver the same MERCHANTS_FILE ('settlehook_merchants_file_stale' is 1 where it refuses a newer one)",
			"merchant %s: the receiver does not know it", m.ID)
		return &f, post.tls, nil
	}
	return notOurs(address, "an unsigned POST", post), post.tls, nil
}

// busy words a receiver that takes nothing at the moment.
func busy(base string, a answer) *Finding {
	if a.status != http.StatusServiceUnavailable && a.status != http.StatusTooManyRequests || !strings.HasSuffix(a.body, "try again later\n") {
		return nil
	}
	f := fail("see the receiver's log, and settlehook_callbacks_total{result=\"unavailable\"}; NATS may be gone, or HTTP_SOURCE_RATE too low for the proxy in front",
		"%s takes no callbacks now: it answers %d %s", base, a.status, strings.TrimSpace(a.body))
	return &f
}

func notOurs(address, what string, a answer) *Finding {
	body, _, _ := strings.Cut(strings.TrimSpace(a.body), "\n")
	if len(body) > 60 {
		body = body[:60] + "…"
	}
	f := fail("have the proxy pass /callbacks/ on to the receiver as it is: path, method, body and answer (docs/doctor.md#receiver)",
		"%s: %s is answered %d %q, which is not the receiver's answer", address, what, a.status, body)
	return &f
}

func unreachable(base string, err error) Finding {
	var certificate *tls.CertificateVerificationError
	var dns *net.DNSError
	switch {
	case errors.As(err, &certificate):
		return fail("renew the certificate of "+base+" with its whole chain; gateways refuse it too", "%s: %v", base, certificate)
	case errors.As(err, &dns):
		return fail("make the name known (DNS), or correct --public-url", "%s: %v", base, dns)
	}
	return fail("see that the proxy and the receiver run (kubectl get pods,ingress), and that this machine may reach "+base, "%s: %v", base, err)
}

// transport looks at how the way there is secured.
func (v *visit) transport(base config.WebURL, state *tls.ConnectionState) []Finding {
	if state == nil {
		return []Finding{warn("put a proxy that ends TLS in front, or set HTTP_TLS_CERT and HTTP_TLS_KEY",
			"%s is plain http: anybody on the way can read callbacks, and drop them", base)}
	}
	ends := state.PeerCertificates[0].NotAfter
	if left := ends.Sub(v.o.Now()); left < certificateEnds {
		return []Finding{warn("renew the certificate of "+base.String(),
			"%s: its certificate ends on %s, in %s", base, ends.UTC().Format(time.DateOnly), days(left))}
	}
	return nil
}

func days(d time.Duration) string {
	n := int(d / (24 * time.Hour))
	return fmt.Sprintf("%d %s", n, plural(n, "day", "days"))
}
