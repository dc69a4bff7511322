package sandbox

import (
	"bytes"
	"encoding/json"

	"github.com/settlehook/settlehook/pkg/sign"
)

// flatJSON writes parameters as one JSON object in their order, numbers and
// booleans as the text they were signed with.
func flatJSON(params sign.Params) []byte {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, p := range params {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(jsonString(p.Name))
		b.WriteByte(':')
		switch p.Kind {
		case sign.KindString:
			b.Write(jsonString(p.Value))
		case sign.KindNull:
			b.WriteString("null")
		case sign.KindNumber, sign.KindBool:
			b.WriteString(p.Value)
		}
	}
	b.WriteByte('}')
	return b.Bytes()
}

func jsonString(s string) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	// A string always encodes.
	_ = enc.Encode(s)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// The codes of the API's answers (API document, data dictionary).
const (
	codeSuccess  = 200
	codeBusiness = 400
)

// envelope is what every answer of the API is wrapped in.
type envelope struct {
	Code    int             `json:"code"`
	Success bool            `json:"success"`
	Msg     *string         `json:"msg"`
	Desc    *string         `json:"desc"`
	Data    json.RawMessage `json:"data"`
}

// succeed wraps the data of a successful answer.
func succeed(data []byte) envelope {
	msg, desc := "success", ""
	return envelope{Code: codeSuccess, Success: true, Msg: &msg, Desc: &desc, Data: data}
}

// refuse wraps an error text.
func refuse(code int, desc string) envelope {
	return envelope{Code: code, Desc: &desc}
}
