// Package k8s_test holds the manifests true to the programs: what they set is
// read, what they probe is served, and what they promise about privileges,
// rollouts and drains is there. It needs no cluster and no kubectl.
package k8s_test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/settlehook/settlehook/internal/config"
)

func itoa(n int) string { return strconv.Itoa(n) }

func TestKustomizationNamesEveryFile(t *testing.T) {
	entries, err := os.ReadDir("base")
	if err != nil {
		t.Fatal(err)
	}
	var onDisk []string
	for _, entry := range entries {
		if name := entry.Name(); filepath.Ext(name) == ".yaml" && name != "kustomization.yaml" {
			onDisk = append(onDisk, name)
		}
	}
	named := slices.Sorted(slices.Values(kustomizationIn(t, "base").Resources))
	if diff := cmp.Diff(onDisk, named); diff != "" {
		t.Errorf("files of the base, resources of its kustomization (-disk +kustomization):\n%s", diff)
	}
}

func TestObjects(t *testing.T) {
	var got []string
	for _, m := range base(t) {
		unversioned, _, _ := strings.Cut(m.Metadata.Name, "-v")
		got = append(got, m.Kind+"/"+unversioned)
		if m.Metadata.Namespace != "" {
			t.Errorf("%s %s has a namespace; that is the overlay's", m.Kind, m.Metadata.Name)
		}
		if m.Metadata.Labels["app.kubernetes.io/name"] != "settlehook" || m.Metadata.Labels["app.kubernetes.io/component"] == "" {
			t.Errorf("%s %s: labels %v", m.Kind, m.Metadata.Name, m.Metadata.Labels)
		}
	}
	slices.Sort(got)
	want := []string{
		"Deployment/settlehook-receiver", "Deployment/settlehook-worker", "Job/settlehook-setup",
		"PodDisruptionBudget/settlehook-receiver", "PodDisruptionBudget/settlehook-worker",
		"Service/settlehook-receiver", "Service/settlehook-receiver-admin", "Service/settlehook-worker-admin",
		"ServiceAccount/settlehook-receiver", "ServiceAccount/settlehook-setup", "ServiceAccount/settlehook-worker",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("objects of the base (-want +got):\n%s", diff)
	}
}

// The Pod Security Standard "restricted", and a read-only root beyond it.
func TestPodsAreRestricted(t *testing.T) {
	wantPod := map[string]any{
		"runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532,
		"seccompProfile": map[string]any{"type": "RuntimeDefault"},
	}
	wantContainer := map[string]any{
		"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
		"capabilities": map[string]any{"drop": []any{"ALL"}},
	}
	for component, workload := range workloads(t) {
		pod := workload.Spec.Template.Spec
		if diff := cmp.Diff(wantPod, pod.SecurityContext); diff != "" {
			t.Errorf("%s, pod (-want +got):\n%s", component, diff)
		}
		for _, c := range slices.Concat(pod.InitContainers, pod.Containers) {
			if diff := cmp.Diff(wantContainer, c.SecurityContext); diff != "" {
				t.Errorf("%s, container %s (-want +got):\n%s", component, c.Name, diff)
			}
		}
		if token := pod.AutomountServiceAccountToken; token == nil || *token {
			t.Errorf("%s gets a service account token", component)
		}
		if links := pod.EnableServiceLinks; links == nil || *links {
			t.Errorf("%s gets the namespace's services in its environment", component)
		}
		account := named(t, "ServiceAccount", "settlehook-"+component)
		if pod.ServiceAccountName != account.Metadata.Name {
			t.Errorf("%s runs as %q", component, pod.ServiceAccountName)
		}
		if token := account.AutomountServiceAccountToken; token == nil || *token {
			t.Errorf("service account %s hands out tokens", account.Metadata.Name)
		}
	}
}

