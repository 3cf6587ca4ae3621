# Athar. `make help` lists what there is; every line of help stands beside its target.
# Each target does all the set-up it needs; when nothing has changed that takes a blink.

.DEFAULT_GOAL := help
.PHONY: help setup run chat test quick check strings book bench demo-data screenshots clean
MAKEFLAGS += --no-print-directory

# The first Python on PATH that is new enough; empty when there is none. It is asked for its own
# place, because what stands on PATH may be a slow doorman.
ifndef PYTHON
PYTHON := $(shell for name in python3 python3.11 python3.12 python3.13 python3.14 python; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11) or print(sys.executable))' \
	2>/dev/null && break; done)
endif
VENV := .venv/bin
ARGS ?=

# $(call bring,LEVEL): see scripts/bootstrap.py. Levels: runtime, dev, all.
bring = $(if $(PYTHON),,@echo "setup: Athar needs Python 3.11 or newer, and none is on PATH \
	(see https://www.python.org/downloads/)." >&2; exit 1)$(if $(PYTHON),@$(PYTHON) scripts/bootstrap.py $(1))

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name words; do \
		printf '  make %-12s %s\n' "$$name" "$$words"; done

setup: ## Make the environment (.venv) and nothing else
	$(call bring,dev)

run: ## Start Athar; without any settings: the web chat on this machine
	$(call bring,runtime)
	@exec $(VENV)/athar run $(ARGS)

chat: ## Play the conversation in this terminal (ARGS="--language ar")
	$(call bring,runtime)
	@exec $(VENV)/athar chat $(ARGS)

test: ## Run everything there is to check: `check`, then every test
	$(call bring,dev)
	@$(VENV)/python scripts/suite.py test $(ARGS)

quick: ## Run the tests that are pure or on SQLite, no servers, no browser; under a minute
	$(call bring,dev)
	@$(VENV)/python scripts/suite.py quick $(ARGS)

check: ## Check style, types, imports, words, licences and known holes
	$(call bring,dev)
	@$(VENV)/python scripts/check.py $(ARGS)

strings: ## Bring the catalogues in locales/ up to date with the sentences in the code
	$(call bring,dev)
	@$(VENV)/python -m bot.catalogues update
	@$(VENV)/python -m bot.catalogues compile

book: ## Write the flow book in docs/book/ anew
	$(call bring,runtime)
	@$(VENV)/athar flows book

bench: ## Measure the intake path (benchmarks/)
	$(call bring,all)
	@$(VENV)/python -m benchmarks.intake $(ARGS)

demo-data: ## Fill the demonstration with 2,000 invented cases for training
	$(call bring,runtime)
	@exec $(VENV)/python -m bot.demo_data $(ARGS)

screenshots: ## Take the pictures of the README anew
	$(call bring,dev)
	@ATHAR_CHROMIUM="$$($(PYTHON) scripts/bootstrap.py browser)" $(VENV)/python scripts/screenshots.py

clean: ## Remove what set-up and tests made; never var/, where the data is
	rm -rf .venv .cache .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
