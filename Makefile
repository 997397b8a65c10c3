# Holdfast: `make` alone prints this help.
PY ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.holdfast

# What pip is configured to find locally is offered to uv as well (uv wants commas where pip has blanks).
comma := ,
space := $(subst ,, )
find_links := $(or $(PIP_FIND_LINKS),$(shell $(PY) -m pip config get global.find-links 2>/dev/null))
export UV_FIND_LINKS ?= $(subst $(space),$(comma),$(strip $(find_links)))

.PHONY: help setup demo test check bench services lock format clean

help: ## print this help
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(BIN)/uv:
	$(PY) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet uv

$(STAMP): pyproject.toml constraints.txt | $(BIN)/uv
	$(BIN)/uv pip install --quiet --compile-bytecode -c constraints.txt -e '.[all]' --group dev
	@touch $@

setup: $(STAMP) ## make .venv with every extra (idempotent)

demo: setup ## the main job, end to end, on real data (under 4 minutes)
	$(BIN)/holdfast demo

services: ## install and start what the tests need where it is missing
	bash tools/services.sh

test: setup services ## the whole test suite
	$(BIN)/python -m pytest -n auto --dist loadgroup

check: setup ## format, lint, types, floors, spelling, file lengths
	bash tools/check.sh

format: setup ## format the code
	$(BIN)/ruff format . && $(BIN)/ruff check --fix .

bench: setup ## the figures, one JSON line each
	bash bench/run.sh

lock: $(BIN)/uv ## write constraints.txt anew
	env -u UV_FIND_LINKS $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --all-extras --group dev --no-header --no-annotate pyproject.toml -o constraints.txt

clean: ## remove what can be made again
	rm -rf $(VENV) .bench .pytest_cache .mypy_cache .ruff_cache .hypothesis
