# internal/tools does the work: it is Go and has tests. This file only names its commands.
.DEFAULT_GOAL := help
TOOLS := go run ./internal/tools

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1	\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 18

.PHONY: check
check: ## fast, without servers: gofmt, vet, the tests of the library and the command
	$(TOOLS) check

.PHONY: setup
setup: ## install the servers that the tests need (Debian, as root), after saying which
	$(TOOLS) setup

.PHONY: test
test: setup ## everything: vet, isolated builds, linters, all tests on real servers
	$(TOOLS) test

.PHONY: lint
lint: ## the linters, at the pinned version, in every module
	$(TOOLS) lint

.PHONY: vuln
vuln: ## known vulnerabilities that our code can reach; needs the network
	$(TOOLS) vuln

.PHONY: fmt
fmt: ## gofmt every file
	gofmt -l -w .

.PHONY: tidy
tidy: ## go mod tidy in every module
	$(TOOLS) tidy

.PHONY: generate
generate: ## rewrite testdata/api.txt, docs/interleavings.md, the benchmark tables, the badges
	$(TOOLS) generate

.PHONY: cover
cover: ## statement coverage by package, from the tests of all modules
	$(TOOLS) cover

.PHONY: bench
bench: PARTS ?= matrix,anomalies,races,drivers,latency,payload,curves,scale,representations,processes,http,network,footprint
bench: ## measure beside the peers, on real servers; rewrites benchmarks/ and docs/scaling.md: make bench PARTS=matrix
	$(TOOLS) servers --need postgres,mariadb,redis -- go run ./benchmarks/cmd/bench -parts $(PARTS) -write

.PHONY: benchbig
benchbig: ## what takes long: gc, prune (1 million sessions), scale10m (25 GB of disk)
	$(MAKE) bench PARTS=gc,prune
	$(MAKE) bench PARTS=scale10m

.PHONY: fuzz
fuzz: D ?= 1m
fuzz: ## fuzz with each fuzz test for a while: make fuzz D=10m
	$(TOOLS) fuzz -t $(D)

.PHONY: torture
torture: ## mutants, histories, interleavings, kills, faults and deployments on every store, within 25 minutes
	$(TOOLS) servers --fast --need postgres,mariadb,redis -- go run ./internal/torture all

.PHONY: soak
soak: D ?= 10m
soak: STORE ?= memory
soak: ## mixed load with faults: make soak D=10m STORE=postgres
	$(TOOLS) servers --fast --need postgres,mariadb,redis -- go run ./internal/torture soak -d $(D) -stores $(STORE)
