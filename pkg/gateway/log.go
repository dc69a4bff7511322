package gateway

import (
	"time"

	"go.uber.org/zap"
)

// logCall writes the line of a call: never a body, never a private value.
func (c *Client) logCall(req request, sent []field, status int, err error, took time.Duration) {
	entry := c.log.Check(zap.DebugLevel, "gateway call")
	if entry == nil {
		return
	}
	fields := []zap.Field{
		zap.String("endpoint", req.endpoint), zap.String("result", resultOf(err)), zap.Duration("took", took),
	}
	if req.orderID != "" {
		fields = append(fields, zap.String("order", req.orderID))
	}
	if status != 0 {
		fields = append(fields, zap.Int("status", status))
	}
	if err != nil {
		fields = append(fields, zap.String("error", err.Error()))
	}
	entry.Write(append(fields, zap.Object("request", shownFields(sent)))...)
}

// resultOf names the outcome of a call.
func resultOf(err error) string {
	switch err.(type) { //nolint:errorlint // call returns them bare
	case nil:
		return "ok"
	case *NotFoundError:
		return "not_found"
	case *BusinessError:
		return "refused"
	case *AnomalyError:
		return "anomaly"
	case *TransportError:
		return "transport"
	}
	return "answer"
}
