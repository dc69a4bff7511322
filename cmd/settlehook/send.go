package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/settlehook/settlehook/internal/callback"
	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/pkg/events"
	"github.com/settlehook/settlehook/pkg/sign"
)

type sendCmd struct {
	To       string        `default:"http://127.0.0.1:8080" placeholder:"URL" help:"Address of the receiver (${default})."`
	File     string        `name:"merchants" env:"MERCHANTS_FILE" required:"" type:"existingfile" placeholder:"PATH" help:"The merchants file, for the merchant's signing key."`
	Merchant string        `required:"" placeholder:"ID" help:"Id of the merchant."`
	Flow     string        `default:"collect" enum:"collect,pay" help:"collect or pay."`
	Order    string        `required:"" placeholder:"ID" help:"The merchant's order id."`
	Plat     string        `default:"1" help:"The gateway's order id."`
	Amount   string        `required:"" placeholder:"AMOUNT" help:"Amount in major units, as it is to be written."`
	Status   string        `default:"1" enum:"0,1,2" help:"0 submitted, 1 success, 2 failed."`
	Reverse  bool          `help:"Say that the order is reversed."`
	Fee      string        `default:"0" help:"Fee in major units, as it is to be written."`
	Remark   string        `help:"The gateway's remark."`
	Timeout  time.Duration `default:"10s" help:"Longest to wait for the answer."`
}

// Help stands below the usage.
func (sendCmd) Help() string {
	return `Posts a callback as the gateway would, and prints the status and the answer. The receiver
answers success once the callback is stored; what becomes of the order is for the
gateway's order query to say.

    settlehook send --merchants merchants.yaml --merchant m1001 --order A1 --amount 10.00`
}

// Run signs a callback and posts it.
func (c *sendCmd) Run(io streams) error {
	body, err := c.body()
	if err != nil {
		return err
	}
	status, answer, err := c.post(body)
	if err != nil {
		return err
	}
	if status == http.StatusOK && string(answer) == "success" {
		_, _ = fmt.Fprintln(io.out, "200 success")
		return nil
	}
	// Quoted, since only the seven bytes count, and whoever answers may not be
	// a receiver.
	said := string(answer)
	if status != http.StatusOK {
		said = strings.TrimSuffix(said, "\n")
	}
	_, _ = fmt.Fprintf(io.out, "refused: %d %q\n", status, said)
	return errRefused
}

func (c *sendCmd) body() ([]byte, error) {
	m, err := findMerchant(c.File, c.Merchant)
	if err != nil {
		return nil, err
	}
	params := sign.Params{
		{Name: "platOrderId", Value: c.Plat, Kind: sign.KindString},
		{Name: "orderId", Value: c.Order, Kind: sign.KindString},
		{Name: "amount", Value: c.Amount, Kind: sign.KindNumber},
		{Name: "status", Value: c.Status, Kind: sign.KindNumber},
		{Name: "reverse", Value: strconv.FormatBool(c.Reverse), Kind: sign.KindBool},
		{Name: "remark", Value: c.Remark, Kind: sign.KindString},
		{Name: "fee", Value: c.Fee, Kind: sign.KindNumber},
	}
	params = append(params, sign.Param{Name: "sign", Value: m.Keyring.Sign(params), Kind: sign.KindString})
	body := params.JSON()
	if err := readable(body, m); err != nil {
		return nil, usageError{err}
	}
	return body, nil
}

// readable reads a callback as the receiver will: a slip of the hand is better
// said here.
func readable(body []byte, m *config.Merchant) error {
	params, err := sign.ParseJSON(body)
	if err != nil {
		return err
	}
	if _, err := m.Keyring.VerifyCallback(params, m.Policy); err != nil {
		return err
	}
	_, err = callback.FromParams(params)
	return err
}

func (c *sendCmd) post(body []byte) (status int, answer []byte, err error) {
	flow, err := events.ParseFlow(c.Flow)
	if err != nil {
		return 0, nil, usageError{err}
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.Timeout)
	defer cancel()
	url := strings.TrimRight(c.To, "/") + "/callbacks/" + string(flow) + "/" + c.Merchant
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil || req.URL.Host == "" {
		return 0, nil, usageError{fmt.Errorf("--to: %q is not an address like http://127.0.0.1:8080", c.To)}
	}
	req.Header.Set("Content-Type", sign.MediaJSON)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		return 0, nil, fmt.Errorf("post the callback: %w; is a receiver listening there?", err)
	}
	answer, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	return res.StatusCode, answer, errors.Join(err, res.Body.Close())
}

// maxAnswer is more than any line the receiver answers.
const maxAnswer = 4 << 10
