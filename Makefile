# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Start here: make help lists all targets. Each gate also runs on its own (make ruff), and is quiet if it passes.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

export PATH := $(CURDIR)/.venv/bin:$(PATH)
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.collections
export NO_COLOR := 1
python := .venv/bin/python
stage := .cache/stage/ansible_collections/multitier/loadbalancer

# what needs only a checkout; the slowest first, since two run at a time
gates := sanity galaxy ansible-lint mypy docs-lint changelog ruff role-readmes yamllint shellcheck
# plugins by the name that Ansible imports them by
python_sources := lab tools tests .collections/ansible_collections/multitier/loadbalancer/plugins
scenarios := $(patsubst molecule/%/molecule.yml,molecule-%,$(sort $(wildcard molecule/*/molecule.yml)))
# three quiet nodes, which can share the machine with other steps
small_scenarios := molecule-keepalived_vrrp

# limit for all of make test; steps that have not started by then count as failed
minutes ?= 120

##@ The two commands

demo: setup  ## start the three-tier lab, deploy, verify, and show what clients see when a director dies
	lab/lab demo

test: setup  ## all tests: static gates, unit tests, and every molecule scenario in the lab
	$(python) -m tools.run_steps --jobs 2 --clear clear- --minutes $(minutes) --step-minutes 40 \
	    lab-itself $(gates) units $(small_scenarios) --alone $(filter-out $(small_scenarios),$(scenarios))

##@ Parts

setup:  ## install what is missing: Debian packages and .venv
	@tools/setup.sh

lint: venv  ## the static gates
	$(python) -m tools.run_steps --jobs 2 $(gates)

check: venv  ## the static gates and the unit tests: everything that needs no lab
	$(python) -m tools.run_steps --jobs 2 $(gates) units

units: venv  ## unit tests as ansible-test runs them
	$(python) -m tools.on_stage units

pytest: venv  ## unit tests as pytest runs them, in the working tree
	$(python) -m pytest -q

build: venv  ## the artifact for Galaxy, in .cache/artifact
	@$(python) -m tools.stage
	rm -rf .cache/artifact && mkdir -p .cache/artifact
	ansible-galaxy collection build --force --output-path .cache/artifact $(stage)

lab-itself: setup  ## tests of the lab itself, on two nodes
	$(python) -m pytest -q --noconftest tests/lab/machine

molecule-%: setup  ## one scenario: make molecule-three_tier
	molecule test -s $*

##@ Gates

sanity: venv  ## ansible-test sanity, nothing ignored
	$(python) -m tools.on_stage sanity

galaxy: build  ## what Galaxy checks when an artifact is imported; a warning is a failure
	@mkdir -p .cache/import
	@# the importer's ansible-lint takes half a minute and is less strict than ours
	cd .cache/import && GALAXY_IMPORTER_RUN_ANSIBLE_LINT=no GALAXY_IMPORTER_CHECK_REQUIRED_TAGS=yes $(CURDIR)/$(python) -m galaxy_importer.main ../artifact/*.tar.gz 2>&1 | tee log
	@! grep -qE '^(WARNING|ERROR)' .cache/import/log

ansible-lint: venv  ## profile production, nothing skipped
	ansible-lint --format pep8 --nocolor -q --config-file .config/ansible-lint.yml

docs-lint: venv  ## the documentation of plugins and roles, and docs/docsite
	@$(python) -m tools.stage
	antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs self $(stage)

changelog: venv  ## changelog fragments and changelogs/changelog.yaml
	antsibull-changelog lint
	antsibull-changelog lint-changelog-yaml --strict changelogs/changelog.yaml

ruff: venv  ## Python style, format and likely bugs
	ruff check --quiet --output-format concise
	ruff format --check --quiet || { ruff format --diff --quiet; exit 1; }

mypy: venv  ## Python types
	mypy --no-error-summary $(python_sources)

yamllint: venv  ## YAML style
	yamllint --strict --config-file .config/yamllint.yml .

shellcheck: venv  ## shell scripts
	shellcheck $$(git ls-files -co --exclude-standard -- .ci/run '*.sh' lab/lab | while read -r f; do \
	    head -1 "$$f" | grep -q '\bsh\b\|bash' && echo "$$f"; done)

role-readmes: venv  ## the generated part of each role's README is current
	$(python) -m tools.role_readmes --check

##@ Maintenance

format: venv  ## fix what can be fixed: Python format, role READMEs
	ruff check --fix --quiet || true
	ruff format --quiet
	$(python) -m tools.role_readmes

lock: venv  ## pin requirements.in in requirements.txt
	$(python) -m pip install --quiet uv
	{ sed '/^$$/q' requirements.txt && uv pip compile --quiet --universal --python-version 3.11 --upgrade \
	    --no-header --no-annotate --no-emit-index-url requirements.in; } > .cache/requirements.txt
	mv .cache/requirements.txt requirements.txt

clean:  ## remove what make made
	rm -rf .cache .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .ansible *.tar.gz

help:  ## this list
	@awk -F ':.*## ' '/^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z%-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

.PHONY: $(gates) build check clean demo format help lab-itself lint lock pytest setup test units venv

clear-%:
	case $* in molecule-*) molecule destroy -s $(*:molecule-%=%);; esac

venv:
	@tools/setup.sh --without-lab
