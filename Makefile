# `make` alone lists what there is. PYTHON names another Python than python3.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OURS := libs/events libs/chassis libs/local $(wildcard services/*-svc)
MANIFESTS := $(OURS:=/pyproject.toml)
CODE := $(OURS) tests bench

.DEFAULT_GOAL := help
.PHONY: help setup demo up env test test-faults test-compose lint lint-chart bench bench-full clean

help:  ## list these targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(VENV)/ready  ## make the environment (the others do it, too)

demo: $(VENV)/ready  ## start everything, publish two years of a real shop, show what came of it (ONCE=1: and end)
	@$(BIN)/huitou demo $(if $(ONCE),--once)

up: $(VENV)/ready  ## start Kafka, PostgreSQL and the four services, without data
	@$(BIN)/huitou up

env:  ## write .env, the secrets of docker-compose.yml
	@$(PYTHON) deploy/dotenv.py .env

test: $(VENV)/tools  ## run every test
	@$(BIN)/pytest

test-faults: $(VENV)/tools  ## break servers, processes and ways between them for a quarter of an hour; writes docs/reliability.md
	@HUITOU_WRITE=1 $(BIN)/pytest -n 0 -m fault tests/faults

test-compose: $(VENV)/tools  ## build the images, run docker-compose.yml, compare what comes of the demo's data
	@$(BIN)/pytest -n 0 -m compose tests/compose

lint: $(VENV)/tools  ## check style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy $(CODE)

lint-chart: $(VENV)/tools  ## check the Helm chart, where helm is installed
	@$(BIN)/pytest -n 0 -rs tests/deploy/test_chart.py

bench: $(VENV)/tools  ## measure with 100,000 customers, and write docs/benchmarks.md
	@$(BIN)/python -m bench

bench-full: $(VENV)/tools  ## the same with a million customers and ten million events
	@$(BIN)/python -m bench --customers 1000000 stream builds latency due previews overviews

clean:  ## remove the data that demo and up keep
	@PYTHONPATH=libs/local $(PYTHON) -m huitou_local.cleaning

$(VENV)/ready: requirements.txt $(MANIFESTS)
	@$(PYTHON) -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Huitou needs Python 3.11 or newer with venv: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "Making the environment in $(VENV), once ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install -q -r requirements.txt
	@$(BIN)/pip install -q --no-deps --no-build-isolation $(addprefix -e ./,$(OURS))
	@touch $@

$(VENV)/tools: requirements-dev.txt requirements-tracing.txt $(VENV)/ready
	@$(BIN)/pip install -q -r requirements-dev.txt
	@touch $@
