package events

import (
	"embed"
	"strings"
)

// EnvelopeSchemaURI names the JSON Schema of the envelope around the data.
const EnvelopeSchemaURI = schemaPrefix + "envelope.v1"

const schemaPrefix = "urn:settlehook:schema:"

//go:embed schemas/*.json
var schemaFiles embed.FS

// SchemaURI returns the dataschema of an event type, the $id of its schema.
func SchemaURI(eventType string) string { return schemaPrefix + eventType }

// Schema returns the JSON Schema (draft 2020-12) of the data of an event type,
// such as settlehook.payment.settled.v1, and false for a type it does not know.
// Each schema stands by itself. It is open: fields it does not name are allowed.
func Schema(eventType string) ([]byte, bool) {
	if strings.ContainsAny(eventType, "/") {
		return nil, false
	}
	b, err := schemaFiles.ReadFile("schemas/" + eventType + ".json")
	return b, err == nil
}

// Schemas returns all schemas by their URI: one of the data of each type, and
// [EnvelopeSchemaURI].
func Schemas() map[string][]byte {
	all := map[string][]byte{}
	names := []string{"envelope.v1", TypeSubmitted, TypeRepeated, TypeWithdrawn, TypeBalance}
	for _, o := range Outcomes() {
		names = append(names, Type(o))
	}
	for _, name := range names {
		if b, ok := Schema(name); ok {
			all[SchemaURI(name)] = b
		}
	}
	return all
}
