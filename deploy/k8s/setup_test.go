package k8s_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// version is the base's, which the tag of its image says.
func version(t *testing.T) string {
	t.Helper()
	_, tag, ok := strings.Cut(built(t, "base").workloads()["setup"].Spec.Template.Spec.Containers[0].Image, ":")
	if !ok {
		t.Fatal("the base's image has no tag")
	}
	return tag
}

// A Job can't be changed: each version needs a name of its own, and what has
// ended goes away by itself.
func TestSetupJob(t *testing.T) {
	each(t, func(t *testing.T, all objects) {
		job := all.workloads()["setup"]
		if want := "settlehook-setup-v" + strings.ReplaceAll(version(t), ".", "-"); job.Metadata.Name != want {
			t.Errorf("the setup Job is called %s, want %s", job.Metadata.Name, want)
		}
		if job.Spec.BackoffLimit == nil || job.Spec.TTLSecondsAfterFinished == 0 || job.Spec.Template.Spec.RestartPolicy != "OnFailure" {
			t.Errorf("backoff limit %v, TTL %d, restart policy %s",
				job.Spec.BackoffLimit, job.Spec.TTLSecondsAfterFinished, job.Spec.Template.Spec.RestartPolicy)
		}
		want := map[string]string{
			"argocd.argoproj.io/hook": "Sync", "argocd.argoproj.io/hook-delete-policy": "BeforeHookCreation",
			"kustomize.toolkit.fluxcd.io/force": "enabled",
		}
		if diff := cmp.Diff(want, job.Metadata.Annotations); diff != "" {
			t.Errorf("annotations (-want +got):\n%s", diff)
		}
	})
}

// A changed setting rolls the Deployments and leaves the Job as it is: an apply
// that changed it would be refused.
func TestASettingDoesNotChangeTheSetupJob(t *testing.T) {
	folder := t.TempDir()
	for _, part := range []string{"k8s", "nats"} {
		if err := os.CopyFS(filepath.Join(folder, part), os.DirFS(filepath.Join("..", part))); err != nil {
			t.Fatal(err)
		}
	}
	overlay := filepath.Join(folder, "k8s", "overlays", "dev")
	config := filepath.Join(overlay, "config.env")
	writeFile(t, config, readFile(t, config)+"LOG_LEVEL=debug\n")
	before, after := built(t, "overlays/dev"), decode(t, kustomize(t, overlay))
	if diff := cmp.Diff(before.workloads()["setup"], after.workloads()["setup"]); diff != "" {
		t.Errorf("the Job changed (-before +after):\n%s", diff)
	}
	if after.get(t, "ConfigMap", "settlehook-setup").Data["LOG_LEVEL"] != "debug" {
		t.Error("the Job does not get the setting")
	}
	for _, name := range []string{"receiver", "worker", "sweeper"} {
		if cmp.Equal(before.workloads()[name], after.workloads()[name]) {
			t.Errorf("%s would not roll", name)
		}
	}
}

func TestCommandsNameThePrograms(t *testing.T) {
	want := map[string][]string{
		"receiver": {"receiver"}, "worker": {"worker"}, "sweeper": {"worker"}, "setup": {"settlehook", "setup"},
		"sandbox": {"settlehook", "sandbox"},
	}
	each(t, func(t *testing.T, all objects) {
		for name, command := range want {
			workload, ok := all.workloads()[name]
			if !ok {
				continue
			}
			if diff := cmp.Diff(command, workload.Spec.Template.Spec.Containers[0].Command); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	})
}
