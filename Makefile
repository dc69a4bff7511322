# settlehook. `make help` lists the targets; README.md says what to expect.

GO        ?= go
BIN       := .cache/bin
TOOL      := $(GO) tool -modfile=tools.mod
DATA      ?= data
FUZZTIME  ?= 30s
# Tests of several packages start servers of their own: two at a time leave
# room for them on a small machine.
PARALLEL  ?= 2
VERSION   ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS   := -s -w -X main.version=$(VERSION)

export CGO_ENABLED ?= 1

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: ## run everything in one process with the sandbox gateway and its traffic (Ctrl-C stops it)
	@mkdir -p $(BIN)
	@$(GO) build -o $(BIN)/settlehook ./cmd/settlehook
	@exec $(BIN)/settlehook up --sandbox --data $(DATA)

.PHONY: build
build: ## build receiver, worker and settlehook, static, into .cache/bin
	@mkdir -p $(BIN)
	CGO_ENABLED=0 $(GO) build -tags grpcnotrace -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/ ./cmd/...

.PHONY: test
test: tools ## run all tests with the race detector, against real servers
	@mkdir -p .cache
	$(TOOL) gotestsum --format pkgname-and-test-fails --jsonfile .cache/test.json -- -race -count=1 -p $(PARALLEL) -timeout 20m ./...
	@if grep -q '"Action":"skip".*"Test":' .cache/test.json; then echo "a test was skipped:"; grep '"Action":"skip".*"Test":' .cache/test.json; exit 1; fi

.PHONY: tools
tools: $(BIN)/nats-server $(BIN)/toxiproxy-server $(BIN)/kustomize $(BIN)/nats $(BIN)/oasdiff redis-server chromium prometheus subscriber-node asyncapi axe ## install the servers, the browser and the packages that the tests run against

$(BIN)/nats-server: go.mod
	@mkdir -p $(BIN)
	$(GO) build -o $@ github.com/nats-io/nats-server/v2

$(BIN)/toxiproxy-server: tools.mod
	@mkdir -p $(BIN)
	$(GO) build -modfile=tools.mod -o $@ github.com/Shopify/toxiproxy/v2/cmd/server

$(BIN)/kustomize: tools.mod
	@mkdir -p $(BIN)
	$(GO) build -modfile=tools.mod -o $@ sigs.k8s.io/kustomize/kustomize/v5

# The nats command has a module of its own, for test/k8s too.
$(BIN)/nats: test/k8s/tools/natscli/go.mod
	@mkdir -p $(BIN)
	cd $(<D) && CGO_ENABLED=0 $(GO) build -o $(CURDIR)/$@ github.com/nats-io/natscli/nats

$(BIN)/oasdiff: internal/contract/oasdiff/go.mod
	@mkdir -p $(BIN)
	cd internal/contract/oasdiff && $(GO) build -o $(CURDIR)/$@ github.com/oasdiff/oasdiff

# Redis comes from the system's packages: as root through apt, else by hand.
.PHONY: redis-server
redis-server:
	@command -v redis-server >/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends redis-server >/dev/null; \
	  else \
	    echo "redis-server is not installed; run: sudo apt-get install redis-server"; exit 1; \
	  fi; }

# So does the browser for the cashier page.
.PHONY: chromium
chromium:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null; \
	  else \
	    echo "chromium is not installed; run: sudo apt-get install chromium"; exit 1; \
	  fi; }

# Node runs the consumer's example in JavaScript, and the accessibility check.
.PHONY: node
node:
	@{ command -v node && command -v npm; } >/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs npm >/dev/null; \
	  else \
	    echo "node and npm are not installed; run: sudo apt-get install nodejs npm"; exit 1; \
	  fi; }

# The packages of examples/subscriber-node lie beside the tree, for its tests:
# node_modules in it would be searched by everything that walks it.
NODE_EXAMPLE := .cache/subscriber-node
.PHONY: subscriber-node
subscriber-node: $(NODE_EXAMPLE)/installed

$(NODE_EXAMPLE)/installed: examples/subscriber-node/package-lock.json | node
	@mkdir -p $(@D) && cp examples/subscriber-node/package.json examples/subscriber-node/package-lock.json examples/subscriber-node/.npmrc $(@D)/
	@cd $(@D) && npm ci --silent --no-audit --no-fund && touch $(@F)

# AsyncAPI's own parser, for the test of docs/asyncapi.json. What its packages
# would run when they are installed is left out: one only counts installations.
ASYNCAPI := .cache/asyncapi

.PHONY: asyncapi
asyncapi: node $(ASYNCAPI)/installed

