package tracing

import "go.opentelemetry.io/otel/attribute"

// Attributes of spans, beside OpenTelemetry's own. They are named as the fields
// of the log lines. Bodies, signatures and secrets are in none.
const (
	Merchant       = attribute.Key("settlehook.merchant")
	Flow           = attribute.Key("settlehook.flow")
	OrderID        = attribute.Key("settlehook.order_id")
	Fingerprint    = attribute.Key("settlehook.fingerprint")
	Result         = attribute.Key("settlehook.result")
	Reason         = attribute.Key("settlehook.reason")
	Quarantine     = attribute.Key("settlehook.quarantine")
	StreamSequence = attribute.Key("settlehook.stream_sequence") // in CALLBACKS
	Duplicate      = attribute.Key("settlehook.duplicate")
	Deliveries     = attribute.Key("settlehook.deliveries")
	Tier           = attribute.Key("settlehook.tier")
	Disposition    = attribute.Key("settlehook.disposition")
	Cause          = attribute.Key("settlehook.cause")
	Claim          = attribute.Key("settlehook.claim")
	Verdict        = attribute.Key("settlehook.verdict")
	Outcome        = attribute.Key("settlehook.outcome")
	Conflicts      = attribute.Key("settlehook.conflicts")
	QueryResult    = attribute.Key("settlehook.query_result")
	EventID        = attribute.Key("settlehook.event_id")
	LedgerSequence = attribute.Key("settlehook.ledger_sequence") // in PAYMENTS
)
