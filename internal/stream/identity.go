package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
)

// Anonymous is who acts where the servers ask nobody for a name.
const Anonymous = "anonymous"

// globalAccount is the server's name of the account that is there without any
// configuration.
const globalAccount = "$G"

// subjectUserInfo is where a server tells a connection who it is.
const subjectUserInfo = "$SYS.REQ.USER.INFO"

// Identity asks the servers as whom they know this connection: a user, with the
// account behind an @ unless there is only one, or [Anonymous]. It is the
// servers' word and not the environment's, which a person could set.
func Identity(ctx context.Context, nc *nats.Conn) (string, error) {
	reply, err := nc.RequestWithContext(ctx, subjectUserInfo, nil)
	if err != nil {
		return "", fmt.Errorf("ask NATS who this is (%s): %w; allow this user to publish there", subjectUserInfo, err)
	}
	var answer struct {
		Data *struct {
			User    string `json:"user"`
			Account string `json:"account"`
		} `json:"data"`
		Error *struct {
			Description string `json:"description"`
		} `json:"error"`
	}
	if err := json.Unmarshal(reply.Data, &answer); err != nil {
		return "", fmt.Errorf("ask NATS who this is: %w", err)
	}
	switch {
	case answer.Error != nil:
		return "", fmt.Errorf("ask NATS who this is: %s", oneLine(answer.Error.Description))
	case answer.Data == nil:
		return "", errors.New("ask NATS who this is: the answer says nothing")
	}
	user, account := oneLine(answer.Data.User), oneLine(answer.Data.Account)
	switch {
	case user == "":
		return Anonymous, nil
	case account == "" || account == globalAccount:
		return user, nil
	default:
		return user + "@" + account, nil
	}
}