$(ASYNCAPI)/installed: $(wildcard internal/contract/asyncapi/*)
	@mkdir -p $(ASYNCAPI) && cp -r internal/contract/asyncapi/. $(ASYNCAPI)/
	@cd $(ASYNCAPI) && npm ci --silent --no-audit --no-fund --ignore-scripts && touch installed

# axe-core checks that the console is accessible. It is installed in a copy, as the
# dashboards are, once for each lock file.
.PHONY: axe
axe: .cache/axe/installed

.cache/axe/installed: test/axe/package-lock.json test/axe/package.json test/axe/.npmrc | node
	@rm -rf .cache/axe && mkdir -p .cache/axe && cp test/axe/package.json test/axe/package-lock.json test/axe/.npmrc .cache/axe/
	@cd .cache/axe && npm ci --silent --no-audit --no-fund
	@touch $@

# The image is built by buildah, from the system's packages as well.
.PHONY: buildah
buildah:
	@command -v buildah >/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends buildah >/dev/null; \
	  else \
	    echo "buildah is not installed; run: sudo apt-get install buildah"; exit 1; \
	  fi; }

# What runs containers on the real node of test/k8s. It is started by the tests
# alone: a service that the packages may set up is not used.
.PHONY: container-runtime
container-runtime:
	@{ command -v containerd && command -v runc && command -v iptables && command -v ip && test -x /usr/lib/cni/bridge && test -x /bin/busybox; } >/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends containerd runc containernetworking-plugins busybox-static iptables iproute2 >/dev/null; \
	  else \
	    echo "a container runtime is not installed; run: sudo apt-get install containerd runc containernetworking-plugins busybox-static iptables iproute2"; exit 1; \
	  fi; }

# IMAGE, TAG, VERSION, REVISION, GO_IMAGE: deploy/image/build.sh says what they are.
.PHONY: image
image: buildah ## build the image, the same commit to the same digest, and say its size and digest
	@deploy/image/build.sh

# Prometheus and promtool come from Debian's package too, but are only unpacked:
# installed, it would start a server, and this way nobody has to be root.
.PHONY: prometheus
prometheus:
	@{ command -v $(BIN)/promtool && command -v $(BIN)/prometheus || command -v promtool && command -v prometheus; } >/dev/null || { \
	  command -v apt-get >/dev/null || { echo "prometheus and promtool are not installed; put both on the PATH"; exit 1; }; \
	  mkdir -p .cache/prometheus $(BIN) && cd .cache/prometheus && \
	  { [ "$$(id -u)" != 0 ] || apt-get update -qq; } && apt-get download -qq -o APT::Sandbox::User=root prometheus && dpkg-deb -x prometheus_*.deb . && \
	  cp usr/bin/prometheus usr/bin/promtool ../../$(BIN)/; }

# What test/k8s runs is built from modules of its own, each once: the first time
# takes half an hour on two cores, most of it for KEDA.
K8S_BIN     := .cache/k8s/bin
K8S_VERSION  = $(shell sed -n 's|.*k8s.io/kubernetes \(v[0-9.]*\).*|\1|p' test/k8s/tools/kubernetes/go.mod)
K8S_LDFLAGS  = -s -w -X k8s.io/component-base/version.gitVersion=$(K8S_VERSION) \
  -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=$(word 2,$(subst ., ,$(K8S_VERSION)))
K8S_TOOLS   := etcd kube-apiserver kube-controller-manager kube-scheduler kubectl kwok keda-operator keda-adapter kube-score otelcol \
  kubelet kube-proxy coredns nats

# K8S_RUN says which tests (TestScaling, for example).
K8S_RUN ?= .

.PHONY: test-k8s
test-k8s: tools k8s-tools buildah container-runtime ## run deploy/k8s on a real control plane with KEDA, and on a real node (the first time builds both: half an hour)
	$(GO) test -tags k8s -count=1 -timeout 30m -v -run '$(K8S_RUN)' ./test/k8s/... ./test/image/...

.PHONY: k8s-tools
k8s-tools: $(K8S_TOOLS:%=$(K8S_BIN)/%) ## build what make test-k8s runs
	@cd test/k8s/tools/kwok && $(GO) mod download sigs.k8s.io/kwok
	@cd test/k8s/tools/keda && $(GO) mod download github.com/kedacore/keda/v2
	@cd test/k8s/tools/prometheusoperator && $(GO) mod download github.com/prometheus-operator/prometheus-operator

# Of each program: its module among test/k8s/tools, and its package.
K8S_FROM_etcd          := etcd go.etcd.io/etcd/server/v3
K8S_FROM_kwok          := kwok sigs.k8s.io/kwok/cmd/kwok
K8S_FROM_keda-operator := keda github.com/kedacore/keda/v2/cmd/operator
K8S_FROM_keda-adapter  := keda github.com/kedacore/keda/v2/cmd/adapter
K8S_FROM_kube-score    := kubescore github.com/zegl/kube-score/cmd/kube-score
K8S_FROM_otelcol       := otelcol .
K8S_FROM_coredns       := coredns github.com/coredns/coredns
K8S_FROM_nats          := natscli github.com/nats-io/natscli/nats
$(foreach tool,kube-apiserver kube-controller-manager kube-scheduler kubectl kubelet kube-proxy,\
  $(eval K8S_FROM_$(tool) := kubernetes k8s.io/kubernetes/cmd/$(tool)))
$(foreach tool,$(K8S_TOOLS),$(eval $(K8S_BIN)/$(tool): test/k8s/tools/$(word 1,$(K8S_FROM_$(tool)))/go.mod))

$(K8S_TOOLS:%=$(K8S_BIN)/%):
	@mkdir -p $(K8S_BIN)
	@echo "building $(@F) from source, once (kube-apiserver and keda-operator take minutes)"
	@cd test/k8s/tools/$(word 1,$(K8S_FROM_$(@F))) && CGO_ENABLED=0 $(GO) build -ldflags '$(K8S_LDFLAGS)' -o $(CURDIR)/$@ $(word 2,$(K8S_FROM_$(@F)))

.PHONY: lint
lint: ## run the linters
	$(GO) vet ./...
	$(GO) vet -tags k8s ./test/k8s ./test/image/...
	@test -z "$$($(TOOL) gofumpt -l $$(git ls-files '*.go'))" || { echo "gofumpt would change:"; $(TOOL) gofumpt -l $$(git ls-files '*.go'); exit 1; }
	$(TOOL) golangci-lint run ./...

.PHONY: fmt
fmt: ## format the code
	$(TOOL) gofumpt -w $$(git ls-files '*.go')

.PHONY: generate
generate: ## write the generated documentation
	$(GO) generate ./...

.PHONY: publish-contract
publish-contract: generate $(BIN)/oasdiff ## publish the contract of docs as docs/contract/v1, unless that would break somebody
	$(GO) run ./internal/contract/gen -samples pkg/events/testdata -out docs/contract/v1/asyncapi.json -publish
	@for f in docs/openapi-*.json; do \
	  $(BIN)/oasdiff breaking docs/contract/v1/$$(basename $$f) $$f --fail-on WARN --severity-levels internal/contract/oasdiff/severity.txt || exit 1; \
	  cp $$f docs/contract/v1/; \
	done

# The dashboards are built in a copy: node_modules in the tree would be searched
# by everything that walks it.
DASHBOARDS ?= deploy/k8s/components/monitoring/dashboards

.PHONY: dashboards
dashboards: ## write the Grafana dashboards from deploy/dashboards (needs node and npm)
	@command -v npm >/dev/null || { echo "npm is not installed; run: sudo apt-get install nodejs npm"; exit 1; }
	@mkdir -p .cache/dashboards $(DASHBOARDS) && rm -rf .cache/dashboards/src .cache/dashboards/out && cp -r deploy/dashboards/. .cache/dashboards/
	@cd .cache/dashboards && npm ci --silent --no-audit --no-fund && npm run --silent build
	@node .cache/dashboards/out/main.js $(DASHBOARDS)

.PHONY: check-dashboards
check-dashboards: ## fail if the dashboards that are checked in are not those of deploy/dashboards
	@$(MAKE) --no-print-directory dashboards DASHBOARDS=.cache/dashboards/written
	@diff -r .cache/dashboards/written deploy/k8s/components/monitoring/dashboards || { echo "run 'make dashboards' and check the result in"; exit 1; }

# SOAK_CALLBACKS (1000000), SOAK_KILLS (200), SOAK_DURATION (none) and SOAK_SEED
# say how long: until all of it is reached. SOAK_REPORT is the table to write
# into, SOAK_RUN the runs (TestSoakCluster alone, for example).
SOAK_REPORT ?= $(CURDIR)/docs/reliability.md
SOAK_RUN    ?= ^TestSoak

.PHONY: soak
soak: tools ## kill, stop and cut off everything under load for long, and write the report
	SOAK_REPORT=$(SOAK_REPORT) $(GO) test -tags soak -count=1 -timeout 24h -v -run '$(SOAK_RUN)' ./test/soak

.PHONY: protections
protections: tools ## take each protection away in a copy, and see the named tests fail (docs/protections.md)
	$(GO) run ./test/protections

.PHONY: screenshots
screenshots: tools ## write the pictures of the console (docs/console-*.png)
	CONSOLE_SCREENSHOTS=$(CURDIR)/docs $(GO) test -count=1 -run '^TestConsole$$' ./test/e2e

.PHONY: fuzz
fuzz: ## fuzz every parser for FUZZTIME each (30s)
	@set -e; for pkg in $$($(GO) list ./...); do \
	  for target in $$($(GO) test -list '^Fuzz' $$pkg 2>/dev/null | grep '^Fuzz' || true); do \
	    echo "$$pkg $$target"; \
	    $(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$pkg; \
	  done; \
	done

.PHONY: bench
bench: ## run the benchmarks
	$(GO) test -run '^$$' -bench . -benchmem ./...

.PHONY: clean
clean: ## remove what was built and the data of make run
	rm -rf .cache $(DATA)
