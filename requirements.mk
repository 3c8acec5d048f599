# Locks. `make requirements` resolves pyproject's groups into requirements/*.txt. Without a change in pyproject.toml every
# file stays identical; `make requirements UPGRADE=--upgrade` updates the versions.

UV = .tools/uv/bin/uv
UPGRADE ?=
LOCK = $(UV) pip compile --quiet --no-config --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
       --no-header --no-annotate --python-version 3.13 pyproject.toml $(UPGRADE)
# A function's package leaves out what its layer contains.
BESIDE_LAYER = $$(sed -n 's/^\([A-Za-z0-9._-]*\)==.*/--no-emit-package \1/p' requirements/layer.txt)
# What google-genai requires for Vertex AI and for files, and never imports with an API key; half of its size. The built
# function makes a real call in tests/template/test_build.py.
UNUSED_BY_GENAI = cffi charset-normalizer cryptography distro pyasn1 pyasn1-modules pycparser requests urllib3

.PHONY: requirements
requirements:
	./bootstrap uv
	$(LOCK) --group dev -o requirements/dev.txt
	$(LOCK) --group layer -c requirements/dev.txt -o requirements/layer.txt
	$(LOCK) --group api -c requirements/dev.txt $(BESIDE_LAYER) -o requirements/api.txt
	$(LOCK) --group stream -c requirements/dev.txt $(BESIDE_LAYER) -o requirements/stream.txt
	$(LOCK) --group webhooks -c requirements/dev.txt $(BESIDE_LAYER) -o requirements/webhooks.txt
	$(LOCK) --group deliveries -c requirements/dev.txt $(BESIDE_LAYER) -o requirements/deliveries.txt
	$(LOCK) --group admin -c requirements/dev.txt $(BESIDE_LAYER) -o requirements/admin.txt
	$(LOCK) --group mcp -c requirements/dev.txt $(BESIDE_LAYER) -o requirements/mcp.txt
	$(LOCK) --group scrape -c requirements/dev.txt $(BESIDE_LAYER) -o requirements/scrape.txt
	$(LOCK) --group media -c requirements/dev.txt $(BESIDE_LAYER) -o requirements/media.txt
	$(LOCK) --group analyze -c requirements/dev.txt $(BESIDE_LAYER) $(addprefix --no-emit-package ,$(UNUSED_BY_GENAI)) -o requirements/analyze.txt
	$(LOCK) --group lambda -c requirements/dev.txt -o requirements/lambda.txt
	$(LOCK) --group transcribe -c requirements/dev.txt -o requirements/transcribe.txt
	$(LOCK) --group whisper-base -o requirements/whisper-base.txt
	$(LOCK) --group peer-django -o requirements/peer-django.txt
	$(LOCK) --group sam -o requirements/sam.txt
	$(LOCK) --group checkov -o requirements/checkov.txt
	$(LOCK) --group realtime -o requirements/realtime.txt
	$(LOCK) --group node -o requirements/node.txt
	$(LOCK) --group python-client -o requirements/python-client.txt

# The console's libraries, and axe-core for its tests, from npm.
CONSOLE_PACKAGES = .tools/console
CONSOLE_LOCK = requirements/console/package-lock.json
.PHONY: vendor install-console-packages
vendor: install-console-packages  # copy the console's libraries into web/console/vendor
	$(PY) -m tools.console_libraries $(CONSOLE_PACKAGES)/node_modules

install-console-packages:
	@cmp -s $(CONSOLE_LOCK) $(CONSOLE_PACKAGES)/.lock || $(MAKE) --no-print-directory $(CONSOLE_PACKAGES)/.lock

$(CONSOLE_PACKAGES)/.lock: $(CONSOLE_LOCK)
	./bootstrap node
	mkdir -p $(CONSOLE_PACKAGES)
	cp requirements/console/package.json $(CONSOLE_LOCK) $(CONSOLE_PACKAGES)/
	cd $(CONSOLE_PACKAGES) && "$(CURDIR)/$(NODE)/bin/node" "$(CURDIR)/$(NODE)/lib/node_modules/npm/bin/npm-cli.js" \
	  ci --silent --no-audit --no-fund --ignore-scripts
	cp $(CONSOLE_LOCK) $@

# The generator of the TypeScript client in docs/frontend.md, with its library and the compiler, from npm.
CLIENT_PACKAGES = .tools/clients
CLIENT_LOCK = requirements/clients/package-lock.json
.PHONY: install-client-packages
install-client-packages:
	@cmp -s $(CLIENT_LOCK) $(CLIENT_PACKAGES)/.lock || $(MAKE) --no-print-directory $(CLIENT_PACKAGES)/.lock

$(CLIENT_PACKAGES)/.lock: $(CLIENT_LOCK)
	./bootstrap node
	mkdir -p $(CLIENT_PACKAGES)
	cp requirements/clients/package.json $(CLIENT_LOCK) $(CLIENT_PACKAGES)/
	cd $(CLIENT_PACKAGES) && "$(CURDIR)/$(NODE)/bin/node" "$(CURDIR)/$(NODE)/lib/node_modules/npm/bin/npm-cli.js" \
	  ci --silent --no-audit --no-fund --ignore-scripts
	cp $(CLIENT_LOCK) $@
