package callback

import (
	"strings"
	"unsafe"

	"github.com/settlehook/settlehook/pkg/sign"
)

// Signed is a body as far as it could be read and verified.
type Signed struct {
	Params   sign.Params   // as sent; there whenever the body could be parsed
	Verified sign.Verified // with the key and the dialects
	Callback Callback
}

// Verify reads a body as the receiver does, with a merchant's keys and dialects
// (gateway page, verification rules 1 to 5). It is the only way from a body to
// a callback that may be believed. Errors are a [*sign.SignatureError], a
// [*sign.MalformedError] or [sign.ErrUnsupportedMediaType]; what was read before
// one is returned with it.
//
// What it returns shares the memory of body, which must not change from then on.
func Verify(contentType string, body []byte, ring *sign.Keyring, policy sign.Policy) (s Signed, err error) {
	text := unsafe.String(unsafe.SliceData(body), len(body)) //nolint:gosec // nobody changes it, as said above
	if s.Params, err = sign.ParseText(contentType, text); err != nil {
		return s, err
	}
	if s.Verified, err = ring.VerifyCallback(s.Params, policy); err != nil {
		return s, err
	}
	s.Callback, err = fromFields(s.Verified.Fields)
	return s, err
}

const pathPrefix = "/callbacks/"

// Address takes flow and merchant out of a path as it was sent,
// /callbacks/<flow>/<merchant>: no escape is decoded and nothing is cleaned, so
// a merchant has one path only. Both come from outside: they are to be compared
// with what is configured, and never used. ours is false for any other path.
func Address(path string) (flow, merchant string, ours bool) {
	rest, ours := strings.CutPrefix(path, pathPrefix)
	flow, merchant, two := strings.Cut(rest, "/")
	if !ours || !two || flow == "" || merchant == "" || strings.Contains(merchant, "/") {
		return "", "", false
	}
	return flow, merchant, true
}
