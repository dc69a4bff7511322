package doctor

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"

	"github.com/settlehook/settlehook/internal/testserver"
)

// TestRoles holds the table to what the servers make of deploy/nats.
func TestRoles(t *testing.T) {
	for role := range roles {
		t.Setenv(testserver.PasswordVariable(role), "x")
	}
	options, err := server.ProcessConfigFile(testserver.Root() + "/deploy/nats/permissions.conf")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{}
	for _, u := range options.Users {
		want[u.Username] = u.Permissions.Publish.Allow
	}
	if diff := cmp.Diff(want, roles); diff != "" {
		t.Errorf("roles (-deploy/nats/permissions.conf +roles.go):\n%s", diff)
	}
}

func TestCovers(t *testing.T) {
	for _, test := range []struct {
		outer, inner string
		want         bool
	}{
		{"a.b", "a.b", true},
		{"a.b", "a.c", false},
		{"a.*", "a.b", true},
		{"a.*", "a.*", true},
		{"a.b", "a.*", false},
		{"a.*", "a.>", false},
		{"a.*", "a.b.c", false},
		{"a.*.c", "a.b", false},
		{"a.>", "a.b.c", true},
		{"a.>", "a.>", true},
		{"a.>", "a", false},
		{">", "$JS.API.INFO", true},
		{"a.b", "a", false},
	} {
		if got := covers(test.outer, test.inner); got != test.want {
			t.Errorf("%s covers %s: %v", test.outer, test.inner, got)
		}
	}
}

func TestPermit(t *testing.T) {
	for _, test := range []struct {
		name    string
		may     *subjects
		subject string
		want    bool
	}{
		{"no limits", nil, "a", true},
		{"no list", &subjects{}, "a", true},
		{"in the list", &subjects{Allow: []string{"b", "a.*"}}, "a.b", true},
		{"not in the list", &subjects{Allow: []string{"b"}}, "a.b", false},
		{"denied", &subjects{Allow: []string{">"}, Deny: []string{"a.>"}}, "a.b", false},
		{"a part of it denied", &subjects{Allow: []string{">"}, Deny: []string{"a.b"}}, "a.*", false},
		{"another denied", &subjects{Deny: []string{"c"}}, "a.b", true},
	} {
		if got := test.may.permit(test.subject); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

func TestTooMuch(t *testing.T) {
	got := tooMuch([]string{"a.b", "payments.>", ">"}, []string{"a.*", "payments.v1.>"})
	if !slices.Equal(got, []string{"payments.>", ">"}) {
		t.Errorf("got %v", got)
	}
}
