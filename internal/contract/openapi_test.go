package contract

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"github.com/settlehook/settlehook/internal/app"
	"github.com/settlehook/settlehook/internal/receiver"
	"github.com/settlehook/settlehook/internal/sandbox"
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/sign"
)

func init() {
	for _, media := range []string{"text/html", "application/openmetrics-text"} {
		openapi3filter.RegisterBodyDecoder(media, openapi3filter.PlainBodyDecoder)
	}
}

// witness is a transport that holds every answer to an OpenAPI document, and in
// the end the document to the answers: each that it names was given.
type witness struct {
	t        *testing.T
	doc      *openapi3.T
	produced map[string]bool // "POST /path 200 text/plain"
	// good reports whether an answer takes the request for good: then that, too,
	// must be as it is described.
	good func(*http.Response, []byte) bool
}

func newWitness(t *testing.T, file string, good func(*http.Response, []byte) bool) *witness {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(read(t, "docs", file))
	must(t, err)
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatalf("%s is no OpenAPI document: %v", file, err)
	}
	w := &witness{t: t, doc: doc, produced: map[string]bool{}, good: good}
	t.Cleanup(w.complete)
	return w
}

// complete finds what the document says and no server has.
func (w *witness) complete() {
	for path, item := range w.doc.Paths.Map() {
		for method, operation := range item.Operations() {
			for status, response := range operation.Responses.Map() {
				kinds := []string{""}
				if len(response.Value.Content) > 0 {
					kinds = kinds[:0]
					for media := range response.Value.Content {
						kinds = append(kinds, media)
					}
				}
				for _, media := range kinds {
					if answer := strings.Join([]string{method, path, status, media}, " "); !w.produced[answer] {
						w.t.Errorf("it is documented, and was never answered: %s", answer)
					}
				}
			}
		}
	}
}

