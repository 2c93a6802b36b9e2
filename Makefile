# The two commands are `make demo` and `make test`; CONTRIBUTING.md tells the rest.
SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

LISTEN ?= 127.0.0.1:8080
WALLET_LISTEN ?= 127.0.0.1:8090
DATA ?=
OUT ?= out
ARGS ?=

CHECKS := .cache/npm/checks
PDFCPU := .cache/bin/pdfcpu
STRIPE_MOCK := .cache/bin/stripe-mock
TRANSITLAND := .cache/bin/transitland
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
CONTRACTS := civic medical travel payments workflow releases partners wallet documents

.PHONY: help
help: ## Say what there is
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build the two binaries into bin/
	go build -o bin/ ./cmd/townhall ./cmd/wallet

.PHONY: demo
demo: ## Start everything with demo data; ARGS=--tour walks the whole journey instead
	@.ci/need postgres=postgresql
	@$(MAKE) --no-print-directory build
	exec bin/townhall demo --listen $(LISTEN) --wallet-listen $(WALLET_LISTEN) $(if $(DATA),--data $(DATA)) --out $(OUT) $(ARGS)

.PHONY: need-test
need-test:
	@.ci/need postgres=postgresql chromium pdfsig=poppler-utils qpdf zbarimg=zbar-tools certutil=libnss3-tools openssl gcc npm \
	  softhsm2-util=softhsm2 pkcs11-tool=opensc /usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf=fonts-droid-fallback \
	  java=default-jre-headless /usr/share/java/preflight.jar=libpdfbox2-java /usr/share/java/javax.activation.jar=libactivation-java \
	  /usr/share/java/jaxb-api.jar=libjaxb-api-java
	@.ci/npm-install .ci/npm $(CHECKS)
	@test -x $(PDFCPU) || GOBIN=$(CURDIR)/.cache/bin go install github.com/pdfcpu/pdfcpu/cmd/pdfcpu@v0.15.0
	@test -x $(STRIPE_MOCK) || GOBIN=$(CURDIR)/.cache/bin go install github.com/stripe/stripe-mock@v0.203.0
	@test -x $(TRANSITLAND) || .ci/go-install github.com/interline-io/transitland-lib@v1.2.0 ./cmd/transitland $(CURDIR)/$(TRANSITLAND)

.PHONY: test
test: need-test vet ## Everything CI runs: vet, staticcheck, tests with -race, contract lint, generated files
	go test -race -shuffle=on -timeout 80m ./...
	go test -tags pkcs11 -run PKCS11 ./modules/documents/sign
	@$(MAKE) --no-print-directory lint-contracts generated

.PHONY: vet
vet: ## go vet, gofmt and staticcheck
	go vet ./...
	@unformatted=$$(git ls-files -co --exclude-standard '*.go' | xargs gofmt -l); test -z "$$unformatted" || { echo "gofmt: $$unformatted"; exit 1; }
	go run $(STATICCHECK) ./...

.PHONY: lint-contracts
lint-contracts: need-test ## spectral and redocly over openapi/*.yaml, warnings are errors
	$(CHECKS)/node_modules/.bin/spectral lint --ruleset .ci/spectral.yaml --fail-severity warn $(CONTRACTS:%=openapi/%.yaml) $(CONTRACTS:%=openapi/%.3.0.yaml)
	$(CHECKS)/node_modules/.bin/redocly lint --config .ci/redocly.yaml $(CONTRACTS:%=openapi/%.yaml) $(CONTRACTS:%=openapi/%.3.0.yaml)

.PHONY: generate
generate: ## Write openapi/ and the dump migrations/schema.sql anew
	go run ./cmd/townhall openapi --dir openapi
	go test ./migrations ./modules/kernel/pg -run 'Schema' -update

.PHONY: generated
generated: ## Fail when a generated file differs from the code
	go run ./cmd/townhall openapi --dir openapi --check

.PHONY: gallery
gallery: ## Render every block and page state into out/gallery
	go run ./cmd/townhall gallery --dir $(OUT)/gallery

.PHONY: drill
drill: ## The long crash drills: 200 × kill -9 during 5,000 submissions and decisions; 100 × of the server and 10 × of PostgreSQL while seats are booked and paid
	DRILL=long go test ./modules/apptest/drill -count=1 -v -timeout 110m -run TestDrill

.PHONY: bench
bench: ## All sides of every figure in one run; copy the table into BENCHMARKS.md
	@.ci/need pgbench=postgresql
	go test ./modules/apptest/bench -count=1 -timeout 30m -run '^$$' -bench Town -benchtime 1x

.PHONY: bench-booking
bench-booking: ## Bookings through HTTP against pgbench running the booking as one prepared statement; the search among a million slots
	@.ci/need pgbench=postgresql
	go test ./modules/apptest/bench -count=1 -timeout 30m -run '^$$' -bench Booking -benchtime 1x

.PHONY: bench-travel
bench-travel: ## Seats bought through HTTP against pgbench writing the same rows in one statement; the search among a hundred thousand stop times
	@.ci/need pgbench=postgresql
	go test ./modules/apptest/bench -count=1 -timeout 30m -run '^$$' -bench Travel -benchtime 1x

.PHONY: bench-catalogue
bench-catalogue: ## The search among 5,000 services that 500 municipalities offer, in three languages, with typing mistakes
	go test ./modules/catalogue -count=1 -timeout 30m -run '^$$' -bench Catalogue -benchtime 1x

.PHONY: bench-documents
bench-documents: ## What a signed document costs at each level, as ratios to layout, raw signature and plain fpdf
	go test ./modules/documents -count=1 -timeout 20m -run '^$$' -bench Documents -benchtime 1x
