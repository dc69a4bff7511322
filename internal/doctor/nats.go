package doctor

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// testedVersion is the nats-server that everything is tested with.
const testedVersion = "2.15.2"

// natsServer says where we are connected, and whether there is JetStream.
func natsServer(ctx context.Context, v *visit) ([]Finding, error) {
	l, err := v.nats.get(ctx)
	if err != nil {
		return nil, err
	}
	if err := v.jetStreamOn(ctx, l); err != nil {
		return nil, err
	}
	version, where := l.nc.ConnectedServerVersion(), l.nc.ConnectedServerName()
	if older(version, testedVersion) {
		return []Finding{warn("update the NATS servers, one after the other",
			"nats-server %s (%s) is older than %s, which settlehook is tested with", version, where, testedVersion)}, nil
	}
	if cluster := l.nc.ConnectedClusterName(); cluster != "" {
		where += " of the cluster " + cluster
	}
	return []Finding{ok("nats-server %s, %s; JetStream is on", version, where)}, nil
}

// jetStreamOn asks for JetStream, where the user may.
func (v *visit) jetStreamOn(ctx context.Context, l *link) error {
	u, err := v.user.get(ctx)
	if err != nil || u.untold || !u.mayAsk(askAccount) {
		return err // what reads the streams finds out
	}
	_, err = l.js.AccountInfo(ctx)
	switch {
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
		return &trouble{jetStreamOff(err)}
	case noQuorum(err):
		f := fail(startServers, "JetStream has no leader: half of the servers or more are down, or just starting")
		f.Check = checkNATS
		return &trouble{f}
	case err != nil:
		return fmt.Errorf("ask for JetStream: %w", err)
	}
	return nil
}

// startServers mends a cluster that is less than one.
const startServers = "see which servers of the cluster are down ('kubectl get pods', or 'nats server report jetstream' as the system user) and start them; a stream needs more than half of its copies"

// noQuorum reports whether an error is that of a cluster without a leader.
func noQuorum(err error) bool {
	const clusterUnavailable jetstream.ErrorCode = 10008
	var api *jetstream.APIError
	return errors.As(err, &api) && api.ErrorCode == clusterUnavailable
}

func jetStreamOff(err error) Finding {
	f := fail("give the servers a jetstream block, as in deploy/nats/nats-server.conf, and the account its JetStream", "%v", err)
	f.Check = checkNATS
	return f
}

// older compares versions such as 2.15.2 by their first three numbers.
func older(version, than string) bool {
	a, b := numbers(version), numbers(than)
	for i := range a {
		if a[i] != b[i] {
			return a[i] < b[i]
		}
	}
	return false
}

func numbers(version string) (n [3]int) {
	core, _, _ := strings.Cut(version, "-") // of a release candidate
	for i, part := range strings.SplitN(core, ".", len(n)) {
		n[i], _ = strconv.Atoi(part)
	}
	return n
}