// RoundTrip implements http.RoundTripper.
func (w *witness) RoundTrip(r *http.Request) (*http.Response, error) {
	var sent []byte
	if r.Body != nil {
		sent, _ = io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(sent))
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil {
		return nil, err
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	w.hold(r, sent, res, body)
	return res, nil
}

func (w *witness) hold(r *http.Request, sent []byte, res *http.Response, body []byte) {
	route, params := w.route(r)
	media, _, _ := strings.Cut(res.Header.Get("Content-Type"), ";")
	answer := strings.Join([]string{route.Method, route.Path, strconv.Itoa(res.StatusCode)}, " ")
	asked := r.Clone(context.Background())
	asked.Body = io.NopCloser(bytes.NewReader(sent))
	request := &openapi3filter.RequestValidationInput{Request: asked, PathParams: params, Route: route}
	if r.Method == route.Method && w.good(res, body) {
		if err := openapi3filter.ValidateRequest(r.Context(), request); err != nil {
			w.t.Errorf("%s: the request was good, and is not what is documented: %v\n%s", answer, err, sent)
		}
	}
	err := openapi3filter.ValidateResponse(r.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: request, Status: res.StatusCode, Header: res.Header, Body: io.NopCloser(bytes.NewReader(body)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	})
	if err != nil {
		w.t.Errorf("%s is not what is documented: %v\n%s", answer, err, body)
	}
	if len(route.Operation.Responses.Map()[strconv.Itoa(res.StatusCode)].Value.Content) == 0 {
		media = ""
	}
	w.produced[answer+" "+media] = true
}

// route finds the operation whose answers are documented for a request: with
// another method, or on a path that is none, those of its neighbour.
func (w *witness) route(r *http.Request) (*routers.Route, map[string]string) {
	path, params := w.path(r.URL.Path)
	item := w.doc.Paths.Map()[path]
	for method, operation := range item.Operations() {
		if item.GetOperation(r.Method) == nil || method == r.Method {
			return &routers.Route{Spec: w.doc, Path: path, PathItem: item, Method: method, Operation: operation}, params
		}
	}
	w.t.Fatalf("%s has no operation", path)
	return nil, nil
}

func (w *witness) path(given string) (path string, params map[string]string) {
	got := strings.Split(given, "/")
	for path := range w.doc.Paths.Map() {
		want := strings.Split(path, "/")
		params = map[string]string{}
		fits := len(want) == len(got)
		for i := 0; fits && i < len(want); i++ {
			if name, is := strings.CutPrefix(want[i], "{"); is {
				params[strings.TrimSuffix(name, "}")] = got[i]
			} else {
				fits = want[i] == got[i]
			}
		}
		if fits {
			return path, params
		}
	}
	for path := range w.doc.Paths.Map() { // a document of one path says what others answer
		return path, nil
	}
	return "", nil
}

// ask makes a request, and returns its answer's status and body.
func (w *witness) ask(method, address, media, body string, headers ...string) (status int, answer string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, address, strings.NewReader(body))
	must(w.t, err)
	if media != "" {
		r.Header.Set("Content-Type", media)
	}
	for i := 0; i < len(headers); i += 2 {
		if r.Header.Set(headers[i], headers[i+1]); headers[i] == "Host" {
			r.Host = headers[i+1]
		}
	}
	client := http.Client{Transport: w, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(r)
	must(w.t, err)
	text, err := io.ReadAll(res.Body)
	must(w.t, err)
	_ = res.Body.Close()
	return res.StatusCode, string(text)
}

func (w *witness) expect(want int, method, address, media, body string, headers ...string) string {
	w.t.Helper()
	status, answer := w.ask(method, address, media, body, headers...)
	if status != want {
		w.t.Errorf("%s %s is answered %d %q, want %d", method, address, status, answer, want)
	}
	return answer
}

// kept stands in for QUARANTINE, and down for CALLBACKS out of reach.
type (
	kept struct{}
	down struct{ fails bool }
)

func (kept) Keep(context.Context, stream.Refused) error { return nil }

func (d down) Store(context.Context, stream.Accepted) (stream.Receipt, error) {
	if d.fails {
		return stream.Receipt{}, errors.New("NATS is gone")
	}
	return stream.Receipt{Sequence: 1}, nil
}

func TestReceiverIsAsDocumented(t *testing.T) {
	w := newWitness(t, "openapi-receiver.json", func(res *http.Response, _ []byte) bool { return res.StatusCode == http.StatusOK })
	serve := func(h http.Handler) string {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		return s.URL
	}
	base := serve(newReceiver(t, down{}, kept{}, nil))
	const path = "/callbacks/collect/m1001"
	form := func(values url.Values) string { return values.Encode() }
	w.expect(200, http.MethodPost, base+path, sign.MediaJSON, pushed)
	w.expect(200, http.MethodPost, base+"/callbacks/pay/m1001", sign.MediaJSON, signed(t, `{"platOrderId":"1","orderId":"A1","amount":"10.5","status":2,"fee":null,"utr":"x"}`))
	formed := url.Values{"platOrderId": {"1"}, "orderId": {"A1"}, "amount": {"1000.00"}, "status": {"1"}, "reverse": {"false"}, "remark": {"no"}, "fee": {"0"}}
	formed.Set("sign", signOf(t, sign.MediaForm, form(formed)))
	w.expect(200, http.MethodPost, base+path, sign.MediaForm, form(formed))
	w.expect(400, http.MethodPost, base+path, sign.MediaJSON, "<html>")
	w.expect(400, http.MethodPost, base+path, sign.MediaJSON, signed(t, `{"orderId":"A1"}`))
	w.expect(401, http.MethodPost, base+path, sign.MediaJSON, strings.Replace(pushed, `"status":1`, `"status":2`, 1))
	for _, nowhere := range []string{"/callbacks/collect/nobody", "/callbacks/refund/m1001", "/", "/callbacks/collect/m1001/"} {
		w.expect(404, http.MethodPost, base+nowhere, sign.MediaJSON, pushed)
	}
	w.expect(405, http.MethodGet, base+path, "", "")
	w.expect(405, http.MethodPut, base+path, sign.MediaJSON, pushed)
	w.expect(413, http.MethodPost, base+path, sign.MediaJSON, strings.Repeat(" ", sign.MaxBody+1))
	w.expect(415, http.MethodPost, base+path, "text/xml", "<a/>")
	w.expect(415, http.MethodPost, base+path, sign.MediaJSON, pushed, "Content-Encoding", "gzip")

	narrow := serve(newReceiver(t, down{}, kept{}, func(o *receiver.Options) { o.HTTP.SourceRate, o.HTTP.SourceBurst = 1e-9, 1 }))
	w.expect(200, http.MethodPost, narrow+path, sign.MediaJSON, pushed)
	w.expect(429, http.MethodPost, narrow+path, sign.MediaJSON, pushed)
	busy := serve(newReceiver(t, down{}, kept{}, func(o *receiver.Options) { o.HTTP.MerchantRate, o.HTTP.MerchantBurst = 1e-9, 1 }))
	w.expect(200, http.MethodPost, busy+path, sign.MediaJSON, pushed)
	w.expect(429, http.MethodPost, busy+path, sign.MediaJSON, pushed)
	w.expect(503, http.MethodPost, serve(newReceiver(t, down{fails: true}, kept{}, nil))+path, sign.MediaJSON, pushed)
	ending := newReceiver(t, down{}, kept{}, nil)
	ending.Refuse()
	w.expect(503, http.MethodPost, serve(ending)+path, sign.MediaJSON, pushed)
}

// signed appends the sign of the key "secret" to a JSON object.
func signed(t *testing.T, body string) string {
	t.Helper()
	return strings.TrimSuffix(body, "}") + `,"sign":"` + signOf(t, sign.MediaJSON, body) + `"}`
}

func signOf(t *testing.T, media, body string) string {
	t.Helper()
	p, err := sign.Parse(media, []byte(body))
	must(t, err)
	return sign.Sign(p, "secret")
}

func TestAdminIsAsDocumented(t *testing.T) {
	w := newWitness(t, "openapi-admin.json", func(*http.Response, []byte) bool { return true })
	a, err := app.NewAdmin("127.0.0.1:0")
	must(t, err)
	served := make(chan error, 1)
	go func() { served <- a.Serve() }()
	t.Cleanup(func() {
		must(t, a.Stop(context.Background()))
		must(t, <-served)
	})
	base := "http://" + a.Addr()
	w.expect(200, http.MethodGet, base+"/livez", "", "")
	w.expect(503, http.MethodGet, base+"/readyz", "", "")
	a.SetReady(true)
	w.expect(200, http.MethodGet, base+"/readyz", "", "")
	w.expect(200, http.MethodGet, base+"/metrics", "", "")
	w.expect(200, http.MethodGet, base+"/metrics", "", "", "Accept", "application/openmetrics-text")
}

func newSandbox(t *testing.T, mischief sandbox.Rates) *sandbox.Server {
	t.Helper()
	s, err := sandbox.New(sandbox.Config{
		Addr: "127.0.0.1:0", AdminAddr: "127.0.0.1:0", NotifyBase: "http://127.0.0.1:1", Seed: 1, Run: "test", Mischief: mischief,
		Merchants: []sandbox.Merchant{{ID: "m1001", Account: "8801", Currency: "INR", Keys: []sign.Key{{ID: "k", Secret: "secret"}}}},
	})
	must(t, err)
	must(t, s.Start())
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

// calls are good calls of the four endpoints, about the order A1.
var calls = []struct{ path, body string }{
	{"/collect/create", `{"merchant":"8801","payCode":"101","amount":"1000.00","orderId":"A1","notifyUrl":"http://127.0.0.1:1/n","callbackUrl":"https://shop.example/","remark":"r"}`},
	{"/pay/create", `{"merchant":"8801","payCode":"101","amount":"10","orderId":"P1","notifyUrl":"http://127.0.0.1:1/n","bankAccount":"1","customName":"Asha","number":"1","email":"a@example.com"}`},
	{"/order/query", `{"merchant":"8801","orderId":"A1"}`},
	{"/order/balance", `{"merchant":"8801"}`},
}

func TestSandboxIsAsDocumented(t *testing.T) {
	w := newWitness(t, "openapi-sandbox.json", func(res *http.Response, body []byte) bool {
		return res.StatusCode == http.StatusOK && !bytes.Contains(body, []byte(`"success":false`)) || res.StatusCode == http.StatusSeeOther
	})
	s := newSandbox(t, nil)
	var page string
	for _, c := range calls {
		answer := w.expect(200, http.MethodPost, s.URL()+c.path, sign.MediaJSON, signed(t, c.body))
		if _, after, is := strings.Cut(answer, `"url":"`); is {
			page, _, _ = strings.Cut(after, `"`)
		}
		w.expect(200, http.MethodPost, s.URL()+c.path, sign.MediaForm, asForm(t, signed(t, strings.Replace(c.body, "A1", "A2", 1))))
		for _, bad := range []string{c.body, "{}", strings.Replace(c.body, "8801", "1", 1), signed(t, `{"merchant":"8801","orderId":"none"}`)} {
			w.expect(200, http.MethodPost, s.URL()+c.path, sign.MediaJSON, bad)
		}
		w.expect(405, http.MethodGet, s.URL()+c.path, "", "")
		w.expect(403, http.MethodPost, s.URL()+c.path, sign.MediaJSON, c.body, "Host", "evil.example")
	}
	w.cashier(s, page)
	for _, c := range calls[2:] { // of the order that is settled now
		w.expect(200, http.MethodPost, s.URL()+c.path, sign.MediaJSON, signed(t, c.body))
	}
	hostile := newSandbox(t, sandbox.Rates{sandbox.QueryNumbers: 1})
	for range 6 {
		for _, c := range calls {
			w.expect(200, http.MethodPost, hostile.URL()+c.path, sign.MediaJSON, signed(t, c.body))
		}
	}
	for m, status := range map[sandbox.Mischief]int{sandbox.CallHTTPError: 502, sandbox.CallAnomaly: 200, sandbox.CallRefused: 200} {
		failing := newSandbox(t, sandbox.Rates{m: 1})
		for _, c := range calls {
			w.expect(status, http.MethodPost, failing.URL()+c.path, sign.MediaJSON, signed(t, c.body))
		}
	}
}

// cashier pays the order of a page, and tries everything else there.
func (w *witness) cashier(s *sandbox.Server, page string) {
	w.t.Helper()
	const form, ten = sign.MediaForm, "amount=1000.00"
	second := w.expect(200, http.MethodPost, s.URL()+"/collect/create", sign.MediaJSON, signed(w.t, strings.Replace(calls[0].body, "A1", "A3", 1)))
	_, after, _ := strings.Cut(second, `"url":"`)
	other, _, _ := strings.Cut(after, `"`)
	unknown := s.URL() + "/cashier/unknown"
	w.expect(200, http.MethodGet, page, "", "")
	w.expect(404, http.MethodGet, unknown, "", "")
	w.expect(405, http.MethodDelete, page, "", "")
	w.expect(405, http.MethodGet, page+"/pay", "", "")
	w.expect(405, http.MethodGet, page+"/fail", "", "")
	for _, action := range []string{"/pay", "/fail"} {
		w.expect(404, http.MethodPost, unknown+action, form, ten)
		w.expect(403, http.MethodPost, page+action, form, ten, "Sec-Fetch-Site", "cross-site")
	}
	w.expect(400, http.MethodPost, page+"/pay", form, "amount=much")
	w.expect(413, http.MethodPost, page+"/pay", form, "amount="+strings.Repeat("1", 8<<10))
	w.expect(415, http.MethodPost, page+"/pay", sign.MediaJSON, "{}")
	w.expect(303, http.MethodPost, page+"/pay", form, ten)
	w.expect(409, http.MethodPost, page+"/pay", form, ten)
	w.expect(200, http.MethodGet, page, "", "")
	w.expect(303, http.MethodPost, other+"/fail", form, "")
	w.expect(409, http.MethodPost, other+"/fail", form, "")
}

// asForm writes a flat JSON object as a form.
func asForm(t *testing.T, body string) string {
	t.Helper()
	p, err := sign.Parse(sign.MediaJSON, []byte(body))
	must(t, err)
	values := url.Values{}
	for _, one := range p {
		values.Set(one.Name, one.Value)
	}
	return values.Encode()
}
