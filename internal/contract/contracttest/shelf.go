package contracttest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/settlehook/settlehook/pkg/events"
)

// shelves are what PARKED's and QUARANTINE's messages are called in
// docs/asyncapi.json, by the begin of their subjects.
var shelves = map[string]string{
	"parked.v1.": "parkedCallback",
	"quarantine.v1." + events.QuarantineSignature + ".": "quarantineSignature",
	"quarantine.v1." + events.QuarantineMalformed + ".": "quarantineMalformed",
	"quarantine.v1." + events.QuarantineUnknown + ".":   "quarantineUnknown",
}

// headerSchemas are those of the shelves' messages, whose bodies may be anything.
var headerSchemas = sync.OnceValues(func() (map[string]*jsonschema.Schema, error) {
	_, file, _, _ := runtime.Caller(0)
	text, err := os.ReadFile(filepath.Join(filepath.Dir(file), "..", "..", "..", "docs", "asyncapi.json"))
	if err != nil {
		return nil, err
	}
	var doc struct {
		Components struct {
			Messages map[string]struct {
				Headers any `json:"headers"`
			} `json:"messages"`
		} `json:"components"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	all := map[string]*jsonschema.Schema{}
	for _, name := range shelves {
		c := jsonschema.NewCompiler()
		c.AssertFormat()
		if err := c.AddResource(name, doc.Components.Messages[name].Headers); err != nil {
			return nil, err
		}
		if all[name], err = c.Compile(name); err != nil {
			return nil, err
		}
	}
	return all, nil
})

// shelved returns what is wrong with the headers of a callback that was parked or
// refused.
func shelved(m jetstream.Msg) error {
	schemas, err := headerSchemas()
	if err != nil {
		return fmt.Errorf("docs/asyncapi.json: %w", err)
	}
	headers := map[string]any{}
	for name, values := range m.Headers() {
		headers[name] = values[0]
	}
	for begin, name := range shelves {
		if strings.HasPrefix(m.Subject(), begin) {
			if err := schemas[name].Validate(headers); err != nil {
				return fmt.Errorf("the headers: %w", err)
			}
			return nil
		}
	}
	return errors.New("docs/asyncapi.json has no such subject")
}
