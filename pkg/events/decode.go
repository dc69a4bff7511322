package events

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Decode reads a payment event in structured mode and holds it to the contract,
// so that a consumer need not check anything again. It refuses
//
//   - what is not one JSON object in UTF-8: [ErrNotJSON]
//   - another CloudEvents version: *[UnsupportedVersionError]
//   - a type this package does not know: *[UnknownTypeError]
//   - a field that is missing, null, twice there, of the wrong type or out of its
//     range, or an envelope that contradicts its data: *[InvalidError]
//
// Fields it does not know are skipped, in the envelope and in the data: later
// versions of settlehook may add some without changing the type.
func Decode(b []byte) (Event, error) {
	env, err := decodeEnvelope(b, func(t string) bool { return dataReaders[t] != nil })
	if err != nil {
		return Event{}, err
	}
	data, err := dataReaders[env.Type](env.Data)
	if err != nil {
		return Event{}, under("data", err)
	}
	p := data.Common()
	p.Evidence.ReceivedAt = utc(p.Evidence.ReceivedAt)
	p.Evidence.ConfirmedAt = utc(p.Evidence.ConfirmedAt)
	e := Event{
		ID: env.ID, Source: env.Source, Type: env.Type, Subject: env.Subject,
		Time: utc(env.Time), DataSchema: env.DataSchema, Data: data.with(p),
	}
	if err := e.check(); err != nil {
		return Event{}, err
	}
	return e, nil
}

// decodeData reads the data of one type.
func decodeData[T Data](raw json.RawMessage) (Data, error) {
	var data T
	err := decodeStrict(raw, &data)
	return data, err
}

// dataReaders holds, by type, what reads the data.
var dataReaders = map[string]func(json.RawMessage) (Data, error){
	Type(OutcomeSettled):  decodeData[Settled],
	Type(OutcomeFailed):   decodeData[Failed],
	Type(OutcomeReversed): decodeData[Reversed],
	Type(OutcomeExpired):  decodeData[Expired],
	Type(OutcomeReview):   decodeData[Review],
	Type(OutcomeResolved): decodeData[Resolved],
}

// decodeEnvelope reads an envelope of a known type. Version and type are looked
// at first: of another version nothing else can be said.
func decodeEnvelope(b []byte, known func(eventType string) bool) (envelope, error) {
	if !utf8.Valid(b) {
		return envelope{}, fmt.Errorf("%w: not UTF-8", ErrNotJSON)
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(b, &object); err != nil {
		return envelope{}, fmt.Errorf("%w: %w", ErrNotJSON, err)
	}
	if object == nil {
		return envelope{}, fmt.Errorf("%w: null", ErrNotJSON)
	}
	var head struct {
		SpecVersion string `json:"specversion"`
		Type        string `json:"type"`
	}
	if err := decodeStrict(b, &head); err != nil {
		return envelope{}, err
	}
	if head.SpecVersion != specVersion {
		return envelope{}, &UnsupportedVersionError{Version: head.SpecVersion}
	}
	if !known(head.Type) {
		return envelope{}, &UnknownTypeError{Type: head.Type}
	}
	if _, binary := object["data_base64"]; binary {
		return envelope{}, invalid("data_base64", "binary data is not supported")
	}
	var env envelope
	if err := decodeStrict(b, &env); err != nil {
		return envelope{}, err
	}
	media, _, _ := strings.Cut(env.DataContentType, ";") // parameters, such as a charset, say nothing about JSON
	if env.DataContentType != "" && !strings.EqualFold(strings.TrimSpace(media), dataContentType) {
		return envelope{}, invalid("datacontenttype", "want "+dataContentType)
	}
	return env, nil
}
