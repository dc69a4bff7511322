package config

// Operator is the configuration of "settlehook review", "parked" and
// "quarantine", which a person runs beside an installation. INSTALLATION is
// needed where an event is told, MERCHANTS_FILE where keys or a gateway are.
type Operator struct {
	General   General
	Log       Log
	NATS      NATS
	Merchants MerchantsFile
}

// OperatorNeeds are what a command of the operator can't do without.
type OperatorNeeds struct{ Installation, Merchants bool }

// LoadOperator reads and checks the configuration of an operator's command. The
// error holds every [Fault] found.
func LoadOperator(environ map[string]string, needs OperatorNeeds) (Operator, error) {
	var notRequired []string
	if !needs.Installation {
		notRequired = append(notRequired, "INSTALLATION")
	}
	if !needs.Merchants {
		notRequired = append(notRequired, "MERCHANTS_FILE")
	}
	var cfg Operator
	fs := load(environ, &cfg, notRequired...)
	return finish(&cfg, fs, func(*faults, *Operator) {}, &cfg.General, &cfg.NATS, &cfg.Merchants)
}
