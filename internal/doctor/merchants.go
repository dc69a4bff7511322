package doctor

import (
	"context"
	"errors"
	"fmt"

	"github.com/settlehook/settlehook/internal/config"
)

func (v *visit) readMerchants(context.Context) (*config.Merchants, error) {
	all, err := config.LoadMerchants(v.o.Settings.Merchants.Path)
	if err != nil {
		f := fail("", "the merchants file %s is refused", v.o.Settings.Merchants.Path)
		f.Check = checkMerchants
		return nil, &merchantsRefused{trouble{f}, err}
	}
	return all, nil
}

// merchantsRefused is the trouble of a merchants file, with each of its faults.
type merchantsRefused struct {
	trouble
	cause error
}

func (m *merchantsRefused) Unwrap() error { return &m.trouble }

// merchantsFile tells each fault of the file. Programs that run go on with the
// merchants they had.
func merchantsFile(ctx context.Context, v *visit) ([]Finding, error) {
	all, err := v.merchants.get(ctx)
	var refused *merchantsRefused
	if errors.As(err, &refused) {
		var found []Finding
		for _, f := range config.Faults(refused.cause) {
			found = append(found, fail(
				fmt.Sprintf("mend that line of %s; the programs follow the file", v.o.Settings.Merchants.Path), "%s", f.Error()))
		}
		return found, nil
	}
	if err != nil {
		return nil, err
	}
	return []Finding{ok("%d %s in %s", all.Len(), plural(all.Len(), "merchant", "merchants"), v.o.Settings.Merchants.Path)}, nil
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
