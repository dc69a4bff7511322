package events_test

import (
	"errors"
	"fmt"

	"github.com/settlehook/settlehook/pkg/events"
)

func ExampleDecode() {
	body := []byte(`{
	  "specversion": "1.0",
	  "id": "m1001/A%2E17/settled",
	  "source": "urn:settlehook:prod:m1001",
	  "type": "settlehook.payment.settled.v1",
	  "subject": "A.17",
	  "time": "2026-05-01T19:04:05Z",
	  "datacontenttype": "application/json",
	  "data": {
	    "outcome": "settled", "reason": "amounts_agree", "via": "callback", "match": "three-way",
	    "flow": "collect", "merchant": "m1001", "account": "8801", "orderId": "A.17",
	    "amount": "1000.00", "fee": "12.50", "net": "987.50", "submittedAmount": "1000.00",
	    "currency": "INR", "direction": "credit", "bookingDate": "2026-05-02", "livemode": true
	  }
	}`)

	event, err := events.Decode(body)
	var unknown *events.UnknownTypeError
	switch {
	case errors.As(err, &unknown):
		fmt.Println("a newer settlehook; count it and go on:", unknown.Type)
		return
	case err != nil:
		fmt.Println("alarm:", err)
		return
	}
	switch data := event.Data.(type) {
	case events.Settled:
		fmt.Println("book once under", event.ID)
		fmt.Println(data.Direction, data.Net, data.Currency, "on", data.BookingDate)
	case events.Reversed:
		fmt.Println("book back what", data.Supersedes, "booked")
	}
	// Output:
	// book once under m1001/A%2E17/settled
	// credit 987.50 INR on 2026-05-02
}

func ExampleDecode_invalid() {
	_, err := events.Decode([]byte(`{"specversion": "1.0", "type": "settlehook.payment.failed.v1", "id": null}`))
	var invalid *events.InvalidError
	if errors.As(err, &invalid) {
		fmt.Println(invalid.Field)
	}
	fmt.Println(err)
	// Output:
	// id
	// invalid event: id: is null: what is unknown must be left out
}

func ExampleSubject() {
	order := events.Order{Flow: events.FlowCollect, Merchant: "m1001", OrderID: "A.17"}
	fmt.Println(events.Subject(events.OutcomeSettled, order))
	fmt.Println(events.ReviewSubject(order, events.CaseTail(order, "amount_differs", "1000", "900")))
	fmt.Println(events.GuardFilter(order.Merchant, order.OrderID))
	// Output:
	// payments.v1.settled.collect.m1001.A%2E17
	// payments.v1.review.collect.m1001.A%2E17.amount_differs-7cba0241
	// payments.v1.*.*.m1001.A%2E17
}

func ExampleParseSubject() {
	parts, err := events.ParseSubject("payments.v1.settled.collect.m1001.A%2E17")
	fmt.Println(parts.Outcome, parts.Flow, parts.Merchant, parts.OrderID, err)
	// Output: settled collect m1001 A.17 <nil>
}
