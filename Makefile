# Two commands do everything: `make study` and `make test`. `make` alone lists the rest.

PYTHON ?= python3
DATASET ?=
ENGINE ?=
QUICK ?=
NET ?=
ON_RAY = --cpus "$(CPUS)" --gpus "$(GPUS)" --memory "$(MEMORY)"
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help study test test-thorough test-processors lint check settle benchmark benchmark-ray kills setup lock schema clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /make \1\t/' | expand -t 20

study: setup ## run the study: whatever of it is not up to date (QUICK=1: small; NET=NAME: one network; DATASET=fashion_mnist: embedded data; ENGINE=ray)
	@python -m scripts.study $(DATASET) --quick "$(QUICK)" --net "$(NET)" --engine "$(or $(ENGINE),dvc)" $(ON_RAY)

test: setup ## run the tests, but for the thorough ones
	@python -m pytest --numprocesses 2 --dist worksteal -m "not thorough"

test-thorough: setup ## run those that take longest: queues of experiments, results without weights
	@python -m pytest --numprocesses 2 --dist worksteal -m thorough

test-processors: setup ## test all shapes of layers, and what depends on the processor with its instruction set lowered
	@SWEEP=all python -m pytest --numprocesses 2 -k many_shapes
	@if grep -qs avx512f /proc/cpuinfo; then \
		echo "As a processor with AVX2 alone computes:"; \
		ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2 SWEEP=all \
			python -m pytest --numprocesses 2 --dist worksteal -m processor; \
	else \
		echo "This processor has no AVX-512: the tests above have run with the lower instruction set already."; \
	fi

lint: setup ## ruff, mypy, deptry and import-linter
	@ruff check .
	@ruff format --check .
	@mypy
	@deptry .
	@PYTHONPATH=.:src lint-imports --no-logo

check: setup ## say all that is wrong with params.yaml, and which networks need more memory to train than there is
	@python -m scripts.check

settle: setup ## after a `git merge` of added networks: settle its conflicts in params.yaml and dvc.lock
	@python -m scripts.settle

benchmark: setup ## measure the speed of training against bounds; after a study, on an idle machine
	@python -m benchmarks.speed

benchmark-ray: setup ## measure what handing out stages to Ray costs and gives; on an idle machine
	@python -m benchmarks.ray

kills: setup ## kill a training stage at 100 random moments, and see that its bits are those of an undisturbed one
	@KILLS=100 python -m pytest --timeout=3600 -k killed_at_any_moment

setup: ## make .venv from requirements.lock, if it is missing or out of date
	@cmp -s requirements.lock .venv/requirements.lock || $(PYTHON) scripts/make_venv.py
	@test .dvc/tmp/plots_page.html -nt .venv/requirements.lock || python -m scripts.make_plots_page

lock: setup ## resolve pyproject.toml into requirements.lock
	@pip install --quiet uv
	@uv pip compile --quiet --universal --python-version 3.11 --all-extras pyproject.toml -o requirements.lock

schema: setup ## write params.schema.json, by which editors check params.yaml
	@python -m scripts.make_schema

clean: ## remove half-done work and caches of tools; results and data stay
	@rm -rf .work .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis dvc_plots
