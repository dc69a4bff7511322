package cashier

import (
	"fmt"
	"mime"
	"net/http"
	"strings"

	"github.com/govalues/decimal"

	"github.com/settlehook/settlehook/pkg/sign"
)

// maxForm bounds the body of a payment, in bytes.
const maxForm = 4 << 10

// readAmount returns the text of the form's amount. It fails with *problem when
// the request is not what the page's own form sends.
func readAmount(w http.ResponseWriter, r *http.Request) (string, error) {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != sign.MediaForm {
		return "", &problem{Status: http.StatusUnsupportedMediaType, Title: "Not a form", Text: "A payment comes as the form of the payment page."}
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return "", unreadable(err)
	}
	// PostForm leaves out the query string, which would otherwise name an amount
	// in a link.
	values := r.PostForm["amount"]
	if len(values) > 1 {
		return "", &problem{Status: http.StatusBadRequest, Title: "Two amounts", Text: "A payment has one amount."}
	}
	return strings.Join(values, ""), nil
}

// parseAmount reads what a person typed, exactly: nothing is rounded. Its
// errors are for that person; like is an amount to show as an example.
func parseAmount(text string, like decimal.Decimal) (decimal.Decimal, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return decimal.Decimal{}, fmt.Errorf("give an amount, such as %s", like)
	}
	// A writing with an exponent is read too by PlainDecimal, and comes back as
	// another text; a person who types one has slipped.
	plain, ok := sign.PlainDecimal(text)
	switch {
	case ok && plain == text:
	case strings.Trim(text, "0123456789.") == "":
		return decimal.Decimal{}, fmt.Errorf("write the amount as in %s, with at most 15 digits before the point and 4 behind it", like)
	default:
		return decimal.Decimal{}, fmt.Errorf("write the amount in digits with a point, such as %s", like)
	}
	amount, err := decimal.Parse(plain)
	if err != nil {
		return decimal.Decimal{}, fmt.Errorf("write the amount in digits with a point, such as %s: %w", like, err)
	}
	if !amount.IsPos() {
		return decimal.Decimal{}, fmt.Errorf("give an amount above zero, such as %s", like)
	}
	return amount, nil
}
