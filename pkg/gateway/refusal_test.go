package gateway

import "testing"

func TestDefiniteRefusals(t *testing.T) {
	refusals, err := compilePatterns("refusal", nil, DefaultRefusals)
	if err != nil {
		t.Fatal(err)
	}
	c := &Client{refusals: refusals}
	for desc, want := range map[string]bool{
		"parameter error: remark: is missing": true, "Illegal parameter": true, "invalid bank account": true,
		"payCode is required": true, "orderId must be unique": false, "insufficient balance": true, "Not enough funds": true,
		"amount exceeds the limit": true, "amount is below the minimum": true, "payCode not supported": true,
		"channel is closed": true, "wrong IFSC": true, "参数错误": true, "余额不足": true,

		"": false, "channel busy": false, "no": false, "system error": false,
		"duplicate orderId": false, "orderId has been used": false, "order existed": false, "order no conflict": false,
		"order is processing": false, "channel timeout": false, "result unknown": false, "pedido duplicado": false,
		"parameter orderId already exists": false, "invalid: order exists": false, "order id is taken": false,
		"nomor pesanan sudah ada": false, "订单已使用": false, "订单已提交": false, "订单号不唯一": false, "订单号重复": false,
		"too many requests": false, "invalid state, try again later": false,
	} {
		if got := c.definite(&BusinessError{Desc: desc}); got != want {
			t.Errorf("definite(%q) = %t", desc, got)
		}
	}
}
