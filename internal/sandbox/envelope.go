package sandbox

import "encoding/json"

// The codes of the API's answers (API document, data dictionary).
const (
	codeSuccess  = 200
	codeBusiness = 400
	codeAnomaly  = 500
)

// paramAmount names the amount in calls, answers and callbacks.
const paramAmount = "amount"

// envelope is what every answer of the API is wrapped in.
type envelope struct {
	Code    int             `json:"code"`
	Success bool            `json:"success"`
	Msg     *string         `json:"msg"`
	Desc    *string         `json:"desc"`
	Data    json.RawMessage `json:"data"`
	// Sandbox is not in the document: no event may pass this for real money.
	Sandbox bool `json:"sandbox"`
}

// succeed wraps the data of a successful answer.
func succeed(data []byte) envelope {
	msg, desc := "success", ""
	return envelope{Code: codeSuccess, Success: true, Msg: &msg, Desc: &desc, Data: data, Sandbox: true}
}

// refuse wraps an error text.
func refuse(code int, desc string) envelope {
	return envelope{Code: code, Desc: &desc, Sandbox: true}
}
