package contracttest

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/settlehook/settlehook/pkg/events"
)

// compiled are the schemas by their URI.
var compiled = sync.OnceValue(func() map[string]*jsonschema.Schema {
	all := map[string]*jsonschema.Schema{}
	for uri, raw := range events.Schemas() {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		if err != nil {
			panic(err)
		}
		c := jsonschema.NewCompiler()
		c.AssertFormat()
		if err := c.AddResource(uri, doc); err != nil {
			panic(err)
		}
		all[uri] = c.MustCompile(uri)
	}
	return all
})

// Event returns what is wrong with the body of an event, by the schema of its
// envelope and the one that its dataschema names.
func Event(body []byte) error {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("no JSON: %w", err)
	}
	if err := compiled()[events.EnvelopeSchemaURI].Validate(v); err != nil {
		return fmt.Errorf("the envelope: %w", err)
	}
	e := v.(map[string]any)
	eventType, named := e["type"].(string), e["dataschema"]
	if uri := events.SchemaURI(eventType); named != uri {
		return fmt.Errorf("dataschema of %s is %v, want %s", eventType, named, uri)
	}
	if err := compiled()[events.SchemaURI(eventType)].Validate(e["data"]); err != nil {
		return fmt.Errorf("the data: %w", err)
	}
	return nil
}