func TestContainersHaveResources(t *testing.T) {
	for component, workload := range workloads(t) {
		for _, c := range workload.Spec.Template.Spec.Containers {
			requests, limits := c.Resources.Requests, c.Resources.Limits
			if requests["cpu"] == "" || requests["memory"] == "" {
				t.Errorf("%s: requests %v", component, requests)
			}
			if limits["memory"] == "" || limits["memory"] != requests["memory"] {
				t.Errorf("%s: memory limit %q, request %q", component, limits["memory"], requests["memory"])
			}
			fromLimit := slices.ContainsFunc(c.Env, func(v envVar) bool {
				return v.Name == "GOMEMLIMIT" && v.ValueFrom["resourceFieldRef"]["resource"] == "limits.memory"
			})
			if !fromLimit {
				t.Errorf("%s: GOMEMLIMIT does not follow the memory limit", component)
			}
		}
	}
}

func TestProbes(t *testing.T) {
	for _, m := range ofKind(base(t), "Deployment") {
		for _, c := range m.Spec.Template.Spec.Containers {
			for name, check := range map[string]struct {
				probe *probe
				path  string
			}{
				"startup": {c.StartupProbe, "/livez"}, "liveness": {c.LivenessProbe, "/livez"}, "readiness": {c.ReadinessProbe, "/readyz"},
			} {
				if check.probe == nil || check.probe.HTTPGet.Path != check.path || check.probe.HTTPGet.Port != "admin" {
					t.Errorf("%s: %s probe is %+v, want %s on admin", m.Metadata.Name, name, check.probe, check.path)
				}
			}
		}
	}
}

