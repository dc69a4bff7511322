package gateway

import (
	"fmt"
	"regexp"
	"strings"
)

// DefaultNotFound returns the patterns that Config.NotFound stands for when it
// is nil: the desc must say of an order, in so many words, that it does not
// exist or was not found, or that there is no such order.
//
// They are narrow on purpose. "merchant does not exist" or "IP not found in
// the white list" come with the same code 400, and taking one of them for a
// statement about the order would turn a wrong setting into evidence.
func DefaultNotFound() []string {
	return []string{
		`/order\s*(id|no\.?|number|record|info|information|data)?\s*[:#]?\s*(\[?\S*\d\S*)?\s*` +
			`(is\s+|was\s+|does\s+|do\s+|did\s+|could\s+|can)?\s*not\s+(be\s+)?(exist|found)/`,
		`/order\s*(id|no\.?|number|record)?\s*(doesn|isn|wasn)['’]?t\s+(exist|found)/`,
		`no such order`,
		`订单不存在`,
	}
}

// patterns decides whether a desc says that the order does not exist.
type patterns []*regexp.Regexp

// compilePatterns reads patterns of a kind: /…/ is a regular expression (RE2),
// anything else a substring; both without regard to case. nil texts are the
// default ones.
func compilePatterns(kind string, texts []string, otherwise func() []string) (patterns, error) {
	if texts == nil {
		texts = otherwise()
	}
	compiled := make(patterns, 0, len(texts))
	for _, text := range texts {
		expr, regular := strings.CutPrefix(text, "/")
		if regular {
			expr, regular = strings.CutSuffix(expr, "/")
		}
		if !regular {
			expr = regexp.QuoteMeta(text)
		}
		if strings.TrimSpace(expr) == "" {
			return nil, fmt.Errorf("%s pattern %q is empty and would match every refusal; remove it", kind, text)
		}
		re, err := regexp.Compile("(?i)" + expr)
		if err != nil {
			return nil, fmt.Errorf("%s pattern %q is not a regular expression: %w", kind, text, err)
		}
		if re.MatchString("") {
			return nil, fmt.Errorf("%s pattern %q matches an empty text and so every refusal; narrow it", kind, text)
		}
		compiled = append(compiled, re)
	}
	return compiled, nil
}

func (p patterns) match(desc string) bool {
	for _, re := range p {
		if re.MatchString(desc) {
			return true
		}
	}
	return false
}
