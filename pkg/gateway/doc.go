// Package gateway is the client of the payment gateway's API.
//
// The gateway is the truth about money: a callback only says that there is
// something to look at, and QueryOrder is the look. An answer is therefore
// read as strictly as a callback (gateway page, verification rule 6): bounded
// in size, valid UTF-8, no name twice, no trailing data, typed fields, and
// amounts that go from their text to a decimal without a float in between.
//
// Every failure is one of five types, because each means something else to
// the caller:
//
//   - *NotFoundError: the gateway knows no such order.
//   - *BusinessError: any other refusal (bad sign, blocked address, unknown
//     merchant). It says nothing about the order.
//   - *AnomalyError: the gateway reports an anomaly of its own.
//   - *TransportError: no usable HTTP answer.
//   - *AnswerError: an answer that cannot be understood, or is about another
//     order.
//
// Unavailable tells the failures that pass with time from the two that are
// statements about the order. No error holds a secret or a body.
package gateway
