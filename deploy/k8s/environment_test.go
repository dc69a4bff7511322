package k8s_test

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/settlehook/settlehook/internal/config"
)

// programs are the configurations of the containers, by component.
var programs = map[string]reflect.Type{
	"receiver": reflect.TypeFor[config.Receiver](),
	"worker":   reflect.TypeFor[config.Worker](),
	"setup":    reflect.TypeFor[config.Setup](),
}

// variables returns the variables a program reads, and whether each is secret.
func variables(program reflect.Type) map[string]bool {
	found := make(map[string]bool)
	for i := range program.NumField() {
		group := program.Field(i).Type
		for j := range group.NumField() {
			tag := group.Field(j).Tag
			if name := tag.Get("env"); name != "" {
				found[name] = tag.Get("secret") == "true"
			}
		}
	}
	return found
}

// ofTheRuntime are variables that Go itself reads.
var ofTheRuntime = map[string]bool{"GOMEMLIMIT": true}

// secrets stand for what the Secret settlehook-connections holds.
var secrets = map[string]string{
	"NATS_URL":  "nats://nats.example:4222",
	"REDIS_URL": "redis://redis.example:6379",
}

// environ is what a component's container finds in its environment.
func environ(t *testing.T, component string) map[string]string {
	t.Helper()
	env := make(map[string]string)
	for _, c := range workloads(t)[component].Spec.Template.Spec.Containers {
		for _, from := range c.EnvFrom {
			if ref := from["configMapRef"]; ref["name"] == "settlehook-config" {
				maps.Copy(env, configMap(t))
			} else {
				t.Fatalf("%s takes its environment from %v, which the kustomization does not generate", component, from)
			}
		}
		for _, v := range c.Env {
			env[v.Name] = v.Value
			if ref, ok := v.ValueFrom["secretKeyRef"]; ok {
				if ref["name"] != "settlehook-connections" || secrets[ref["key"]] == "" {
					t.Errorf("%s: %s comes from %v, which README.md does not tell to create", component, v.Name, ref)
				}
				env[v.Name] = secrets[ref["key"]]
			}
		}
	}
	return env
}

func load(component string, env map[string]string) (any, error) {
	switch component {
	case "receiver":
		return config.LoadReceiver(env)
	case "worker":
		return config.LoadWorker(env)
	default:
		return config.LoadSetup(env)
	}
}

func TestEveryVariableIsRead(t *testing.T) {
	everywhere := make(map[string]bool)
	for _, program := range programs {
		maps.Copy(everywhere, variables(program))
	}
	inConfigMap := slices.Sorted(maps.Keys(configMap(t)))
	for _, name := range inConfigMap {
		if secret, known := everywhere[name]; !known || secret {
			t.Errorf("config.env sets %s: known to a program %t, secret %t", name, known, secret)
		}
	}
	for component, workload := range workloads(t) {
		known := variables(programs[component])
		for _, c := range workload.Spec.Template.Spec.Containers {
			for _, v := range c.Env {
				secret, ok := known[v.Name]
				if !ok && !ofTheRuntime[v.Name] {
					t.Errorf("%s sets %s, which it does not read", component, v.Name)
				}
				if _, fromSecret := v.ValueFrom["secretKeyRef"]; secret != fromSecret {
					t.Errorf("%s: %s is secret: %t; comes from a Secret: %t", component, v.Name, secret, fromSecret)
				}
				if slices.Contains(inConfigMap, v.Name) {
					t.Errorf("%s sets %s over the ConfigMap: an overlay's value would be ignored", component, v.Name)
				}
			}
		}
	}
}

// A pod that starts from the base says one thing: name the installation.
func TestOnlyTheInstallationIsLeftToTheOverlay(t *testing.T) {
	for component := range programs {
		env := environ(t, component)
		_, err := load(component, env)
		var missing []string
		for _, fault := range config.Faults(err) {
			missing = append(missing, fault.Where)
		}
		if diff := cmp.Diff([]string{"INSTALLATION"}, missing); diff != "" {
			t.Errorf("%s without an overlay (-want +got):\n%s%v", component, diff, err)
		}
		env["INSTALLATION"] = "example"
		if _, err := load(component, env); err != nil {
			t.Errorf("%s with INSTALLATION: %v", component, err)
		}
	}
}

