package k8s_test

import (
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/settlehook/settlehook/internal/config"
)

// programs are the configurations of our containers, by name.
var programs = map[string]reflect.Type{
	"receiver": reflect.TypeFor[config.Receiver](),
	"worker":   reflect.TypeFor[config.Worker](),
	"sweeper":  reflect.TypeFor[config.Worker](),
	"setup":    reflect.TypeFor[config.Setup](),
	"sandbox":  reflect.TypeFor[config.Setup](), // with --announce
	"doctor":   reflect.TypeFor[config.Doctor](),
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

// ofTheRuntime are variables that Go itself reads, and what they are made of.
var ofTheRuntime = []string{"GOMEMLIMIT", "MEMORY_LIMIT_MIB", "SSL_CERT_DIR", "SSL_CERT_FILE"}

// chosen is what an installation has to say, where an overlay does not.
var chosen = map[string]string{
	"INSTALLATION": "example", "NATS_URL": "nats://nats.example:4222", "REDIS_URL": "redis://user@redis.example:6379",
}

// environ is what a container finds in its environment.
func environ(t *testing.T, all objects, name string) map[string]string {
	t.Helper()
	env := make(map[string]string)
	c := all.workloads()[name].Spec.Template.Spec.Containers[0]
	for _, from := range c.EnvFrom {
		maps.Copy(env, all.get(t, "ConfigMap", from["configMapRef"].Name).Data)
	}
	for _, v := range c.Env {
		if env[v.Name] != "" {
			t.Errorf("%s sets %s over the ConfigMap: an overlay's value would be ignored", name, v.Name)
		}
		env[v.Name] = v.Value
		if _, secret := v.ValueFrom["secretKeyRef"]; secret {
			t.Errorf("%s has the secret %s in its environment: it would not follow a change", name, v.Name)
		}
	}
	return env
}

// mounted puts what the pod mounts into a folder of the test, and the folder's
// path in front of the paths in env.
func mounted(t *testing.T, pod podSpec, env map[string]string) map[string]string {
	t.Helper()
	root := t.TempDir()
	for _, mount := range pod.Containers[0].VolumeMounts {
		if mount.SubPath != "" || !mount.ReadOnly {
			t.Errorf("%s: only a folder follows its Secret, and nobody writes to it", mount.Name)
		}
		for _, v := range pod.Volumes {
			if v.Name != mount.Name {
				continue
			}
			if v.Secret.SecretName != "" && v.Secret.DefaultMode != 0o440 {
				t.Errorf("%s: mode %o; the group is fsGroup, others have no business with it", v.Name, v.Secret.DefaultMode)
			}
			for _, item := range v.Secret.Items {
				writeFile(t, filepath.Join(root, mount.MountPath, item.Path), "value of "+item.Key)
			}
		}
	}
	there := make(map[string]string)
	for name, value := range env {
		if strings.HasPrefix(value, "/etc/") {
			value = filepath.Join(root, value)
		}
		there[name] = value
	}
	return there
}

func load(name string, env map[string]string) (any, error) {
	switch name {
	case "receiver":
		return config.LoadReceiver(env)
	case "worker", "sweeper":
		return config.LoadWorker(env)
	default:
		return config.LoadSetup(env)
	}
}

// withChoices fills in what is left to whoever installs it.
func withChoices(env map[string]string) map[string]string {
	env = maps.Clone(env)
	for name, value := range chosen {
		if env[name] == "" {
			env[name] = value
		}
	}
	return env
}

func TestEveryVariableIsRead(t *testing.T) {
	everywhere := make(map[string]bool)
	for _, program := range programs {
		maps.Copy(everywhere, variables(program))
	}
	each(t, func(t *testing.T, all objects) {
		config, setup := all.get(t, "ConfigMap", "settlehook-config").Data, all.get(t, "ConfigMap", "settlehook-setup").Data
		if diff := cmp.Diff(config, setup); diff != "" {
			t.Errorf("the set-up runs with other settings than the programs (-programs +setup):\n%s", diff)
		}
		for name, value := range config {
			if _, known := everywhere[name]; !known && !strings.HasPrefix(name, "OTEL_") {
				t.Errorf("no program reads %s", name)
			}
			// A user without a password is none; with NATS it would be a token.
			if credentials, _, found := strings.Cut(value, "@"); found && (name == "NATS_URL" || strings.Count(credentials, ":") > 1) {
				t.Errorf("%s carries a password", name)
			}
		}
		for name, program := range programs {
			workload, ok := all.workloads()[name]
			if !ok {
				continue
			}
			known := variables(program)
			for _, v := range workload.Spec.Template.Spec.Containers[0].Env {
				if _, ok := known[v.Name]; !ok && !slices.Contains(ofTheRuntime, v.Name) {
					t.Errorf("%s sets %s, which it does not read", name, v.Name)
				}
			}
		}
	})
}

// The whole environment passes the programs' own check, files included.
func TestProgramsAcceptTheirEnvironment(t *testing.T) {
	each(t, func(t *testing.T, all objects) {
		for name := range programs {
			workload, ok := all.workloads()[name]
			if !ok {
				continue
			}
			env := mounted(t, workload.Spec.Template.Spec, withChoices(environ(t, all, name)))
			if _, err := load(name, env); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			user := env["NATS_USER"]
			if env["NATS_INBOX_PREFIX"] != "_INBOX_"+user || readFile(t, env["NATS_PASSWORD_FILE"]) != "value of "+user {
				t.Errorf("%s is %s, with the inbox %s", name, user, env["NATS_INBOX_PREFIX"])
			}
			merchants := strings.TrimSuffix(environ(t, all, name)["MERCHANTS_FILE"], "/merchants.yaml")
			if !slices.ContainsFunc(workload.Spec.Template.Spec.Containers[0].VolumeMounts, func(m volumeMount) bool { return m.MountPath == merchants }) {
				t.Errorf("%s: the merchants file is in %s, which is not mounted", name, merchants)
			}
		}
	})
}

// A pod that starts with a placeholder says so and ends.
func TestNothingStartsUnchosen(t *testing.T) {
	for name, want := range map[string][]string{
		"base":          {"INSTALLATION", "NATS_URL", "REDIS_URL"},
		"overlays/prod": {"INSTALLATION"},
		"overlays/dev":  nil,
	} {
		all := built(t, name)
		_, err := load("worker", mounted(t, all.workloads()["worker"].Spec.Template.Spec, environ(t, all, "worker")))
		var missing []string
		for _, fault := range config.Faults(err) {
			missing = append(missing, fault.Where)
		}
		if diff := cmp.Diff(want, missing); diff != "" {
			t.Errorf("%s (-want +got):\n%s%v", name, diff, err)
		}
	}
}

func workerConfig(t *testing.T, all objects, name string) config.Worker {
	t.Helper()
	cfg, err := config.LoadWorker(mounted(t, all.workloads()[name].Spec.Template.Spec, withChoices(environ(t, all, name))))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func receiverConfig(t *testing.T, all objects) config.Receiver {
	t.Helper()
	cfg, err := config.LoadReceiver(mounted(t, all.workloads()["receiver"].Spec.Template.Spec, withChoices(environ(t, all, "receiver"))))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// stopMargin is what the short steps of a graceful stop may take beside
// SHUTDOWN_TIMEOUT.
const stopMargin = 5 * time.Second

func TestGracePeriodOutlastsTheStop(t *testing.T) {
	each(t, func(t *testing.T, all objects) {
		worker, receiver := workerConfig(t, all, "worker"), receiverConfig(t, all)
		working := worker.Reconcile.ClaimLease + worker.General.ShutdownTimeout + stopMargin
		for name, stop := range map[string]time.Duration{
			"worker": working, "sweeper": working, "receiver": receiver.General.ShutdownTimeout + stopMargin,
		} {
			pod := all.workloads()[name].Spec.Template.Spec
			sleep := time.Duration(pod.Containers[0].Lifecycle.PreStop.Sleep.Seconds) * time.Second
			if name == "receiver" && sleep < 5*time.Second {
				t.Error("a receiver goes before every balancer has heard of it")
			}
			if grace := time.Duration(pod.TerminationGracePeriodSeconds) * time.Second; grace <= stop+sleep {
				t.Errorf("%s: grace period %s, but a stop may take %s", name, grace, stop+sleep)
			}
		}
	})
}

func TestRolesAreSplit(t *testing.T) {
	each(t, func(t *testing.T, all objects) {
		for name, role := range map[string]config.Role{"worker": config.RoleCallbacks, "sweeper": config.RoleSweep} {
			if diff := cmp.Diff(config.Roles{role}, workerConfig(t, all, name).Reconcile.Roles); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
		if n := all.get(t, "Deployment", "settlehook-sweeper").Spec.Replicas; n == nil || *n != 2 {
			t.Errorf("sweepers: %v, want 2", n)
		}
	})
}

// Without Redis each worker takes rate ÷ MAX_WORKERS. Pods that terminate are
// not counted by a rollout, so there are as many old ones beside the new.
func TestMaxWorkersCoversARollout(t *testing.T) {
	each(t, func(t *testing.T, all objects) {
		most := 0
		for _, name := range []string{"worker", "sweeper"} {
			spec := all.workloads()[name].Spec
			if surge := spec.Strategy.RollingUpdate.MaxSurge; surge == nil || *surge != 0 {
				t.Errorf("%s: surge %v", name, surge)
			}
			replicas := spec.Replicas
			if scaled, ok := all.find("ScaledObject", "settlehook-worker"); ok && name == "worker" {
				replicas = scaled.Spec.MaxReplicaCount
			}
			if replicas == nil {
				t.Fatalf("nobody says how many of %s", name)
			}
			most += 2 * *replicas
		}
		if highest := workerConfig(t, all, "worker").Reconcile.MaxWorkers; most > highest {
			t.Errorf("a rollout may run %d workers at once, MAX_WORKERS is %d", most, highest)
		}
	})
}

func TestPortsAreThoseOfTheConfiguration(t *testing.T) {
	all := built(t, "base")
	receiver, worker := receiverConfig(t, all), workerConfig(t, all, "worker")
	for name, want := range map[string]map[string]string{
		"receiver": {"http": receiver.HTTP.Addr, "admin": receiver.Admin.Addr},
		"worker":   {"admin": worker.Admin.Addr},
		"sweeper":  {"admin": worker.Admin.Addr},
	} {
		if diff := cmp.Diff(want, openPorts(all.workloads()[name])); diff != "" {
			t.Errorf("%s listens elsewhere (-want +got):\n%s", name, diff)
		}
	}
}
