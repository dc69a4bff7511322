package config

import "time"

// Survey is how the sweep role takes the gauges of the whole installation: how
// much waits where, how the streams stand, and what the merchants' balances are.
type Survey struct {
	// How often the gauges of the whole installation are taken.
	Interval time.Duration `env:"SURVEY_INTERVAL" envDefault:"30s"`
	// How often each merchant's balance is asked for, within its query rate.
	// 0: never.
	BalanceInterval time.Duration `env:"BALANCE_INTERVAL" envDefault:"5m"`
}

func (s *Survey) check(fs *faults) {
	positive(fs, "SURVEY_INTERVAL", s.Interval)
	if s.BalanceInterval < 0 {
		fs.add(named("BALANCE_INTERVAL", s.BalanceInterval.String()), "must not be negative; 0 asks for no balance")
	}
}
