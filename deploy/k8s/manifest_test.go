package k8s_test

// The objects as far as the tests look at them.

type manifest struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   struct {
		Name, Namespace     string
		Labels, Annotations map[string]string
	}
	Spec spec
	Data map[string]string

	AutomountServiceAccountToken *bool `yaml:"automountServiceAccountToken"`
}

type spec struct {
	Replicas             *int
	ServiceName          string                `yaml:"serviceName"`
	Selector             map[string]any        // labels of a Service, matchLabels of the rest
	PodSelector          labelSelector         `yaml:"podSelector"`
	Template             podTemplate           `yaml:"template"`
	VolumeClaimTemplates []volumeClaimTemplate `yaml:"volumeClaimTemplates"`
	Strategy             struct {
		RollingUpdate struct {
			MaxSurge       *int `yaml:"maxSurge"`
			MaxUnavailable *int `yaml:"maxUnavailable"`
		} `yaml:"rollingUpdate"`
	}
	// PodDisruptionBudget
	MaxUnavailable *int   `yaml:"maxUnavailable"`
	Unhealthy      string `yaml:"unhealthyPodEvictionPolicy"`
	// Service
	ClusterIP                string `yaml:"clusterIP"`
	PublishNotReadyAddresses bool   `yaml:"publishNotReadyAddresses"`
	Ports                    []servicePort
	// Job
	BackoffLimit            *int `yaml:"backoffLimit"`
	TTLSecondsAfterFinished int  `yaml:"ttlSecondsAfterFinished"`
	// CronJob
	JobTemplate struct {
		Spec struct{ Template podTemplate }
	} `yaml:"jobTemplate"`
	// HorizontalPodAutoscaler and ScaledObject
	ScaleTargetRef  struct{ Kind, Name string } `yaml:"scaleTargetRef"`
	MinReplicas     int                         `yaml:"minReplicas"`
	MaxReplicas     int                         `yaml:"maxReplicas"`
	MinReplicaCount *int                        `yaml:"minReplicaCount"`
	MaxReplicaCount *int                        `yaml:"maxReplicaCount"`
	// Ingress
	TLS   []struct{ Hosts []string } `yaml:"tls"`
	Rules []struct {
		Host string
		HTTP struct {
			Paths []struct {
				Path    string
				Backend struct {
					Service struct {
						Name string
						Port struct{ Name string }
					}
				}
			}
		}
	}
	// NetworkPolicy
	PolicyTypes     []string `yaml:"policyTypes"`
	Ingress, Egress []flowRule
}

type labelSelector struct {
	MatchLabels map[string]string `yaml:"matchLabels"`
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
	Volumes                       []volume
}

type topologySpread struct {
	TopologyKey   string        `yaml:"topologyKey"`
	LabelSelector labelSelector `yaml:"labelSelector"`
}

type container struct {
	Name, Image     string
	Command, Args   []string
	EnvFrom         []map[string]struct{ Name string } `yaml:"envFrom"`
	Env             []envVar
	Ports           []containerPort
	Resources       struct{ Requests, Limits map[string]string }
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
	Name, Value string
	ValueFrom   map[string]map[string]string `yaml:"valueFrom"`
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
	HTTPGet   struct{ Path, Port string } `yaml:"httpGet"`
	TCPSocket struct{ Port string }       `yaml:"tcpSocket"`
	Exec      struct{ Command []string }
}

type volume struct {
	Name   string
	Secret struct {
		SecretName  string `yaml:"secretName"`
		DefaultMode int    `yaml:"defaultMode"`
		Items       []struct{ Key, Path string }
	}
	ConfigMap             struct{ Name string } `yaml:"configMap"`
	EmptyDir              *struct{}             `yaml:"emptyDir"`
	PersistentVolumeClaim struct {
		ClaimName string `yaml:"claimName"`
	} `yaml:"persistentVolumeClaim"`
}

type volumeClaimTemplate struct {
	Metadata struct{ Name string }
}

type volumeMount struct {
	Name      string
	MountPath string `yaml:"mountPath"`
	ReadOnly  bool   `yaml:"readOnly"`
	SubPath   string `yaml:"subPath"`
}

type flowRule struct {
	From, To []peer
	Ports    []struct{ Protocol, Port string }
}

type peer struct {
	PodSelector       *labelSelector         `yaml:"podSelector"`
	NamespaceSelector *labelSelector         `yaml:"namespaceSelector"`
	IPBlock           *struct{ CIDR string } `yaml:"ipBlock"`
}
