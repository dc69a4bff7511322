package config

// The types of the merchants file as it is written. Their comments are its
// documentation. Tags:
//
//	yaml      the name in the file
//	required  it must be there; the text says what to write
//	default   what it is when absent

// merchantsFile is the whole file. It is strict: an unknown or repeated name,
// a second document, an anchor, alias or tag, or a tab in the indentation is
// refused with its line.
type merchantsFile struct {
	Line int `yaml:"-"`
	// The merchants: at least one.
	Merchants []merchantEntry `yaml:"merchants" required:"list at least one merchant"`
}

// merchantEntry is one merchant.
type merchantEntry struct {
	Line int `yaml:"-"`
	// Our id of the merchant: in callback paths, subjects, events and metric
	// labels. Letters, digits, _ and -, at most 64; unique.
	ID text `yaml:"id" required:"give the merchant an id of letters, digits, _ and -"`
	// The merchant account at the gateway. No two merchants may share an
	// account at one gateway: an order would settle once under each.
	Account text `yaml:"account" default:"the id"`
	// ISO 4217 code of the currency every amount is in.
	Currency text `yaml:"currency" required:"name the ISO 4217 currency, for example INR"`
	// The gateway's region, whose rules apply to create calls: brazil, india,
	// indonesia, nigeria or none.
	Region text `yaml:"region" required:"use brazil, india, indonesia, nigeria or none"`
	// IANA name of the time zone booking dates are taken in.
	Timezone text `yaml:"timezone" default:"UTC"`
	// Base URL of the gateway's API. https; http only to a loopback address.
	Gateway text `yaml:"gateway" required:"give the base URL of the gateway's API, for example https://gateway.example"`
	// Order queries per second, all workers together: from 0.01 to 10000, at
	// most three decimals. Ask the gateway what it allows.
	Rate text `yaml:"rate" required:"give the order queries per second the gateway allows, for example 10"`
	// Whether an order must have been submitted before it settles.
	Match matchEntry `yaml:"match"`
	// The signing keys. All of them verify; one signs.
	Keys []keyEntry `yaml:"keys" required:"give at least one signing key"`
	// How the gateway charges the fee of a payout: added (the balance falls by
	// amount + fee) or included (by amount). Without it payout events carry no
	// net amount.
	PayFee text `yaml:"payFee" default:"unknown"`
	// What a signed reverse=true counts for while the order query still says
	// paid: confirm (review) or trust-signed (reversed).
	Reverse text `yaml:"reverse" default:"confirm"`
	// Ways of signing that are accepted from this merchant's gateway although
	// they weaken the signature: drop-zero, reverse-numeric, java-double.
	Dialects []text `yaml:"dialects" default:"none"`
	// Patterns by which the desc of a refused order query (code 400) means
	// that the order does not exist: a substring, or a regular expression (RE2)
	// between slashes, both without regard to case. An empty list means none.
	NotFound []text `yaml:"notFound" default:"usual wordings"`
	// Addresses callbacks may come from, as CIDRs or single addresses.
	AllowFrom []text `yaml:"allowFrom" default:"any"`
	// The usable balance below which an alarm is raised (SettlehookBalanceLow),
	// in major units of the currency, for example "10000.00".
	BalanceMinimum text `yaml:"balanceMinimum" default:"no alarm"`
	// The remark that means a PIX random key (Brazil): EPV in the gateway's
	// document, EVP elsewhere.
	PIXRandomKey text `yaml:"pixRandomKey" default:"EPV"`
}

// matchEntry says per flow whether an order must have been submitted.
type matchEntry struct {
	Line int `yaml:"-"`
	// For collections: if-known (compare where there is a submitted order) or
	// required (review where there is none).
	Collect text `yaml:"collect" default:"if-known"`
	// For payouts: if-known or required.
	Pay text `yaml:"pay" default:"if-known"`
}

// keyEntry is one signing key.
type keyEntry struct {
	Line int `yaml:"-"`
	// Names the key in metrics and headers: letters, digits, . _ and -, at
	// most 64; unique in the merchant.
	ID text `yaml:"id" required:"name the key, for example by the month it was issued"`
	// The secret's text. Prefer secretFile.
	Secret text `yaml:"secret" default:"see secretFile" secret:"true"`
	// Path of a file that holds the secret, relative to the folder of the
	// merchants file. A newline at its end is not part of the secret. The file
	// is watched, too.
	SecretFile text `yaml:"secretFile" default:"see secret"`
	// true on the key that signs requests; at most one.
	Signing text `yaml:"signing" default:"the last key signs"`
}
