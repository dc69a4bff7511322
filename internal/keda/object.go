package keda

// The parts of a ScaledObject that we write. KEDA takes a misspelled name of a
// trigger's metadata without a word, so they stand here once.

type scaledObject struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string `yaml:"kind"`
	Metadata   struct {
		Name        string            `yaml:"name"`
		Labels      map[string]string `yaml:"labels"`
		Annotations map[string]string `yaml:"annotations"`
	} `yaml:"metadata"`
	Spec struct {
		ScaleTargetRef struct {
			Name string `yaml:"name"`
		} `yaml:"scaleTargetRef"`
		MinReplicaCount int       `yaml:"minReplicaCount"`
		MaxReplicaCount int       `yaml:"maxReplicaCount"`
		PollingInterval int       `yaml:"pollingInterval"`
		CooldownPeriod  int       `yaml:"cooldownPeriod"`
		Fallback        fallback  `yaml:"fallback"`
		Triggers        []trigger `yaml:"triggers"`
	} `yaml:"spec"`
}

type fallback struct {
	FailureThreshold int    `yaml:"failureThreshold"`
	Replicas         int    `yaml:"replicas"`
	Behavior         string `yaml:"behavior"`
}

type trigger struct {
	Type     string    `yaml:"type"`
	Metadata jetstream `yaml:"metadata"`
}

// jetstream is the metadata of KEDA's nats-jetstream scaler.
type jetstream struct {
	Monitor    string `yaml:"natsServerMonitoringEndpoint"`
	Account    string `yaml:"account"`
	Stream     string `yaml:"stream"`
	Consumer   string `yaml:"consumer"`
	Lag        string `yaml:"lagThreshold"`
	Activation string `yaml:"activationLagThreshold"`
}
