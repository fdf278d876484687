# Everything a developer does. `make` alone lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
BIN := .venv/bin

.PHONY: help demo test molecule lint sanity bench docs build clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.* ## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

demo: ## show the whole thing at work in a lab of namespaces; needs no root
	@scripts/setup runtime
	@demo/run

test: ## all tests (PYTEST='-k pool -x' for some); the role's scenario, for which it takes root
	@scripts/setup dev
	@scripts/isolated $(BIN)/python -m pytest -n 2 $(PYTEST)
	@[[ -n "$(PYTEST)" || $$(id -u) != 0 ]] || $(MAKE) --no-print-directory molecule

molecule: ## the scenario of the role frontend_node, on network namespaces; needs root
	@scripts/setup dev
	@scripts/molecule test

lint: ## ruff, mypy, ansible-lint, antsibull-changelog, antsibull-docs, shellcheck
	@scripts/setup dev
	@scripts/lint

sanity: ## ansible-test sanity (SANITY='--test validate-modules' for one)
	@scripts/setup dev
	@scripts/sanity $(SANITY)

bench: ## the benchmarks, each a ratio measured in one run
	@scripts/setup dev
	@status=0; for bench in tests/benchmarks/bench_*.py; do \
	  [[ -f $$bench ]] || continue; \
	  echo "== $$bench"; scripts/isolated $(BIN)/python $$bench || status=1; \
	done; exit $$status

docs: ## reference pages of modules and plugins into docs/collections
	@scripts/setup dev
	@scripts/docs

build: ## wheel and collection tarball into dist/
	@scripts/setup dev
	@scripts/build

clean: ## remove the virtual environment, build output and caches
	rm -rf .venv build dist docs/collections .ansible .hypothesis .mypy_cache .pytest_cache .ruff_cache .coverage
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +
