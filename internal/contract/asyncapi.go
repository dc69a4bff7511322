package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
)

// Version is of the contract, not of the programs: the v1 of the subjects.
const Version = "1.0.0"

// object is any JSON object. encoding/json writes its names in order, so that
// the same contract gives the same bytes.
type object = map[string]any

// document is an AsyncAPI 3.0 document, with its parts in the order in which
// people read them.
type document struct {
	AsyncAPI   string             `json:"asyncapi"`
	ID         string             `json:"id"`
	Info       object             `json:"info"`
	Servers    object             `json:"servers"`
	Channels   map[string]channel `json:"channels"`
	Operations object             `json:"operations"`
	Components components         `json:"components"`
}

type channel struct {
	Address     string `json:"address"`
	Title       string `json:"title"`
	Description string `json:"description"`
	Messages    object `json:"messages"`
	Parameters  object `json:"parameters"`
	JetStream   object `json:"x-jetstream"`
}

type components struct {
	Messages          map[string]message `json:"messages"`
	Parameters        object             `json:"parameters"`
	Schemas           object             `json:"schemas"`
	OperationBindings object             `json:"operationBindings"`
}

type message struct {
	Name        string    `json:"name"`
	Title       string    `json:"title"`
	Summary     string    `json:"summary"`
	ContentType string    `json:"contentType"`
	Headers     object    `json:"headers"`
	Payload     object    `json:"payload"`
	Examples    []example `json:"examples"`
}

type example struct {
	Name    string `json:"name"`
	Headers object `json:"headers"`
	Payload any    `json:"payload"`
}

// AsyncAPI returns docs/asyncapi.json. samples holds an event of each type, as
// pkg/events/testdata does; they become the examples.
func AsyncAPI(samples fs.FS) ([]byte, error) {
	schemas, err := schemas()
	if err != nil {
		return nil, err
	}
	d := document{
		AsyncAPI: "3.0.0", ID: "urn:settlehook", Info: info(), Servers: servers(),
		Channels: map[string]channel{}, Operations: object{},
		Components: components{
			Messages: map[string]message{}, Parameters: parameters(), Schemas: schemas,
			OperationBindings: object{"nats": object{"nats": object{"bindingVersion": "0.1.0"}}},
		},
	}
	for _, f := range families() {
		m, err := f.message(samples)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
		d.Components.Messages[f.name] = m
		d.Channels[f.name] = f.channel()
		d.Operations[f.operation()] = object{
			"action": f.action, "channel": ref("channels", f.name), "summary": f.summary,
			"bindings": ref("components", "operationBindings", "nats"),
		}
	}
	return marshal(d)
}

func info() object {
	return about("Settlement events, and what is kept beside them, over NATS JetStream. "+
		"Read the streams through consumers, not the bare subjects: on those there are also attempts that a stream refused. "+
		"What is guaranteed, and how to read: docs/events.md.", object{"title": "settlehook", "version": Version})
}

func servers() object {
	return object{"nats": about("The installation's NATS with JetStream. deploy/nats has the permissions of each role.",
		object{"host": "nats.example:4222", "protocol": "nats"})}
}

// about gives a part of the document its description.
func about(description string, o object) object {
	o["description"] = description
	return o
}

// ref is a reference to another part of the document.
func ref(path ...string) object {
	to := "#"
	for _, p := range path {
		to += "/" + p
	}
	return object{"$ref": to}
}

// marshal writes JSON as it is checked in.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return b.Bytes(), nil
}

// decode reads JSON with its numbers as they are written.
func decode(raw []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	return v, nil
}
