// Package sign reads, signs and verifies the flat parameter lists that the
// gateway exchanges with merchants.
//
// The scheme: every parameter except sign and the empty ones, sorted by the
// bytes of its name, joined as name=value with &, then &key=SECRET, and the
// MD5 of that in lowercase hex. Values are joined unescaped and numbers are
// signed as their text, so two things decide whether a signature can be
// trusted, and this package is strict about both:
//
//   - The text of a value must reach the hash as it was sent. [ParseJSON] and
//     [ParseForm] therefore keep raw number tokens and never go through a
//     float.
//   - Different callbacks can share one signed string. [Keyring.VerifyCallback]
//     refuses every shape for which that is possible before it looks at the
//     signature.
//
// Senders of this gateway family render values differently. The renderings
// that are safe are tried when the plain one fails and reported as [Dialect]s;
// the others are opened per merchant by a [Policy]. The package does no I/O,
// and a valid signature alone proves only who sent a callback, never that its
// content is true.
package sign
