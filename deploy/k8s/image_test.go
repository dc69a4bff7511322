package k8s_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The Dockerfile builds what the manifests run, and runs as whom they say.
func TestImage(t *testing.T) {
	dockerfile := readFile(t, filepath.Join("..", "..", "Dockerfile"))
	for component, workload := range built(t, "overlays/dev").workloads() {
		c := workload.Spec.Template.Spec.Containers[0]
		if !strings.HasPrefix(c.Image, "settlehook:") {
			continue
		}
		program := c.Command[0]
		if !strings.Contains(dockerfile, " ./cmd/"+program) {
			t.Errorf("%s runs %s, which the Dockerfile does not build", component, program)
		}
	}
	if !strings.Contains(dockerfile, "\nUSER 65532:65532\n") {
		t.Error("the image does not run as 65532:65532, as the pods do")
	}
	// The linker ignores a variable that is not there.
	set := regexp.MustCompile(`-X main\.(\w+)=`).FindAllStringSubmatch(dockerfile, -1)
	if len(set) != 1 {
		t.Fatalf("the Dockerfile sets %d variables, want the version", len(set))
	}
	main := readFile(t, filepath.Join("..", "..", "cmd", "settlehook", "main.go"))
	if declared := regexp.MustCompile(`(?m)^var ` + set[0][1] + ` = "`); !declared.MatchString(main) {
		t.Errorf("cmd/settlehook declares no string variable %s for the Dockerfile to set", set[0][1])
	}
}
