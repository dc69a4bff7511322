// Package gateway is the client of the payment gateway's API, for the order
// service of a merchant and for settlehook itself. It has the API's four
// endpoints:
//
//   - [Client.CreateCollect]: a payer is to pay the merchant. Returns the address
//     of the cashier page.
//   - [Client.CreatePay]: the merchant is to pay someone. Returns the gateway's
//     own order id.
//   - [Client.QueryOrder]: what became of an order of either flow.
//   - [Client.QueryBalance]: what the gateway holds for the merchant.
//
// The gateway is the truth about money: a callback only says that there is
// something to look at, and QueryOrder is the look. An answer is therefore read
// as strictly as a callback (gateway page, verification rule 6): bounded in
// size, valid UTF-8, no name twice, no trailing data, typed fields, and amounts
// that go from their text to a decimal without a float in between.
//
// # Creating an order
//
// A create goes in three steps, and none begins before the one before it is
// done:
//
//  1. The order is checked: what the API asks for, the rules of the region
//     ([region.Rules]), and that its sign can't be that of another order.
//     Nothing is rounded, cut or completed to make it fit.
//  2. It is registered with settlehook through [Config.Orders], so that what is
//     paid can be compared with what was asked (events then say match:
//     three-way), and so that the sweep finds an order whose callbacks got lost.
//     An order that can't be registered is not sent. [Unannounced] switches
//     this off, for trying credentials.
//  3. It is posted, once. The transport never repeats a create by itself.
//
// The cashier page or the platform order id is all a create says. What became
// of the order is told by settlehook's events. They supersede whatever the
// create returned: an order whose create ended in an error may still settle,
// since a callback can come before the create returns, or without the create
// ever returning. So store the order before creating it, and let events decide.
//
// # What the errors of a create mean
//
// Ask for them in this order: an UnknownError wraps what caused it, which may be
// a TransportError.
//
//   - wraps [ErrInvalidRequest]: the order broke a rule, most often as a
//     [*region.FieldError] that names the parameter. Nothing was announced or
//     sent. Correct it and create it, under the same order id if you like.
//   - wraps [ErrNotAnnounced]: the registration failed. Nothing was sent. Create
//     it again under the same order id, unless the cause says that the id is
//     used up or was registered with another amount.
//   - [*UnknownError]: the order may exist. Ask with QueryOrder, or create it
//     again under the same order id, after a pause that grows; where it stays
//     unknown for hours, a person asks the gateway.
//   - [*TransportError] otherwise, with NotSent: the gateway got nothing. Create
//     it again under the same order id.
//   - [*RefusedError]: the gateway refused it in words that are final
//     ([Config.Refusals]) and knows no such order. With Withdrawn, the
//     registration was taken back: correct the order and create it under a new
//     id. Otherwise another attempt may still be on its way: correct it and keep
//     id and amount.
//   - [*ExistsError]: the gateway has an order of this id. After a repeat, and
//     over the same amount, that is good news: treat it as created. With Fresh,
//     or over another amount, your ids are not unique.
//
// A payout that exists is all there is to wish for. Of a collection whose answer
// was lost, the cashier page is lost too: the API has no way to ask for it again,
// so nobody can pay that order, and it ends failed or expired. If the payer is
// still there, offer a new sale, an order of its own; should both be paid after
// all, each is told as what it is. Never do that for a payout.
//
// Never answer an error of a payout with a new order id, except after a
// RefusedError with Withdrawn. The gateway refuses an order id that it has, so a
// repeat under the same one can't become a second order; a repeat under a new
// one can, and both may be paid. That a query finds no order right after an
// UnknownError proves nothing either: the create may still be under way. Nor can
// the amount of an order change: a correction that changes it is a new order,
// and needs what a new id needs, or a person who has ruled out the first attempt.
//
// Sandbox, in every answer, says that settlehook's sandbox gave it: an order
// service in production should refuse to go on.
//
// # What the errors of a query mean
//
//   - [*NotFoundError]: the gateway knows no such order.
//   - [*BusinessError]: any other refusal (bad sign, blocked address, unknown
//     merchant). It says nothing about the order: check the settings.
//   - [*AnomalyError]: the gateway reports an anomaly of its own: ask later.
//   - [*TransportError]: no usable HTTP answer: ask later.
//   - [*AnswerError]: an answer that can't be understood: ask later; or, with
//     Mismatch, one about another order, for a person to look at.
//
// [Unavailable] tells the failures that pass with time from the others.
//
// # What is kept secret
//
// No error and no log line holds a secret, a body, or a value about a person;
// what a gateway's text quotes of these is redacted too. [CollectOrder] and
// [PayOrder] print and log with the mark "[redacted]" instead, and are not
// marshalled at all ([ErrPrivate]): store a type of your own.
package gateway
