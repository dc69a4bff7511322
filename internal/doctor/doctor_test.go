package doctor_test

import (
	"testing"

	"github.com/settlehook/settlehook/internal/doctor"
)

// TestHealthy finds nothing to do at an installation that nothing is wrong with,
// and leaves it as it was.
func TestHealthy(t *testing.T) {
	s := newSite(t, plan{})
	for _, f := range s.examine(nil) {
		if f.Status != doctor.OK {
			t.Errorf("%s: %s: %s; mend: %s", f.Check, f.Status, f.Says, f.Mend)
		}
		t.Log(f.Check, f.Says)
	}
}
