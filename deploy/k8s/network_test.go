package k8s_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// openPorts are a workload's, by name, as they are listened on.
func openPorts(workload manifest) map[string]string {
	ports := make(map[string]string)
	for _, p := range workload.Spec.Template.Spec.Containers[0].Ports {
		ports[p.Name] = ":" + strconv.Itoa(p.ContainerPort)
	}
	return ports
}

// flows are all that the policies let through, as "from > to:port": seen from
// whoever opens the connection (egress), or from whoever takes it (ingress).
func flows(t *testing.T, all objects) (egress, ingress []string) {
	t.Helper()
	for _, policy := range all.ofKind("NetworkPolicy") {
		if policy.Metadata.Name == "default-deny" || policy.Metadata.Name == "dns" {
			continue
		}
		pods := podsOf(t, all, policy.Spec.PodSelector.MatchLabels)
		if len(pods) != 1 {
			t.Fatalf("policy %s is about %v", policy.Metadata.Name, pods)
		}
		for _, rule := range policy.Spec.Ingress {
			for _, from := range ends(t, all, rule.From) {
				for _, port := range rule.Ports {
					ingress = append(ingress, from+" > "+pods[0]+portOf(t, all, pods[0], port.Port))
				}
			}
		}
		for _, rule := range policy.Spec.Egress {
			for _, to := range ends(t, all, rule.To) {
				for _, port := range rule.Ports {
					egress = append(egress, pods[0]+" > "+to+portOf(t, all, to, port.Port))
				}
			}
		}
	}
	slices.Sort(egress)
	slices.Sort(ingress)
	return egress, ingress
}

// podsOf names the workloads whose pods have the labels.
func podsOf(t *testing.T, all objects, labels map[string]string) []string {
	t.Helper()
	var found []string
	for name, w := range all.workloads() {
		if selects(labels, w.Spec.Template.Metadata.Labels) {
			found = append(found, name)
		}
	}
	return found
}

// ends names the other sides of a rule.
func ends(t *testing.T, all objects, peers []peer) []string {
	t.Helper()
	if len(peers) == 0 {
		t.Error("a rule names nobody: it would mean everybody")
	}
	var found []string
	for _, p := range peers {
		switch {
		case p.IPBlock != nil:
			found = append(found, p.IPBlock.CIDR)
		case p.NamespaceSelector != nil && p.NamespaceSelector.MatchLabels["settlehook.io/nats-client"] == "true":
			found = append(found, "nats clients")
		case p.NamespaceSelector != nil:
			found = append(found, "namespace "+p.NamespaceSelector.MatchLabels["kubernetes.io/metadata.name"])
		default:
			pods := podsOf(t, all, p.PodSelector.MatchLabels)
			if len(pods) != 1 {
				t.Errorf("a rule is about the pods of %v, by %v", pods, p.PodSelector.MatchLabels)
				continue
			}
			found = append(found, pods[0])
		}
	}
	return found
}

// portOf is a port's number: a pod that is ours must have it open.
func portOf(t *testing.T, all objects, workload, port string) string {
	t.Helper()
	pods, ours := all.workloads()[workload]
	if !ours {
		return ":" + port
	}
	for name, number := range openPorts(pods) {
		if name == port || number == ":"+port {
			return number
		}
	}
	t.Errorf("%s has no port %s", workload, port)
	return ":?"
}

// Every flow, by name. Whoever adds one says so here.
func TestNetworkPoliciesNameEveryFlow(t *testing.T) {
	all := built(t, "all components", components...)
	egress, ingress := flows(t, all)
	var want []string
	for _, program := range []string{"receiver", "worker", "sweeper", "setup", "sandbox", "toolbox", "doctor"} {
		want = append(want, program+" > namespace nats:4222", program+" > nats:4222")
	}
	for _, worker := range []string{"worker", "sweeper", "doctor"} {
		want = append(want, worker+" > 0.0.0.0/0:443", worker+" > namespace redis:6379", worker+" > redis:6379", worker+" > sandbox:8888")
	}
	for _, program := range []string{"receiver", "worker", "sweeper"} {
		want = append(want, program+" > namespace observability:4317", program+" > namespace observability:4318")
	}
	want = append(want, "sweeper > namespace nats:8222", "sweeper > nats:8222", "doctor > namespace nats:8222", "doctor > nats:8222", "sandbox > receiver:8080", "nats > nats:6222")
	slices.Sort(want)
	if diff := cmp.Diff(want, egress); diff != "" {
		t.Errorf("what goes out (-want +got):\n%s", diff)
	}
	// What goes out to a pod of ours must be let in there, and what is let in from
	// one must be let out.
	var in []string
	for _, flow := range want {
		if _, to, _ := strings.Cut(flow, " > "); !strings.HasPrefix(to, "namespace ") && !strings.HasPrefix(to, "0.0.0.0") {
			in = append(in, flow)
		}
	}
	in = append(in, "nats clients > nats:4222", "namespace ingress-nginx > receiver:8080", "namespace keda > nats:8222", "namespace monitoring > nats:8222")
	for _, program := range []string{"receiver", "worker", "sweeper"} {
		in = append(in, "namespace monitoring > "+program+":9090")
	}
	slices.Sort(in)
	if diff := cmp.Diff(in, ingress); diff != "" {
		t.Errorf("what comes in (-want +got):\n%s", diff)
	}
}

func TestEverythingElseIsDenied(t *testing.T) {
	for _, name := range []string{"all components", "overlays/prod"} {
		deny := built(t, name, kustomizations()[name]...).get(t, "NetworkPolicy", "default-deny").Spec
		if len(deny.PodSelector.MatchLabels) > 0 || len(deny.Ingress)+len(deny.Egress) > 0 || !slices.Equal(deny.PolicyTypes, []string{"Ingress", "Egress"}) {
			t.Errorf("%s: %+v", name, deny)
		}
	}
}