func workerConfig(t *testing.T) config.Worker {
	t.Helper()
	env := environ(t, "worker")
	env["INSTALLATION"] = "example"
	cfg, err := config.LoadWorker(env)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func receiverConfig(t *testing.T) config.Receiver {
	t.Helper()
	env := environ(t, "receiver")
	env["INSTALLATION"] = "example"
	cfg, err := config.LoadReceiver(env)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// stopMargin is what the short steps of a graceful stop may take beside
// SHUTDOWN_TIMEOUT.
const stopMargin = 5 * time.Second

func TestGracePeriodOutlastsTheStop(t *testing.T) {
	worker, receiver := workerConfig(t), receiverConfig(t)
	for component, stop := range map[string]time.Duration{
		"worker":   worker.Reconcile.ClaimLease + worker.General.ShutdownTimeout + stopMargin,
		"receiver": receiver.General.ShutdownTimeout + stopMargin,
	} {
		pod := workloads(t)[component].Spec.Template.Spec
		for _, c := range pod.Containers {
			stop += time.Duration(c.Lifecycle.PreStop.Sleep.Seconds) * time.Second
		}
		if grace := time.Duration(pod.TerminationGracePeriodSeconds) * time.Second; grace <= stop {
			t.Errorf("%s: grace period %s, but a stop may take %s", component, grace, stop)
		}
	}
}

// Without Redis each worker takes rate ÷ MAX_WORKERS. Pods that terminate are
// not counted by a rollout, so there are as many old ones beside the new.
func TestMaxWorkersCoversARollout(t *testing.T) {
	worker := workloads(t)["worker"].Spec
	most := 2*worker.Replicas + worker.Strategy.RollingUpdate["maxSurge"]
	if highest := workerConfig(t).Reconcile.MaxWorkers; most > highest {
		t.Errorf("a rollout may run %d workers at once, MAX_WORKERS is %d", most, highest)
	}
}

func TestPortsAreThoseOfTheConfiguration(t *testing.T) {
	receiver, worker := receiverConfig(t), workerConfig(t)
	for component, want := range map[string]map[string]string{
		"receiver": {"http": receiver.HTTP.Addr, "admin": receiver.Admin.Addr},
		"worker":   {"admin": worker.Admin.Addr},
	} {
		got := make(map[string]string)
		for _, p := range workloads(t)[component].Spec.Template.Spec.Containers[0].Ports {
			got[p.Name] = ":" + itoa(p.ContainerPort)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s listens elsewhere (-want +got):\n%s", component, diff)
		}
	}
}

func TestMerchantsAreMountedAsAFolder(t *testing.T) {
	const volume, folder = "merchants", "/etc/settlehook/merchants"
	for component, workload := range workloads(t) {
		pod := workload.Spec.Template.Spec
		wantVolumes := []map[string]any{{
			"name": volume,
			// 0440: the group is fsGroup.
			"secret": map[string]any{"secretName": "settlehook-merchants", "defaultMode": 0o440},
		}}
		if diff := cmp.Diff(wantVolumes, pod.Volumes); diff != "" {
			t.Errorf("%s (-want +got):\n%s", component, diff)
		}
		wantMounts := []volumeMount{{Name: volume, MountPath: folder, ReadOnly: true}}
		if diff := cmp.Diff(wantMounts, pod.Containers[0].VolumeMounts); diff != "" {
			t.Errorf("%s (-want +got):\n%s", component, diff)
		}
		if file := environ(t, component)["MERCHANTS_FILE"]; !strings.HasPrefix(file, folder+"/") {
			t.Errorf("%s: MERCHANTS_FILE %s is not in the mounted Secret", component, file)
		}
	}
}
