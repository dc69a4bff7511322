package k8s_test

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestObjectsOfTheBase(t *testing.T) {
	all := built(t, "base")
	var got []string
	for _, m := range all {
		unversioned, _, _ := strings.Cut(m.Metadata.Name, "-v")
		if m.Kind == "ConfigMap" {
			unversioned = regexp.MustCompile(`-[a-z0-9]{10}$`).ReplaceAllString(unversioned, "-HASH")
		}
		got = append(got, m.Kind+"/"+unversioned)
		if m.Metadata.Namespace != "" {
			t.Errorf("%s %s has a namespace; that is the overlay's", m.Kind, m.Metadata.Name)
		}
	}
	slices.Sort(got)
	want := []string{
		"ConfigMap/settlehook-config-HASH", "ConfigMap/settlehook-setup",
		"Deployment/settlehook-receiver", "Deployment/settlehook-sweeper", "Deployment/settlehook-worker",
		"HorizontalPodAutoscaler/settlehook-receiver", "Job/settlehook-setup",
		"PodDisruptionBudget/settlehook-receiver", "PodDisruptionBudget/settlehook-sweeper", "PodDisruptionBudget/settlehook-worker",
		"Service/settlehook-receiver", "Service/settlehook-receiver-admin", "Service/settlehook-sweeper-admin", "Service/settlehook-worker-admin",
		"ServiceAccount/settlehook-receiver", "ServiceAccount/settlehook-setup", "ServiceAccount/settlehook-sweeper", "ServiceAccount/settlehook-worker",
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
	each(t, func(t *testing.T, all objects) {
		for name, workload := range all.workloads() {
			pod := workload.Spec.Template.Spec
			context := maps.Clone(pod.SecurityContext)
			delete(context, "fsGroupChangePolicy")
			if diff := cmp.Diff(wantPod, context); diff != "" {
				t.Errorf("%s, pod (-want +got):\n%s", name, diff)
			}
			for _, c := range slices.Concat(pod.InitContainers, pod.Containers) {
				if diff := cmp.Diff(wantContainer, c.SecurityContext); diff != "" {
					t.Errorf("%s, container %s (-want +got):\n%s", name, c.Name, diff)
				}
			}
			if token := pod.AutomountServiceAccountToken; token == nil || *token {
				t.Errorf("%s gets a service account token", name)
			}
			if links := pod.EnableServiceLinks; links == nil || *links {
				t.Errorf("%s gets the namespace's services in its environment", name)
			}
			if pod.ServiceAccountName != workload.Metadata.Name && !strings.HasPrefix(workload.Metadata.Name, pod.ServiceAccountName+"-v") {
				t.Errorf("%s runs as %q", name, pod.ServiceAccountName)
			}
			if token := all.get(t, "ServiceAccount", pod.ServiceAccountName).AutomountServiceAccountToken; token == nil || *token {
				t.Errorf("service account %s hands out tokens", pod.ServiceAccountName)
			}
		}
	})
}

// notGo are the containers whose memory Go does not manage.
var notGo = []string{"redis", "toolbox"}

func TestContainersHaveResources(t *testing.T) {
	each(t, func(t *testing.T, all objects) {
		for name, workload := range all.workloads() {
			for _, c := range workload.Spec.Template.Spec.Containers {
				requests, limits := c.Resources.Requests, c.Resources.Limits
				if requests["cpu"] == "" || requests["memory"] == "" || requests["ephemeral-storage"] == "" || limits["ephemeral-storage"] == "" {
					t.Errorf("%s: requests %v, limits %v", name, requests, limits)
				}
				if limits["memory"] == "" || limits["memory"] != requests["memory"] {
					t.Errorf("%s: memory limit %q, request %q: a node must not promise it to two", name, limits["memory"], requests["memory"])
				}
				if !slices.Contains(notGo, name) {
					checkMemoryLimit(t, c)
				}
			}
		}
	})
}

// checkMemoryLimit holds GOMEMLIMIT to the container's own limit: near it, or
// memory lies idle; below it, or the kernel ends the process before Go collects.
func checkMemoryLimit(t *testing.T, c container) {
	t.Helper()
	mib, err := strconv.Atoi(strings.TrimSuffix(c.Resources.Limits["memory"], "Mi"))
	if err != nil {
		t.Errorf("%s: the memory limit is not in Mi: %v", c.Name, err)
		return
	}
	var text string
	for i, v := range c.Env {
		if v.Name != "GOMEMLIMIT" {
			continue
		}
		if text = v.Value; i == 0 || c.Env[i-1].Name != "MEMORY_LIMIT_MIB" {
			t.Errorf("%s: the limit must stand before what is made of it", c.Name)
			return
		}
		want := map[string]map[string]string{"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}
		if diff := cmp.Diff(want, c.Env[i-1].ValueFrom); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.Name, diff)
		}
	}
	limit, err := strconv.Atoi(strings.ReplaceAll(text, "$(MEMORY_LIMIT_MIB)", strconv.Itoa(mib)))
	if share := float64(limit) / float64(mib<<20); err != nil || share < 0.9 || share > 0.96 {
		t.Errorf("%s: GOMEMLIMIT %s is %.2f of the limit, %v", c.Name, text, share, err)
	}
}

