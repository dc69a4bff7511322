package region

// DefaultPIXRandomKey is the remark literal for a PIX random key as the
// gateway's document spells it; elsewhere it is EVP.
const DefaultPIXRandomKey = "EPV"

// Rules are the rules of one merchant.
type Rules struct {
	Region Region
	// PIXRandomKey is the literal for a PIX random key in remark, as the
	// gateway spells it; "" means [DefaultPIXRandomKey].
	PIXRandomKey string
}

// Collect is what a collection is created with, as it goes over the wire; ""
// is left out. Amount is in major currency units.
type Collect struct{ Amount, Remark, CustomName, Number, Email string }

// Pay is what a payout is created with, as it goes over the wire; "" is left
// out. Amount is in major currency units.
type Pay struct{ Amount, BankAccount, CustomName, Remark, Number, Email string }

// The API's names of the parameters.
const (
	fieldAmount      = "amount"
	fieldBankAccount = "bankAccount"
	fieldCustomName  = "customName"
	fieldEmail       = "email"
	fieldNumber      = "number"
	fieldRemark      = "remark"
)

// CheckCollect returns the first thing that the region does not allow, as a
// [*FieldError]; or [ErrRegion]. A parameter that the region does not require
// is free: the document has no rule for it.
func (r Rules) CheckCollect(c Collect) error {
	if !r.Region.Valid() {
		return ErrRegion
	}
	if err := r.checkAmount(c.Amount); err != nil {
		return err
	}
	if r.Region == Brazil {
		return checkBrazilCollect(c)
	}
	return nil
}

// CheckPay returns the first thing that the region does not allow, as a
// [*FieldError]; or [ErrRegion]. Warnings are about what looks wrong but may be
// right: a Nigerian account number that fails its check digit. They quote
// nothing either.
func (r Rules) CheckPay(p Pay) (warnings []string, err error) {
	if !r.Region.Valid() {
		return nil, ErrRegion
	}
	if err := r.checkAmount(p.Amount); err != nil {
		return nil, err
	}
	// What the API requires in every region.
	if err := inField(fieldBankAccount, present(p.BankAccount, "give the account to pay to")); err != nil {
		return nil, err
	}
	if err := inField(fieldCustomName, present(p.CustomName, "give the beneficiary's name")); err != nil {
		return nil, err
	}
	switch r.Region {
	case Brazil:
		return nil, r.checkBrazilPay(p)
	case India:
		return nil, checkIndiaPay(p)
	case Indonesia:
		return nil, checkIndonesiaPay(p)
	case Nigeria:
		return checkNigeriaPay(p)
	default:
		return nil, nil
	}
}

func (r Rules) checkAmount(amount string) error {
	if r.Region == Indonesia {
		return inField(fieldAmount, wholeAmount(amount))
	}
	return inField(fieldAmount, plainAmount(amount))
}

// inField puts the name of a parameter to what is wrong with its value.
func inField(name string, err error) error {
	if err == nil {
		return nil // and no typed nil inside an error
	}
	return &FieldError{Field: name, Problem: err.Error()}
}

// all returns the first error.
func all(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
