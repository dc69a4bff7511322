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
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

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
tools: $(BIN)/nats-server $(BIN)/toxiproxy-server redis-server chromium ## install the servers and the browser that the tests run against

$(BIN)/nats-server: go.mod
	@mkdir -p $(BIN)
	$(GO) build -o $@ github.com/nats-io/nats-server/v2

$(BIN)/toxiproxy-server: tools.mod
	@mkdir -p $(BIN)
	$(GO) build -modfile=tools.mod -o $@ github.com/Shopify/toxiproxy/v2/cmd/server

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

.PHONY: lint
lint: ## run the linters
	$(GO) vet ./...
	@test -z "$$($(TOOL) gofumpt -l $$(git ls-files '*.go'))" || { echo "gofumpt would change:"; $(TOOL) gofumpt -l $$(git ls-files '*.go'); exit 1; }
	$(TOOL) golangci-lint run ./...

.PHONY: fmt
fmt: ## format the code
	$(TOOL) gofumpt -w $$(git ls-files '*.go')

.PHONY: generate
generate: ## write the generated documentation
	$(GO) generate ./...

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
