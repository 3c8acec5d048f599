.PHONY: requirements
REQ = .tools/uv/bin/uv pip compile --quiet --no-config --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
      --no-header --no-annotate --python-version 3.13 pyproject.toml
UPGRADE ?=

requirements:
	./bootstrap uv
	$(REQ) $(UPGRADE) --group dev -o requirements/dev.txt
	$(REQ) $(UPGRADE) --group layer -c requirements/dev.txt -o requirements/layer.txt
