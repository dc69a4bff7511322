//go:build k8s

package k8s

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path"
	"slices"
	"testing"

	"go.yaml.in/yaml/v4"
)

// ignored is a finding of kube-score that we know better about.
type ignored struct {
	Check   string   `yaml:"check"`   // kube-score's id
	Finding string   `yaml:"finding"` // what it says; a check may find several things
	Object  string   `yaml:"object"`  // Kind/name, with * and ? as in a path
	In      []string `yaml:"in"`      // combinations, as overlay+component; none: all
	Reason  string   `yaml:"reason"`
}

func (i ignored) covers(f finding) bool {
	match, err := path.Match(i.Object, f.object)
	return err == nil && match && i.Check == f.check && i.Finding == f.text && (len(i.In) == 0 || slices.Contains(i.In, f.in))
}

// finding is one thing that kube-score has to say about an object of a
// combination.
type finding struct{ in, check, object, text string }

// kubernetesVersion is the one that kube-score takes the manifests to be for.
const kubernetesVersion = "v1.37"

// TestScore: kube-score finds nothing in any overlay, as it is and with all
// components, but what kube-score.yaml names with a reason; and nothing is named
// there that is not found.
func TestScore(t *testing.T) {
	text, err := os.ReadFile("kube-score.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var known []ignored
	if err := yaml.Unmarshal(text, &known); err != nil {
		t.Fatal(err)
	}
	used := make([]bool, len(known))
	for _, c := range bareAndFull(t) {
		for _, f := range score(t, c) {
			at := slices.IndexFunc(known, func(i ignored) bool { return i.covers(f) })
			if at < 0 {
				t.Errorf("%s: %s of %s: %s", f.in, f.check, f.object, f.text)
				continue
			}
			used[at] = true
		}
	}
	for i, k := range known {
		if !used[i] {
			t.Errorf("kube-score.yaml: nothing is found that %q of %s (in %q) would ignore", k.Finding, k.Object, k.In)
		}
		if k.Reason == "" {
			t.Errorf("kube-score.yaml: %q of %s has no reason", k.Finding, k.Object)
		}
	}
}

// good is kube-score's grade of what it has nothing to say about; less is a
// warning or critical.
const good = 10

func score(t *testing.T, c combination) (found []finding) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.Command(tool(t, "kube-score"), "score", "--output-format", "json", "--kubernetes-version", kubernetesVersion, "-")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader([]byte(render(t, c))), &out, &errs
	runErr := cmd.Run() // 1: it found something critical
	var scored []struct {
		TypeMeta   struct{ Kind string } `json:"type_meta"`
		ObjectMeta struct{ Name string } `json:"object_meta"`
		Checks     []struct {
			Check    struct{ ID string }
			Grade    int
			Skipped  bool
			Comments []struct{ Summary string }
		}
	}
	if err := json.Unmarshal(out.Bytes(), &scored); err != nil || len(scored) == 0 {
		t.Fatalf("kube-score says (%v):\n%s%s", runErr, out.String(), errs.String())
	}
	for _, object := range scored {
		name := object.TypeMeta.Kind + "/" + object.ObjectMeta.Name
		for _, check := range object.Checks {
			if check.Skipped || check.Grade >= good {
				continue
			}
			for _, comment := range check.Comments {
				found = append(found, finding{c.String(), check.Check.ID, name, comment.Summary})
			}
		}
	}
	return found
}
