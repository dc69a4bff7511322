package contract

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"strings"

	"github.com/settlehook/settlehook/pkg/events"
)

// envelopeName names the schema of a whole event.
func envelopeName(eventType string) string { return eventType + ".event" }

// schemas are those of pkg/events, in the dialect that AsyncAPI speaks by
// default, draft 7: definitions that several share stand once, beside them.
func schemas() (object, error) {
	all := object{"callbackBody": callbackBody()}
	for uri, raw := range events.Schemas() {
		var s object
		if err := json.Unmarshal(raw, &s); err != nil {
			return nil, fmt.Errorf("%s: %w", uri, err)
		}
		defs, _ := s["$defs"].(object)
		for _, meta := range []string{"$schema", "$id", "$defs"} {
			delete(s, meta)
		}
		defs = maps.Clone(defs)
		if uri == events.EnvelopeSchemaURI {
			for _, f := range families() {
				if f.event != "" {
					all[envelopeName(f.event)] = draft7(envelope(s, f.event))
				}
			}
		} else {
			all[strings.TrimPrefix(uri, "urn:settlehook:schema:")] = draft7(s)
		}
		for name, def := range defs {
			def := draft7(def)
			if other, there := all[name]; there && !reflect.DeepEqual(other, def) {
				return nil, fmt.Errorf("%s: another schema defines %s otherwise", uri, name)
			}
			all[name] = def
		}
	}
	return all, nil
}

// envelope is the schema of a whole event of one type.
func envelope(general object, eventType string) object {
	properties := maps.Clone(general["properties"].(object))
	properties["type"] = object{"const": eventType}
	properties["dataschema"] = object{"const": events.SchemaURI(eventType)}
	properties["data"] = object{"$ref": "#/$defs/" + eventType}
	one := maps.Clone(general)
	one["title"], one["properties"] = "Event "+eventType, properties
	return one
}

// draft7 rewrites a schema of draft 2020-12: in draft 7 a $ref silences
// everything beside it, so it moves into an allOf.
func draft7(schema any) any {
	switch s := schema.(type) {
	case object:
		rewritten := object{}
		for name, v := range s {
			rewritten[name] = draft7(v)
		}
		to, is := rewritten["$ref"].(string)
		if !is {
			return rewritten
		}
		rewritten["$ref"] = "#/components/schemas/" + strings.TrimPrefix(to, "#/$defs/")
		if len(rewritten) == 1 {
			return rewritten
		}
		rewritten["allOf"] = []any{object{"$ref": rewritten["$ref"]}}
		delete(rewritten, "$ref")
		return rewritten
	case []any:
		rewritten := make([]any, len(s))
		for i, v := range s {
			rewritten[i] = draft7(v)
		}
		return rewritten
	default:
		return schema
	}
}

// callbackBody is what the gateway sent, whatever that was.
func callbackBody() object {
	return texts("The bytes that were posted, JSON or a form as the header Content-Type says, and in quarantine anything at all. "+
		"docs/openapi-receiver.json says what a callback is.", "title", "The body as received")
}
