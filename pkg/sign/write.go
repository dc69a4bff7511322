package sign

import (
	"bytes"
	"encoding/json"
)

// JSON writes p as one flat JSON object in its order: strings as strings, numbers,
// true and false as the text they are signed with. It is the other direction of
// [ParseJSON], for whoever sends.
func (p Params) JSON() []byte {
	var b bytes.Buffer
	b.WriteByte('{')
	for i := range p {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(jsonString(p[i].Name))
		b.WriteByte(':')
		switch p[i].Kind {
		case KindNull:
			b.WriteString("null")
		case KindNumber, KindBool:
			b.WriteString(p[i].Value)
		default:
			b.Write(jsonString(p[i].Value))
		}
	}
	b.WriteByte('}')
	return b.Bytes()
}

func jsonString(s string) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always encodes
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
