package gateway

import (
	"strings"
	"testing"
)

func TestDefaultNotFound(t *testing.T) {
	p, err := compilePatterns("not-found", nil, DefaultNotFound)
	if err != nil {
		t.Fatal(err)
	}
	for _, desc := range []string{
		"order does not exist", "Order not exist", "order not exists", "ORDER NOT FOUND", "orderNo not found",
		"merchantOrder does not exist", "The order 8f3-12 was not found.", "order [e8a581] not exist",
		"order id: 77 could not be found", "order doesn't exist", "order wasn’t found", "No such order: 7", "订单不存在",
	} {
		if !p.match(desc) {
			t.Errorf("%q must mean that the order is not known", desc)
		}
	}
	for _, desc := range []string{
		"", "not found", "merchant does not exist", "merchant not found", "IP 10.0.0.1 not found in white list",
		"order IP not found in white list", "order exists", "orderId is required", "sign error",
		"order query: merchant not found", "pay channel for order not configured", "order merchant not exist",
	} {
		if p.match(desc) {
			t.Errorf("%q must not be taken for a statement about the order", desc)
		}
	}
}

func TestConfiguredNotFound(t *testing.T) {
	p, err := compilePatterns("not-found", []string{"No Data (1)", `/^E40[45]\b/`, "/"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for desc, want := range map[string]bool{
		"sorry, no data (1)!": true, "e404 gone": true, "E4041": false, "xE404": false, "no data 1": false, "a/b": true,
	} {
		if got := p.match(desc); got != want {
			t.Errorf("match(%q) = %t, want %t", desc, got, want)
		}
	}
	for pattern, say := range map[string]string{
		"": "is empty", " ": "is empty", "//": "is empty", "/(/": "not a regular expression", "/.*/": "matches an empty text",
	} {
		if _, err := compilePatterns("not-found", []string{pattern}, nil); err == nil || !strings.Contains(err.Error(), say) {
			t.Errorf("pattern %q: error %v, want one saying %q", pattern, err, say)
		}
	}
}
