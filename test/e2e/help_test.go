package e2e

import (
	"bytes"
	"strconv"
	"testing"

	"github.com/govalues/decimal"

	"github.com/settlehook/settlehook/internal/sandbox"
)

func orderID(prefix string, i int) string { return prefix + "-" + strconv.Itoa(i) }

func dec(s string) decimal.Decimal { return decimal.MustParse(s) }

// course is what happens to an order by itself.
func course(t *testing.T, name string, amount decimal.Decimal) []sandbox.Step {
	t.Helper()
	steps, err := sandbox.Course(name, amount, "INR")
	if err != nil {
		t.Fatal(err)
	}
	return steps
}

// forge changes what was signed.
func forge(body []byte) []byte {
	return bytes.Replace(body, []byte(`"remark":""`), []byte(`"remark":"x"`), 1)
}
