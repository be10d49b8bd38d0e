# The work is done by internal/tools, which is Go and has tests; this file only names it.
.DEFAULT_GOAL := help
TOOLS := go run ./internal/tools

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1	\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16

.PHONY: test
test: ## everything: vet, isolated builds, linters, all tests on real servers
	$(TOOLS) test

.PHONY: lint
lint: ## the linters, at the pinned version, in every module
	$(TOOLS) lint

.PHONY: fmt
fmt: ## gofmt every file
	gofmt -l -w .

.PHONY: tidy
tidy: ## go mod tidy in every module
	$(TOOLS) tidy

.PHONY: api
api: ## rewrite testdata/api.txt, the exported API of all modules
	$(TOOLS) api

.PHONY: cover
cover: ## statement coverage by package, from the tests of all modules
	$(TOOLS) cover

.PHONY: bench
bench: PARTS ?= matrix,anomalies,races,drivers,latency,payload,curves,scale,representations,processes,http
bench: ## measure beside the peers, on real servers; rewrites benchmarks/: make bench PARTS=matrix
	$(TOOLS) servers --need postgres,mariadb,redis -- go run ./benchmarks/cmd/bench -parts $(PARTS) -write

.PHONY: benchbig
benchbig: ## what takes long: gc, prune (1 million sessions), scale10m (25 GB of disk)
	$(MAKE) bench PARTS=gc,prune
	$(MAKE) bench PARTS=scale10m

.PHONY: torture
torture: ## mutants, histories, interleavings, kills and faults on every store, within 20 minutes
	$(TOOLS) servers --fast --need postgres,mariadb -- go run ./internal/torture all

.PHONY: soak
soak: D ?= 10m
soak: STORE ?= memory
soak: ## mixed load with faults: make soak D=10m STORE=postgres
	$(TOOLS) servers --fast --need postgres,mariadb -- go run ./internal/torture soak -d $(D) -stores $(STORE)
