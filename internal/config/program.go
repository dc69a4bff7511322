package config

import "time"

// MerchantsFile says where the merchants are configured.
type MerchantsFile struct {
	// Path of the merchants file (see below). It is read again when it or a
	// secret file it names changes; a faulty one is refused, logged and
	// reported as stale, and the merchants stay as they were.
	Path string `env:"MERCHANTS_FILE" required:"give the path of the merchants file, for example MERCHANTS_FILE=/etc/settlehook/merchants.yaml"`
	// How often the file is looked at although nothing told of a change.
	Poll time.Duration `env:"MERCHANTS_POLL" envDefault:"30s"`
}

func (m *MerchantsFile) check(fs *faults) { positive(fs, "MERCHANTS_POLL", m.Poll) }

// Receiver is the configuration of cmd/receiver.
type Receiver struct {
	General    General
	Log        Log
	Admin      Admin
	NATS       NATS
	Merchants  MerchantsFile
	Topology   Topology
	HTTP       HTTP
	Quarantine Quarantine
	Tracing    Tracing
}

// Worker is the configuration of cmd/worker.
type Worker struct {
	General   General
	Log       Log
	Admin     Admin
	NATS      NATS
	Merchants MerchantsFile
	Topology  Topology
	Redis     Redis
	Reconcile Reconcile
	Sweep     Sweep
	Survey    Survey

	Monitoring Monitoring
	Tracing    Tracing
}

// Setup is the configuration of "settlehook setup" and of the other commands
// that work on an external NATS.
type Setup struct {
	General   General
	Log       Log
	NATS      NATS
	Merchants MerchantsFile
	Topology  Topology
	Sweep     Sweep
}

// Up is the configuration of "settlehook up", receiver and worker in one
// process with embedded servers: NATS_URL and REDIS_URL are not looked at.
// Unless set, INSTALLATION is local, LOG_FORMAT console and STREAM_REPLICAS 1,
// which it must be.
type Up struct {
	General    General
	Log        Log
	Admin      Admin
	NATS       NATS
	Merchants  MerchantsFile
	Topology   Topology
	HTTP       HTTP
	Quarantine Quarantine
	Redis      Redis
	Reconcile  Reconcile
	Sweep      Sweep
	Survey     Survey
	Tracing    Tracing
}

// Receiver is the receiver's part.
func (u Up) Receiver() Receiver {
	return Receiver{
		General: u.General, Log: u.Log, Admin: u.Admin, NATS: u.NATS,
		Merchants: u.Merchants, Topology: u.Topology, HTTP: u.HTTP, Quarantine: u.Quarantine, Tracing: u.Tracing,
	}
}

// Worker is the worker's part.
func (u Up) Worker() Worker {
	return Worker{
		General: u.General, Log: u.Log, Admin: u.Admin, NATS: u.NATS,
		Merchants: u.Merchants, Topology: u.Topology, Redis: u.Redis, Reconcile: u.Reconcile, Sweep: u.Sweep, Survey: u.Survey,
		Tracing: u.Tracing,
	}
}

// LoadReceiver reads and checks the receiver's configuration. The error holds
// every [Fault] found. The merchants file is read by [NewMerchantsSource].
func LoadReceiver(environ map[string]string) (Receiver, error) {
	var cfg Receiver
	fs := load(environ, &cfg)
	return finish(&cfg, fs, checkReceiving,
		&cfg.General, &cfg.Admin, &cfg.NATS, &cfg.Merchants, &cfg.Topology, &cfg.HTTP, &cfg.Quarantine, &cfg.Tracing)
}

// LoadWorker reads and checks the worker's configuration. The error holds
// every [Fault] found. The merchants file is read by [NewMerchantsSource].
func LoadWorker(environ map[string]string) (Worker, error) {
	var cfg Worker
	fs := load(environ, &cfg)
	return finish(&cfg, fs, checkReconciling,
		&cfg.General, &cfg.Admin, &cfg.NATS, &cfg.Merchants, &cfg.Topology, &cfg.Redis, &cfg.Reconcile, &cfg.Sweep, &cfg.Survey, &cfg.Monitoring, &cfg.Tracing)
}

// LoadSetup reads and checks the configuration of the commands on an external
// NATS. The error holds every [Fault] found.
func LoadSetup(environ map[string]string) (Setup, error) {
	var cfg Setup
	fs := load(environ, &cfg)
	return finish(&cfg, fs, func(*faults, *Setup) {}, &cfg.General, &cfg.NATS, &cfg.Merchants, &cfg.Topology, &cfg.Sweep)
}

// upDefaults are where "settlehook up" departs from the other programs: one
// machine, one embedded server, a person in front of it.
var upDefaults = map[string]string{"INSTALLATION": "local", "STREAM_REPLICAS": "1", "LOG_FORMAT": "console"}

// LoadUp reads and checks the configuration of "settlehook up". NATS_URL and
// REDIS_URL are not looked at: the servers are embedded. The error holds every
// [Fault] found.
func LoadUp(environ map[string]string) (Up, error) {
	environ = withDefaults(environ, upDefaults)
	delete(environ, "NATS_URL")
	delete(environ, "REDIS_URL")
	var cfg Up
	fs := load(environ, &cfg, "NATS_URL", "REDIS_URL")
	return finish(&cfg, fs, checkUp,
		&cfg.General, &cfg.Admin, &cfg.NATS, &cfg.Merchants, &cfg.Topology,
		&cfg.HTTP, &cfg.Quarantine, &cfg.Redis, &cfg.Reconcile, &cfg.Sweep, &cfg.Survey, &cfg.Tracing)
}

type group interface{ check(fs *faults) }

// finish checks the groups, and then whether they fit together. The latter is
// left out while a variable is missing or unreadable: its default might
// contradict another although its value would not.
func finish[T any](cfg *T, fs *faults, together func(*faults, *T), groups ...group) (T, error) {
	complete := len(fs.list) == 0
	for _, g := range groups {
		g.check(fs)
	}
	if complete {
		together(fs, cfg)
	}
	if err := fs.err(); err != nil {
		var none T
		return none, err
	}
	return *cfg, nil
}