func TestProbesAndPorts(t *testing.T) {
	each(t, func(t *testing.T, all objects) {
		for _, m := range all.ofKind("Deployment", "StatefulSet") {
			for _, c := range m.Spec.Template.Spec.Containers {
				for _, p := range []*probe{c.StartupProbe, c.LivenessProbe, c.ReadinessProbe} {
					if p == nil {
						continue
					}
					port := p.HTTPGet.Port + p.TCPSocket.Port
					if p.Exec.Command == nil && !slices.ContainsFunc(c.Ports, func(have containerPort) bool { return have.Name == port }) {
						t.Errorf("%s is probed on %q, which it does not open", c.Name, port)
					}
				}
				if !strings.HasPrefix(m.Metadata.Name, "settlehook-") {
					continue
				}
				for name, check := range map[string]struct {
					probe *probe
					path  string
				}{
					"startup": {c.StartupProbe, "/livez"}, "liveness": {c.LivenessProbe, "/livez"}, "readiness": {c.ReadinessProbe, "/readyz"},
				} {
					if check.probe == nil || check.probe.HTTPGet.Path != check.path || check.probe.HTTPGet.Port != "admin" {
						t.Errorf("%s: %s probe is %+v, want %s on admin", c.Name, name, check.probe, check.path)
					}
				}
			}
		}
	})
}

// labelsOf turns a selector, or the labels of a Service's, into labels.
func labelsOf(selector map[string]any) map[string]string {
	if nested, ok := selector["matchLabels"].(map[string]any); ok {
		selector = nested
	}
	labels := make(map[string]string)
	for name, value := range selector {
		labels[name], _ = value.(string)
	}
	return labels
}

// selects reports whether labels have all of a selector's.
func selects(selector, labels map[string]string) bool {
	for name, value := range selector {
		if labels[name] != value {
			return false
		}
	}
	return len(selector) > 0
}

func TestSelectorsFindTheirPods(t *testing.T) {
	each(t, func(t *testing.T, all objects) {
		for _, m := range all.ofKind("Deployment", "StatefulSet", "PodDisruptionBudget", "Service") {
			var found []string
			for name, w := range all.workloads() {
				if selects(labelsOf(m.Spec.Selector), w.Spec.Template.Metadata.Labels) {
					found = append(found, name)
				}
			}
			if len(found) != 1 {
				t.Errorf("%s %s selects the pods of %v, want of one", m.Kind, m.Metadata.Name, found)
				continue
			}
			pod := all.workloads()[found[0]].Spec.Template.Spec
			for _, constraint := range m.Spec.Template.Spec.TopologySpreadConstraints {
				if !selects(constraint.LabelSelector.MatchLabels, m.Spec.Template.Metadata.Labels) {
					t.Errorf("%s spreads others than its own", m.Metadata.Name)
				}
			}
			for _, port := range m.Spec.Ports {
				if !slices.ContainsFunc(pod.Containers[0].Ports, func(p containerPort) bool { return p.Name == port.TargetPort }) {
					t.Errorf("service %s: %+v is not a port of its pods", m.Metadata.Name, port)
				}
			}
		}
	})
}

