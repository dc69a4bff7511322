package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// user is who the servers say we are, and what we may do.
type user struct {
	name string // empty: nobody was asked for a name
	// limits are what the user may do; nil: everything.
	limits *limits
	// untold: the servers may not be asked.
	untold bool
}

// limits are a user's permissions as nats-server tells them.
type limits struct {
	Publish   *subjects `json:"publish"`
	Subscribe *subjects `json:"subscribe"`
}

// subjects are what is allowed but for what is denied; no list of allowed ones
// allows all.
type subjects struct {
	Allow []string `json:"allow"`
	Deny  []string `json:"deny"`
}

const subjectUserInfo = "$SYS.REQ.USER.INFO"

// userPatience: where it is denied, no answer comes.
const userPatience = 2 * time.Second

func (v *visit) whoami(ctx context.Context) (user, error) {
	l, err := v.nats.get(ctx)
	if err != nil {
		return user{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, min(userPatience, v.o.Timeout/3, v.o.Settings.NATS.PublishTimeout))
	defer cancel()
	reply, err := l.nc.RequestWithContext(ctx, subjectUserInfo, nil)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrNoResponders) {
		return user{untold: true}, nil
	}
	if err != nil {
		return user{}, fmt.Errorf("ask NATS who this is: %w", err)
	}
	var answer struct {
		Data struct {
			User        string  `json:"user"`
			Permissions *limits `json:"permissions"`
		} `json:"data"`
	}
	if err := json.Unmarshal(reply.Data, &answer); err != nil {
		return user{}, fmt.Errorf("ask NATS who this is: %w", err)
	}
	return user{name: answer.Data.User, limits: answer.Data.Permissions}, nil
}

// mayAsk reports whether the user may publish on a subject; where that is not
// told, it is tried.
func (u user) mayAsk(subject string) bool { return u.limits == nil || u.limits.Publish.permit(subject) }

// permit reports whether everything that a pattern stands for is allowed.
func (s *subjects) permit(pattern string) bool {
	if s == nil {
		return true
	}
	if slices.ContainsFunc(s.Deny, func(d string) bool { return covers(d, pattern) || covers(pattern, d) }) {
		return false
	}
	return len(s.Allow) == 0 || slices.ContainsFunc(s.Allow, func(a string) bool { return covers(a, pattern) })
}

// covers reports whether every subject of inner is one of outer.
func covers(outer, inner string) bool {
	a, b := strings.Split(outer, "."), strings.Split(inner, ".")
	for i, token := range a {
		switch {
		case token == ">":
			return len(b) > i
		case i >= len(b) || b[i] == ">":
			return false
		case token != "*" && token != b[i]:
			return false
		}
	}
	return len(a) == len(b)
}

// denied is what a check has to ask and the user may not; empty: nothing.
func (v *visit) denied(ctx context.Context, c check) string {
	if len(c.asks) == 0 {
		return ""
	}
	u, err := v.user.get(ctx)
	if err != nil {
		return "" // the check will say so
	}
	for _, subject := range c.asks {
		if !u.mayAsk(subject) {
			return subject
		}
	}
	return ""
}

// permissions compares what the user may do with what its role needs. The
// servers tell only about the user that asks, so the other roles are not seen.
func permissions(ctx context.Context, v *visit) ([]Finding, error) {
	u, err := v.user.get(ctx)
	if err != nil {
		return nil, err
	}
	const file = "deploy/nats/permissions.conf"
	if u.untold {
		return []Finding{skipped("run the doctor as the role operator, or allow this user to publish "+subjectUserInfo+" ("+file+")",
			"NATS does not tell this user what it may do")}, nil
	}
	if u.limits == nil || u.limits.Publish == nil {
		return []Finding{warn("give each role a user of its own ("+file+")",
			"%s may do everything: whoever reaches NATS this way can write to the ledger", who(u))}, nil
	}
	role, known := roles[u.name]
	if !known {
		role = roles[roleOperator] // under another name: it is what runs the doctor
	}
	var found []Finding
	for _, subject := range role {
		if !u.limits.Publish.permit(subject) {
			found = append(found, fail(fmt.Sprintf("allow it to publish %q (%s) and reload the servers ('nats-server --signal reload')", subject, file),
				"%s may not publish %s, which its role needs", who(u), subject))
		}
	}
	for _, subject := range tooMuch(u.limits.Publish.Allow, role) {
		found = append(found, warn(fmt.Sprintf("take %q out of what it may publish (%s)", subject, file),
			"%s may publish %s, which its role does not need", who(u), subject))
	}
	if len(found) > 0 {
		return found, nil
	}
	return []Finding{ok("%s may do what its role needs, and no more; the other roles are not seen from here", who(u))}, nil
}

func who(u user) string {
	if u.name == "" {
		return "this user (without a name)"
	}
	return "user " + u.name
}

// tooMuch are the allowed subjects that no subject of the role covers.
func tooMuch(allowed, role []string) (more []string) {
	for _, a := range allowed {
		if !slices.ContainsFunc(role, func(r string) bool { return covers(r, a) }) {
			more = append(more, a)
		}
	}
	return more
}
