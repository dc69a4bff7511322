package gateway

import "regexp"

// DefaultRefusals returns the patterns that Config.Refusals stands for when it
// is nil: the desc must say, in so many words, what is wrong with the order or
// with the merchant, so that nothing can have been created.
//
// They are narrow on purpose: what they don't match is taken for unknown, which
// costs a repeat under the same id. Taking "channel timeout" for a refusal could
// cost a second payout.
func DefaultRefusals() []string {
	return []string{
		`/\bparam(eter)?s?\b/`,
		`/\b(invalid|illegal|incorrect|malformed|wrong|bad)\b/`,
		`/\b(required|missing|blank|empty)\b|\bmust (not )?be\b/`,
		`/\bformat\b/`,
		`/\binsufficient\b|\bnot enough\b|\bbalance\b/`,
		`/\b(min|max)imum\b|\btoo (small|large|low|high|long|short)\b|\bexceed|\bout of range\b|\bbelow\b/`,
		`/\bnot (be )?(allowed|permitted|supported|enabled)\b/`,
		`/\b(closed|disabled|frozen|suspended|blacklist)/`,
		`/\b(ifsc|cpf|cnpj|pix key)\b/`,
		`参数`, `余额不足`, `签名`,
	}
}

// uncertain matches refusals after which the order may exist all the same, or
// come to exist: its id is taken, or it is under way. It counts before
// [Config.Refusals], and is wide on purpose.
var uncertain = regexp.MustCompile(`(?i)duplica|repeat|repetid|already|exist|in use|been used|taken|conflict|unique|` +
	`time[ds]?[ -]?out|process|progress|pending|unknown|unconfirmed|handling|busy|retry|again|later|wait|too (many|frequent)|` +
	`sudah|重复|已存在|已使用|已提交|不唯一|超时|处理中|稍后|频繁`)

// definite reports whether a refusal with code 400 means that the order does not
// exist and won't, provided that the order query knows none.
func (c *Client) definite(refusal *BusinessError) bool {
	return !uncertain.MatchString(refusal.Desc) && c.refusals.match(refusal.Desc)
}
