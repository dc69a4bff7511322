package tail

import (
	"github.com/settlehook/settlehook/internal/stream"
	"github.com/settlehook/settlehook/pkg/events"
)

// filters are the subjects to follow, by stream.
func (o Options) filters() map[string][]string {
	all := map[string][]string{stream.Payments: o.eventFilters()}
	if o.EventsOnly || len(o.Outcomes) > 0 {
		return all
	}
	bucket := ""
	if o.Order != "" {
		bucket = events.Bucket(o.Order) // which it shares with others: write looks again
	}
	whose := wild(o.Flow) + "." + wild(o.Merchant)
	all[stream.Callbacks] = []string{"callbacks.v1." + whose + "." + wild(bucket)}
	all[stream.Parked] = []string{"parked.v1." + whose}
	all[stream.Quarantine] = []string{"quarantine.v1.*." + whose}
	return all
}

// eventFilters name the outcomes; reviews have a token more.
func (o Options) eventFilters() []string {
	order := ""
	if o.Order != "" {
		order = events.EscapeToken(o.Order)
	}
	rest := "." + wild(o.Flow) + "." + wild(o.Merchant) + "." + wild(order)
	if len(o.Outcomes) == 0 {
		return []string{"payments.v1.*" + rest, "payments.v1.*" + rest + ".>"}
	}
	var list []string
	for _, outcome := range o.Outcomes {
		filter := "payments.v1." + string(outcome) + rest
		if !outcome.Final() {
			filter += ".*"
		}
		list = append(list, filter)
	}
	return list
}

// wild is a token of a subject, or any.
func wild(token string) string {
	if token == "" {
		return "*"
	}
	return token
}
