package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/settlehook/settlehook/internal/config"
	"github.com/settlehook/settlehook/internal/keda"
)

type kedaCmd struct {
	Merchants  string        `env:"MERCHANTS_FILE" required:"" type:"existingfile" placeholder:"PATH" help:"The merchants file: a trigger for each merchant."`
	Monitor    string        `required:"" placeholder:"HOST:PORT" help:"The NATS servers' monitoring port as KEDA reaches it; in a cluster the headless Service, such as nats.settlehook:8222."`
	Account    string        `default:"$$G" placeholder:"NAME" help:"The NATS account of the streams (${default}: where there are none, as in deploy/nats); with credentials files it is the user's, its name or public key."`
	Latency    time.Duration `default:"2s" help:"How long a gateway takes to answer an order query when it is slow (${default})."`
	InFlight   int           `env:"WORKER_IN_FLIGHT" default:"64" help:"The installation's WORKER_IN_FLIGHT (${default})."`
	MaxWorkers int           `env:"MAX_WORKERS" default:"12" help:"The installation's MAX_WORKERS (${default}, as in deploy/k8s)."`
}

// Help stands below the usage.
func (kedaCmd) Help() string {
	return `Writes the ScaledObject that scales the Deployment settlehook-worker on the callbacks that wait,
from none to as many workers as the merchants' query rates can use. Keys are not read, and
nothing is connected to. Run 'settlehook setup' with the same merchants before it is applied:
KEDA can't read a consumer that is not there.

    settlehook keda --merchants merchants.yaml --monitor nats.settlehook:8222 >scaledobject.yaml`
}

// Run writes the ScaledObject to standard output.
func (c *kedaCmd) Run(io streams) error {
	if c.Latency <= 0 || c.InFlight <= 0 {
		return usageError{errors.New("--latency and --in-flight must be more than 0")}
	}
	if err := checkMonitor(c.Monitor); err != nil {
		return usageError{err}
	}
	text, err := os.ReadFile(c.Merchants)
	if err != nil {
		return usageError{fmt.Errorf("read the merchants file: %w", err)}
	}
	merchants, err := config.ParseMerchants(c.Merchants, text, unreadKey)
	if err != nil {
		return usageError{err}
	}
	err = keda.Fleet{
		Merchants: merchants.All(), Monitor: c.Monitor, Account: c.Account, Latency: c.Latency, InFlight: c.InFlight, MaxWorkers: c.MaxWorkers,
	}.Write(io.out)
	var few *keda.TooFewError
	if errors.As(err, &few) {
		return usageError{err}
	}
	return err
}

// unreadKey stands in for a key file: whoever writes manifests need not hold
// keys.
func unreadKey(path string) ([]byte, error) { return []byte(path), nil }

// checkMonitor refuses what KEDA would find out only when it polls.
func checkMonitor(monitor string) error {
	host, port, err := net.SplitHostPort(monitor)
	if err == nil && host != "" {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil || host == "" {
		return fmt.Errorf("--monitor %s: give host:port without http://, such as nats.settlehook:8222", monitor)
	}
	return nil
}