func TestCommandsNameThePrograms(t *testing.T) {
	want := map[string][]string{"receiver": {"receiver"}, "worker": {"worker"}, "setup": {"settlehook", "setup"}}
	got := make(map[string][]string)
	for component, workload := range workloads(t) {
		c := workload.Spec.Template.Spec.Containers[0]
		got[component] = c.Command
		if c.Image != "settlehook" {
			t.Errorf("%s: image %q; the kustomization sets name and tag of settlehook", component, c.Image)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("commands (-want +got):\n%s", diff)
	}
}

func TestSelectorsFindTheirPods(t *testing.T) {
	all := base(t)
	for _, m := range ofKind(all, "Deployment") {
		labels := m.Spec.Template.Metadata.Labels
		if diff := cmp.Diff(labels, m.Spec.Selector.MatchLabels); diff != "" {
			t.Errorf("%s: selector (-pods +selector):\n%s", m.Metadata.Name, diff)
		}
		var spread []string
		for _, constraint := range m.Spec.Template.Spec.TopologySpreadConstraints {
			spread = append(spread, constraint.TopologyKey)
			if diff := cmp.Diff(labels, constraint.LabelSelector.MatchLabels); diff != "" {
				t.Errorf("%s: spread (-pods +selector):\n%s", m.Metadata.Name, diff)
			}
		}
		if diff := cmp.Diff([]string{"kubernetes.io/hostname", "topology.kubernetes.io/zone"}, spread); diff != "" {
			t.Errorf("%s: spread (-want +got):\n%s", m.Metadata.Name, diff)
		}
		budget := named(t, "PodDisruptionBudget", m.Metadata.Name)
		if diff := cmp.Diff(labels, budget.Spec.Selector.MatchLabels); diff != "" {
			t.Errorf("%s: disruption budget (-pods +selector):\n%s", m.Metadata.Name, diff)
		}
		if budget.Spec.MaxUnavailable != 1 || m.Spec.Replicas < 2 {
			t.Errorf("%s: %d may be unavailable of %d", m.Metadata.Name, budget.Spec.MaxUnavailable, m.Spec.Replicas)
		}
	}
	for _, service := range ofKind(all, "Service") {
		pods := workloads(t)[service.Spec.Selector.Component].Spec.Template
		if service.Spec.Selector.Name != pods.Metadata.Labels["app.kubernetes.io/name"] {
			t.Errorf("service %s selects %+v", service.Metadata.Name, service.Spec.Selector)
		}
		for _, port := range service.Spec.Ports {
			open := slices.Contains(pods.Spec.Containers[0].Ports, containerPort{Name: port.TargetPort, ContainerPort: port.Port})
			if !open {
				t.Errorf("service %s: port %+v is not a port of its pods", service.Metadata.Name, port)
			}
		}
		admin := strings.HasSuffix(service.Metadata.Name, "-admin")
		if headless := service.Spec.ClusterIP == "None" && service.Spec.PublishNotReadyAddresses; headless != admin {
			t.Errorf("service %s: headless %t, of the operator %t", service.Metadata.Name, headless, admin)
		}
	}
}

// A Job can't be changed, so each version needs a name of its own.
func TestSetupJobIsNamedByTheVersion(t *testing.T) {
	images := kustomizationIn(t, "base").Images
	if len(images) != 1 || images[0].Name != "settlehook" {
		t.Fatalf("images of the base: %+v", images)
	}
	job := workloads(t)["setup"]
	if want := "settlehook-setup-v" + strings.ReplaceAll(images[0].NewTag, ".", "-"); job.Metadata.Name != want {
		t.Errorf("the setup Job is called %s, for tag %s want %s", job.Metadata.Name, images[0].NewTag, want)
	}
	if job.Spec.BackoffLimit == nil || job.Spec.TTLSecondsAfterFinished == 0 || job.Spec.Template.Spec.RestartPolicy != "OnFailure" {
		t.Errorf("the setup Job: backoff limit %v, TTL %d, restart policy %s",
			job.Spec.BackoffLimit, job.Spec.TTLSecondsAfterFinished, job.Spec.Template.Spec.RestartPolicy)
	}
}

// The overlay decides what the base leaves open, and nothing the programs
// don't read.
func TestExampleOverlay(t *testing.T) {
	overlay := kustomizationIn(t, filepath.Join("overlays", "example"))
	if diff := cmp.Diff([]string{"../../base"}, overlay.Resources); diff != "" {
		t.Errorf("resources (-want +got):\n%s", diff)
	}
	if len(overlay.ConfigMapGenerator) != 1 || overlay.ConfigMapGenerator[0].Name != "settlehook-config" ||
		overlay.ConfigMapGenerator[0].Behavior != "merge" {
		t.Fatalf("ConfigMaps: %+v", overlay.ConfigMapGenerator)
	}
	for component, program := range programs {
		env, known := environ(t, component), variables(program)
		for _, literal := range overlay.ConfigMapGenerator[0].Literals {
			name, value, _ := strings.Cut(literal, "=")
			if _, ok := known[name]; !ok {
				t.Errorf("%s does not read %s", component, name)
			}
			env[name] = value
		}
		if _, err := load(component, env); err != nil {
			t.Errorf("%s: %v", component, err)
		}
	}
	if got, want := overlay.Images, kustomizationIn(t, "base").Images; len(got) != 1 || got[0].NewTag != want[0].NewTag {
		t.Errorf("images %+v, the base has %+v", got, want)
	}
}

// Every key file must be a key of the same Secret, beside the merchants file.
func TestExampleMerchants(t *testing.T) {
	const name = "merchants.example.yaml"
	var keyFiles []string
	merchants, err := config.ParseMerchants(name, readFile(t, name), func(path string) ([]byte, error) {
		keyFiles = append(keyFiles, path)
		return []byte("example"), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"m1001-2026-05.key"}, keyFiles); diff != "" || merchants.Len() != 1 {
		t.Errorf("%d merchants, key files (-want +got):\n%s", merchants.Len(), diff)
	}
	readme := string(readFile(t, "README.md"))
	for _, file := range keyFiles {
		if !strings.Contains(readme, "--from-file="+file) {
			t.Errorf("README.md does not put %s into the Secret", file)
		}
	}
}
