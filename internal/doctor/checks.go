package doctor

import (
	"context"

	"github.com/settlehook/settlehook/internal/stream"
)

// check is one look at one thing.
type check struct {
	name  string
	about string // what it looks at, for the help
	asks  []string
	run   func(context.Context, *visit) ([]Finding, error)
}

// The names of the checks. They are a contract: --only, --skip and what reads
// the JSON rely on them.
const (
	checkConfiguration = "configuration"
	checkMerchants     = "merchants"
	checkNATS          = "nats"
	checkPermissions   = "permissions"
	checkTopology      = "topology"
	checkReplicas      = "replicas"
	checkDurability    = "durability"
	checkFullness      = "fullness"
	checkInstallation  = "installation"
	checkConsumers     = "consumers"
	checkWorkers       = "workers"
	checkCases         = "cases"
	checkRedis         = "redis"
	checkClocks        = "clocks"
	checkGateways      = "gateways"
	checkReceiver      = "receiver"
)

// Subjects that checks ask on. Where the user may not, they are skipped.
const (
	askAccount      = "$JS.API.INFO"
	askStreamInfo   = "$JS.API.STREAM.INFO."
	askConsumerList = "$JS.API.CONSUMER.LIST."
	askMessage      = "$JS.API.STREAM.MSG.GET."
)

// all are the checks in the order in which they are told: what others stand on
// comes first.
func all() []check {
	every := func(ask string, streams ...string) (subjects []string) {
		for _, s := range streams {
			subjects = append(subjects, ask+s)
		}
		return subjects
	}
	streams := every(askStreamInfo, stream.Names()...)
	return []check{
		{checkConfiguration, "the settings don't contradict each other", nil, configuration},
		{checkMerchants, "the merchants file and its key files can be read", nil, merchantsFile},
		{checkNATS, "NATS lets us in, and has JetStream", nil, natsServer},
		{checkPermissions, "the NATS user may do what its role needs, and no more", nil, permissions},
		{checkTopology, "the streams are as declared", streams, topology},
		{checkReplicas, "every stream has its leader, and all its copies follow", streams, replicas},
		{checkDurability, "every NATS server syncs each write; one version", nil, durability},
		{checkFullness, "no stream runs full", streams, fullness},
		{checkInstallation, "INSTALLATION is that of the ledger", append(every(askMessage, stream.Payments), streams...), installation},
		{
			checkConsumers, "every merchant's consumers are there, as declared, and pulled",
			append(append(every(askConsumerList, stream.Callbacks, stream.Orders, stream.Payments), every(askMessage, stream.Callbacks)...), streams...), consumers,
		},
		{checkWorkers, "no more workers run than MAX_WORKERS", nil, workers},
		{checkCases, "nothing waits for a person", streams, waitingCases},
		{checkRedis, "Redis answers, and keeps what it is given", nil, redisServer},
		{checkClocks, "this machine, NATS and Redis agree about the time", nil, clocks},
		{checkGateways, "each merchant's gateway answers a balance query", nil, gateways},
		{checkReceiver, "the receiver answers at its public address", nil, publicReceiver},
	}
}

// Check is a check as the help shows it.
type Check struct{ Name, About string }

// Checks lists the checks.
func Checks() []Check {
	var list []Check
	for _, c := range all() {
		list = append(list, Check{c.name, c.about})
	}
	return list
}