// What several pods serve survives a drain: spread, with a budget that does not
// stand in the way of pods that serve nobody.
func TestServingPodsSurviveADrain(t *testing.T) {
	each(t, func(t *testing.T, all objects) {
		for name, zones := range map[string]bool{"receiver": true, "worker": true, "sweeper": true, "nats": false} {
			workload, ok := all.workloads()[name]
			if !ok {
				continue
			}
			budget := all.get(t, "PodDisruptionBudget", workload.Metadata.Name).Spec
			if budget.MaxUnavailable == nil || *budget.MaxUnavailable != 1 {
				t.Errorf("%s: %v may be unavailable", name, budget.MaxUnavailable)
			}
			if zones && budget.Unhealthy != "AlwaysAllow" {
				t.Errorf("%s: unhealthy pods keep a node from draining", name)
			}
			var spread []string
			for _, constraint := range workload.Spec.Template.Spec.TopologySpreadConstraints {
				spread = append(spread, constraint.TopologyKey)
			}
			if !slices.Contains(spread, "kubernetes.io/hostname") || zones != slices.Contains(spread, "topology.kubernetes.io/zone") {
				t.Errorf("%s is spread over %v", name, spread)
			}
		}
	})
}

// Where an autoscaler owns the number of pods, a manifest that names one too
// would set it back with every apply.
func TestAutoscalers(t *testing.T) {
	each(t, func(t *testing.T, all objects) {
		owned := make(map[string]bool)
		for _, scaler := range all.ofKind("HorizontalPodAutoscaler", "ScaledObject") {
			target := scaler.Spec.ScaleTargetRef.Name
			owned[target] = true
			if replicas := all.get(t, "Deployment", target).Spec.Replicas; replicas != nil {
				t.Errorf("%s is scaled, and has replicas: %d", target, *replicas)
			}
		}
		if !owned["settlehook-receiver"] {
			t.Error("the receivers are not scaled")
		}
		for _, m := range all.ofKind("Deployment") {
			if !owned[m.Metadata.Name] && m.Spec.Replicas == nil {
				t.Errorf("nobody says how many of %s", m.Metadata.Name)
			}
		}
		hpa := all.get(t, "HorizontalPodAutoscaler", "settlehook-receiver").Spec
		if hpa.MinReplicas < 2 || hpa.MaxReplicas <= hpa.MinReplicas || hpa.ScaleTargetRef.Kind != "Deployment" {
			t.Errorf("the receivers' autoscaler: %+v", hpa)
		}
	})
}

func TestServices(t *testing.T) {
	for _, service := range built(t, "base").ofKind("Service") {
		admin := strings.HasSuffix(service.Metadata.Name, "-admin")
		if headless := service.Spec.ClusterIP == "None" && service.Spec.PublishNotReadyAddresses; headless != admin {
			t.Errorf("service %s: headless %t, of the operator %t", service.Metadata.Name, headless, admin)
		}
	}
}

func TestIngressLeadsToTheReceiver(t *testing.T) {
	for _, name := range []string{"all components", "overlays/prod"} {
		all := built(t, name, kustomizations()[name]...)
		ingress := all.get(t, "Ingress", "settlehook-receiver").Spec
		rule := ingress.Rules[0]
		path := rule.HTTP.Paths[0]
		if len(ingress.Rules) != 1 || len(rule.HTTP.Paths) != 1 || path.Path != "/callbacks/" || !slices.Contains(ingress.TLS[0].Hosts, rule.Host) {
			t.Errorf("%s: %+v", name, ingress)
		}
		service := all.get(t, "Service", path.Backend.Service.Name)
		if !slices.ContainsFunc(service.Spec.Ports, func(p servicePort) bool { return p.Name == path.Backend.Service.Port.Name }) {
			t.Errorf("%s: the ingress leads to %+v", name, path.Backend.Service)
		}
	}
}
