package doctor

import "context"

// configuration tells what would keep a program from starting.
func configuration(_ context.Context, v *visit) ([]Finding, error) {
	if len(v.o.Contradictions) == 0 {
		return []Finding{ok("installation %s; the settings fit together", v.o.Settings.General.Installation)}, nil
	}
	var found []Finding
	for _, f := range v.o.Contradictions {
		found = append(found, fail("change it in the environment of every program, and restart them", "%s", f.Error()))
	}
	return found, nil
}
