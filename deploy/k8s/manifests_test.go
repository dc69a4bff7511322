package k8s_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// The manifests as far as the tests look at them.

type manifest struct {
	Kind     string
	Metadata struct {
		Name      string
		Namespace string
		Labels    map[string]string
	}
	Spec struct {
		Replicas                 int
		Selector                 selector
		Strategy                 struct{ RollingUpdate map[string]int }
		Template                 podTemplate
		MaxUnavailable           int    `yaml:"maxUnavailable"`
		ClusterIP                string `yaml:"clusterIP"`
		PublishNotReadyAddresses bool   `yaml:"publishNotReadyAddresses"`
		Ports                    []servicePort
		BackoffLimit             *int `yaml:"backoffLimit"`
		TTLSecondsAfterFinished  int  `yaml:"ttlSecondsAfterFinished"`
	}
	AutomountServiceAccountToken *bool `yaml:"automountServiceAccountToken"`
}

// selector is a label selector: that of a Service is the labels themselves.
type selector struct {
	MatchLabels map[string]string `yaml:"matchLabels"`
	Name        string            `yaml:"app.kubernetes.io/name"`
	Component   string            `yaml:"app.kubernetes.io/component"`
}

type podTemplate struct {
	Metadata struct{ Labels map[string]string }
	Spec     podSpec
}

type podSpec struct {
	ServiceAccountName            string           `yaml:"serviceAccountName"`
	AutomountServiceAccountToken  *bool            `yaml:"automountServiceAccountToken"`
	EnableServiceLinks            *bool            `yaml:"enableServiceLinks"`
	RestartPolicy                 string           `yaml:"restartPolicy"`
	TerminationGracePeriodSeconds int              `yaml:"terminationGracePeriodSeconds"`
	SecurityContext               map[string]any   `yaml:"securityContext"`
	TopologySpreadConstraints     []topologySpread `yaml:"topologySpreadConstraints"`
	InitContainers                []container      `yaml:"initContainers"`
	Containers                    []container
	Volumes                       []map[string]any
}

type topologySpread struct {
	TopologyKey   string   `yaml:"topologyKey"`
	LabelSelector selector `yaml:"labelSelector"`
}

type container struct {
	Name      string
	Image     string
	Command   []string
	EnvFrom   []map[string]map[string]string `yaml:"envFrom"`
	Env       []envVar
	Ports     []containerPort
	Resources struct{ Requests, Limits map[string]string }

	SecurityContext map[string]any `yaml:"securityContext"`
	StartupProbe    *probe         `yaml:"startupProbe"`
	LivenessProbe   *probe         `yaml:"livenessProbe"`
	ReadinessProbe  *probe         `yaml:"readinessProbe"`
	Lifecycle       struct {
		PreStop struct{ Sleep struct{ Seconds int } } `yaml:"preStop"`
	}
	VolumeMounts []volumeMount `yaml:"volumeMounts"`
}

type envVar struct {
	Name      string
	Value     string
	ValueFrom map[string]map[string]string `yaml:"valueFrom"`
}

type containerPort struct {
	Name          string
	ContainerPort int `yaml:"containerPort"`
}

type servicePort struct {
	Name       string
	Port       int
	TargetPort string `yaml:"targetPort"`
}

type probe struct {
	HTTPGet struct{ Path, Port string } `yaml:"httpGet"`
}

type volumeMount struct {
	Name      string
	MountPath string `yaml:"mountPath"`
	ReadOnly  bool   `yaml:"readOnly"`
	SubPath   string `yaml:"subPath"`
}

type kustomization struct {
	Namespace string
	Resources []string
	Images    []struct {
		Name   string
		NewTag string `yaml:"newTag"`
	}
	ConfigMapGenerator []struct {
		Name     string
		Behavior string
		Envs     []string
		Literals []string
	} `yaml:"configMapGenerator"`
}

// documents decodes every document of a YAML file.
func documents[T any](t *testing.T, path string) []T {
	t.Helper()
	data := readFile(t, path)
	loader, err := yaml.NewLoader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	var all []T
	for {
		var one T
		err := loader.Load(&one)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		all = append(all, one)
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func kustomizationIn(t *testing.T, dir string) kustomization {
	t.Helper()
	all := documents[kustomization](t, filepath.Join(dir, "kustomization.yaml"))
	if len(all) != 1 {
		t.Fatalf("%s: %d documents in the kustomization", dir, len(all))
	}
	return all[0]
}

// base returns every object of the base.
func base(t *testing.T) []manifest {
	t.Helper()
	var all []manifest
	for _, resource := range kustomizationIn(t, "base").Resources {
		all = append(all, documents[manifest](t, filepath.Join("base", resource))...)
	}
	if len(all) == 0 {
		t.Fatal("the base is empty")
	}
	return all
}

func ofKind(all []manifest, kind string) []manifest {
	return slices.DeleteFunc(slices.Clone(all), func(m manifest) bool { return m.Kind != kind })
}

// named returns the one object of a kind and name.
func named(t *testing.T, kind, name string) manifest {
	t.Helper()
	for _, m := range ofKind(base(t), kind) {
		if m.Metadata.Name == name {
			return m
		}
	}
	t.Fatalf("the base has no %s %s", kind, name)
	return manifest{}
}

// workloads are the objects that make pods, by component.
func workloads(t *testing.T) map[string]manifest {
	t.Helper()
	found := make(map[string]manifest)
	for _, m := range base(t) {
		if len(m.Spec.Template.Spec.Containers) > 0 {
			found[m.Metadata.Labels["app.kubernetes.io/component"]] = m
		}
	}
	for _, component := range []string{"receiver", "worker", "setup"} {
		if _, ok := found[component]; !ok {
			t.Fatalf("the base has no workload for %s", component)
		}
	}
	return found
}

// configMap is the generated ConfigMap's content.
func configMap(t *testing.T) map[string]string {
	t.Helper()
	values := make(map[string]string)
	for _, generator := range kustomizationIn(t, "base").ConfigMapGenerator {
		for _, file := range generator.Envs {
			scanner := bufio.NewScanner(bytes.NewReader(readFile(t, filepath.Join("base", file))))
			for scanner.Scan() {
				line := strings.TrimSpace(scanner.Text())
				if line == "" || strings.HasPrefix(line, "#") {
					continue
				}
				name, value, ok := strings.Cut(line, "=")
				if !ok {
					t.Fatalf("%s: %q is not NAME=value", file, line)
				}
				values[name] = value
			}
		}
	}
	return values
}
