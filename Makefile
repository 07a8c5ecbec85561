# wavefleet: how it is built, checked and installed. `make help` lists what there is.
#
#   make                    both programs and the command line, optimised, into build/bin/
#   make SAN=address        with AddressSanitizer and UBSan, into build/bin-address/
#   make CC=clang           with clang, into build/bin-clang/
#   make FAULTS=1           with the fault points of common/base/fault.h, into build/bin-faults/
#   make O=/tmp/x           everything under another folder than build/
#   make V=1                show the commands

# The folder common/store/schema is no program to be made of schema.c.
MAKEFLAGS += --no-builtin-rules

VERSION = 0.20.0
PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
O = build
SAN ?=
FAULTS ?=
WERROR ?=
ifeq ($(origin CC),default)
CC = gcc
endif

# ── Where things go ─────────────────────────────────────────────────────────────────────────────

COMPILER := $(if $(findstring clang,$(CC)),clang)
MODE     := $(if $(COMPILER),clang-)$(or $(SAN),release)$(if $(FAULTS),-faults)
BUILD    := $(O)/$(MODE)
GEN      := $(BUILD)/gen
BIN      := $(O)/bin$(COMPILER:%=-%)$(SAN:%=-%)$(if $(FAULTS),-faults)

# ── Flags ───────────────────────────────────────────────────────────────────────────────────────

PACKAGES = libevent hiredis libpq libcjson libcurl yaml-0.1 libsodium libcrypto
INCLUDES := $(patsubst -I%,-isystem %,$(shell pkg-config --cflags $(PACKAGES) 2>/dev/null))
LIBS     := -Wl,--as-needed $(shell pkg-config --libs $(PACKAGES) 2>/dev/null) -lhttp_parser -lwslay -lm
CHECK_LIBS = $(shell pkg-config --libs check)

WARNINGS = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
	-Wcast-qual -Wformat=2 -Wundef -Wvla -Wno-unused-parameter $(if $(WERROR),-Werror)
HARDEN_release = -O2 -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
HARDEN_address = -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
HARDEN_undefined = -O1 -fno-omit-frame-pointer -fsanitize=undefined -fno-sanitize-recover=all
HARDEN_thread = -O1 -fno-omit-frame-pointer -fsanitize=thread
HARDEN_fuzz = $(HARDEN_address) -fsanitize=fuzzer-no-link
HARDEN = $(or $(HARDEN_$(or $(SAN),release)),$(error SAN is address, undefined, thread or fuzz))

CPPFLAGS_ALL = -std=gnu17 -D_GNU_SOURCE -DWAVEFLEET_VERSION=\"$(VERSION)\" \
	$(if $(FAULTS),-DWAVEFLEET_FAULTS) -Icommon -I. -I$(GEN) $(INCLUDES) $(CPPFLAGS)
CFLAGS_ALL   = $(CPPFLAGS_ALL) -g -pthread $(HARDEN) $(WARNINGS) $(CFLAGS)
LDFLAGS_ALL  = $(CFLAGS_ALL) $(if $(SAN),,-pie -Wl,-z,relro,-z,now) $(LDFLAGS)

# ── Sources ─────────────────────────────────────────────────────────────────────────────────────

COMMON  := $(wildcard common/*/*.c)
API     := $(wildcard api/*.c api/*/*.c)
WORKER  := $(wildcard worker/*.c worker/kinds/*.c worker/kinds/*/*.c)
CLI     := $(wildcard cli/*.c)
HARNESS := $(wildcard tests/harness/*.c)
UNIT    := $(wildcard tests/unit/test_*.c)
INTEGRATION := $(wildcard tests/integration/test_*.c)
SCARCE  := $(wildcard tests/scarce/test_*.c)
FUZZ    := $(wildcard tests/fuzz/fuzz_*.c)
PRODUCT := $(COMMON) $(API) $(WORKER) $(CLI)
ALL_C   := $(PRODUCT) $(HARNESS) $(UNIT) $(INTEGRATION) $(SCARCE) \
	$(FUZZ) $(wildcard tests/fuzz/replay.c) $(wildcard tests/bench/*.c tests/bench/peers/*.c)
EMBEDDED := $(wildcard common/store/sql common/store/sql/*.sql common/store/schema \
	common/store/schema/*.sql common/broker/lua common/broker/lua/*.lua common/broker/lua/lib/*.lua \
	api/openapi.yaml)
GEN_C   := $(GEN)/sql_text.c $(GEN)/lua_text.c $(GEN)/schema_files.c

# What the API's own folder has among the embedded files: it goes with the API's objects.
API_GEN  := $(GEN)/openapi_text.o

obj      = $(patsubst %.c,$(BUILD)/%.o,$(1))
LIB      := $(BUILD)/libcommon.a
PROGRAMS := $(if $(API),$(BIN)/wavefleet-api) $(if $(WORKER),$(BIN)/wavefleet-worker) \
	$(if $(CLI),$(BIN)/wavefleet)
UNIT_BIN := $(patsubst %.c,$(BUILD)/%,$(UNIT))
INTEGRATION_BIN := $(patsubst %.c,$(BUILD)/%,$(INTEGRATION))
SCARCE_BIN := $(patsubst %.c,$(BUILD)/%,$(SCARCE))
FUZZ_BIN := $(patsubst %.c,$(BUILD)/%,$(FUZZ))

# ── Building ────────────────────────────────────────────────────────────────────────────────────

say = $(if $(V),,@echo "  $(1)  $(2)";)

.PHONY: all
all: $(PROGRAMS) $(LIB) ## build the programs (default)

$(BIN)/wavefleet-api:    $(call obj,$(API)) $(API_GEN)
$(BIN)/wavefleet-worker: $(call obj,$(WORKER))
$(BIN)/wavefleet:        $(call obj,$(CLI))
$(PROGRAMS): $(LIB)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) $(LIB) $(LIBS)

$(LIB): $(call obj,$(COMMON)) $(GEN_C:.c=.o)
	@rm -f $@
	$(call say,AR,$@)ar rcs $@ $(filter %.o,$^)

$(BUILD)/%.o: %.c $(BUILD)/flags | $(GEN)/done
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

$(GEN)/%.o: $(GEN)/%.c $(BUILD)/flags
	$(call say,CC,$<)$(CC) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

$(BUILD)/tests/%.o: CPPFLAGS += -DHARNESS_ROOT=\"$(CURDIR)\"

# The embedded files. They are written only when they changed, so `done` carries the time.
$(GEN)/done: scripts/embed $(EMBEDDED)
	@mkdir -p $(@D)
	@scripts/embed sql common/store/sql $(GEN)
	@scripts/embed lua common/broker/lua $(GEN)
	@scripts/embed schema common/store/schema $(GEN)
	@scripts/embed openapi api/openapi.yaml $(GEN)
	@touch $@
$(GEN_C) $(API_GEN:.o=.c) $(GEN)/sql_names.h $(GEN)/lua_names.h: $(GEN)/done ;

# Everything is built again when the compiler or its flags change.
FLAGS_NOW := $(strip $(CC) $(shell $(CC) -dumpversion 2>&1) $(CFLAGS_ALL) $(LIBS))
ifneq ($(FLAGS_NOW),$(strip $(file <$(BUILD)/flags)))
$(BUILD)/flags: FORCE
endif
$(BUILD)/flags:
	@pkg-config --print-errors --exists $(PACKAGES) || \
		{ echo "libraries are missing: run scripts/bootstrap run" >&2; exit 1; }
	@mkdir -p $(@D)
	@printf '%s\n' '$(FLAGS_NOW)' >$@

.PHONY: FORCE clean
clean: ## remove all that was built
	rm -rf $(O) compile_commands.json

# ── The dashboard ───────────────────────────────────────────────────────────────────────────────

# Built by Vite, from packages that npm installs as api/dashboard/package-lock.json says.
UI := api/dashboard
UI_PACKAGES := $(UI)/node_modules/.package-lock.json
DASHBOARD := $(O)/dashboard/index.html
UI_SOURCES := $(shell find $(UI) -name node_modules -prune -o -type f -print)

.PHONY: dashboard check-dashboard
dashboard: $(DASHBOARD) ## the web page that wavefleet-api serves, into build/dashboard/

$(DASHBOARD): $(UI_SOURCES) | $(UI_PACKAGES)
	$(call say,VITE,$(@D))cd $(UI) && DASHBOARD_OUT='$(abspath $(@D))' npm run --silent build

$(UI_PACKAGES): $(UI)/package-lock.json
	@command -v npm >/dev/null || { echo "the dashboard needs Node.js and npm: run scripts/bootstrap run" >&2; exit 1; }
	$(call say,NPM,$(UI))cd $(UI) && npm ci --loglevel=error --no-audit --no-fund && touch node_modules/.package-lock.json

check-dashboard: $(DASHBOARD) ## the dashboard's types, unit tests and size
	cd $(UI) && npm run --silent check && DASHBOARD_OUT='$(abspath $(<D))' npm test

# ── Tests ───────────────────────────────────────────────────────────────────────────────────────

# test_api_*, test_worker_* and test_cli_* may use that program's insides (all of it but its main), and so
# may fuzz_api_*, fuzz_worker_* and fuzz_cli_*.
insides = $(if $(filter test_api_% fuzz_api_%,$(notdir $1)),$(call obj,$(filter-out api/main.c,$(API))) $(API_GEN)) \
	$(if $(filter test_worker_% fuzz_worker_%,$(notdir $1)),$(call obj,$(filter-out worker/main.c,$(WORKER)))) \
	$(if $(filter test_cli_% fuzz_cli_%,$(notdir $1)),$(call obj,$(filter-out cli/main.c,$(CLI)))) \
	$(if $(findstring /integration/,$1)$(findstring /scarce/,$1),$(call obj,$(HARNESS)))

# Runs each program, goes on after a failure, and ends with it.
run_all = @failed=0; for t in $(1); do timeout -k 5 300 $$t || failed=1; done; exit $$failed

.PHONY: check-unit check-integration check-e2e check-browser check-model model check-points check-faults faults recovery test bench peers bench-peers
check-unit: $(UNIT_BIN) ## unit tests: no server, no network
	$(call run_all,$^)

check-integration: $(INTEGRATION_BIN) ## tests with a private Redis and PostgreSQL
	$(call run_all,$^)

check-e2e: all ## tests of the built programs over HTTP
	WAVEFLEET_BIN=$(abspath $(BIN)) /usr/bin/python3 -m pytest tests/e2e -q

check-browser: all $(DASHBOARD) tests/browser/node_modules/.package-lock.json ## the dashboard in Chromium, against the built programs
	WAVEFLEET_BIN=$(abspath $(BIN)) /usr/bin/python3 -m pytest tests/browser -q

tests/browser/node_modules/.package-lock.json: tests/browser/package-lock.json
	cd tests/browser && npm ci --loglevel=error --no-audit --no-fund && touch node_modules/.package-lock.json

check-model: ## search the models of the protocol: the quick lines of tests/model/cases
	tests/model/check

model: ## and the slow lines
	tests/model/check --all

check-points: all ## a process dies at each fault point, others go on (with FAULTS=1)
	$(if $(FAULTS),,$(error the points are in builds with FAULTS=1 only))
	WAVEFLEET_BIN=$(abspath $(BIN)) /usr/bin/python3 -m pytest tests/e2e/test_points.py -q

check-faults: all ## the faults driver's own tests, and a few fixed seeds
	WAVEFLEET_BIN=$(abspath $(BIN)) /usr/bin/python3 -m pytest tests/faults -q

faults: all ## break it at random and check what it promises: SEED= (default: any) MINUTES= (5)
	WAVEFLEET_BIN=$(abspath $(BIN)) tests/faults/run $(if $(SEED),--seed $(SEED)) --minutes $(or $(MINUTES),5)

# tests/fuzz/README.md. The programs are built with clang and its libFuzzer, into build/clang-fuzz/.
.PHONY: fuzz fuzz-run check-fuzz
fuzz: ## fuzz each target for SECONDS (30), or those of TARGETS
	@$(MAKE) --no-print-directory CC='$(if $(COMPILER),$(CC),clang)' SAN=fuzz fuzz-run

fuzz-run: $(FUZZ_BIN)
	@tests/fuzz/run fuzz $(or $(SECONDS),30) $(if $(TARGETS),$(TARGETS:%=$(BUILD)/tests/fuzz/fuzz_%),$^)

check-fuzz: $(FUZZ_BIN) ## every input of the fuzz targets' corpora once
	@tests/fuzz/run replay $^

.PHONY: check-scarce
check-scarce: $(if $(FAULTS),$(SCARCE_BIN)) ## with FAULTS=1: each allocation that input sizes fails once
	$(if $(FAULTS),$(call run_all,$^),@echo "check-scarce wants FAULTS=1" >&2; exit 2)

test: check-unit check-integration check-e2e ## all three (scripts/test does more: see there)

recovery: all ## how fast it goes on after each failure: ROUNDS= (5), ONLY=
	WAVEFLEET_BIN=$(abspath $(BIN)) tests/faults/recovery --rounds $(or $(ROUNDS),5) $(ONLY:%=--only %)

bench: all ## measure (tests/bench/run)
	@if [ -x tests/bench/run ]; then tests/bench/run; else echo "no tests/bench/run yet"; fi

peers: $(O)/peers/beanstalk ## the client that bench-peers has for beanstalkd

bench-peers: all peers ## measure other queues on the same durable work (scripts/bootstrap peers, npm)
	tests/bench/run --only peers

$(O)/peers/beanstalk: $(BUILD)/tests/bench/peers/beanstalk.o
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) $(LDFLAGS_ALL) -o $@ $< -lpq

# ── Checks of the source ────────────────────────────────────────────────────────────────────────

FORMATTED = $(shell find common api worker cli tests -name node_modules -prune -o -name '*.[ch]' -print 2>/dev/null)
JOBS = $(shell nproc)

.PHONY: lint tidy analyze format format-check compile_commands.json
lint: $(GEN)/done ## the house rules (scripts/lint), shellcheck
	@CC='$(CC)' FLAGS='$(CPPFLAGS_ALL)' scripts/lint

tidy: $(GEN)/done ## clang-tidy
	@printf '%s\n' $(ALL_C) | \
		xargs -r -P$(JOBS) -I@ clang-tidy --quiet @ -- $(CPPFLAGS_ALL) -DWAVEFLEET_FAULTS -Wno-unknown-warning-option

analyze: $(GEN)/done ## cppcheck
	@mkdir -p $(BUILD)/cppcheck
	@[ -z "$(PRODUCT)" ] || cppcheck --quiet --inline-suppr -j$(JOBS) --cppcheck-build-dir=$(BUILD)/cppcheck \
		--std=c11 --library=posix --enable=warning,performance,portability --inline-suppr \
		--error-exitcode=1 --suppress=missingIncludeSystem --suppress=varFuncNullUB \
		-D_GNU_SOURCE -D__GNUC__=12 \
		-DWAVEFLEET_VERSION=\"\" -Icommon -I. -I$(GEN) $(PRODUCT)

format: ## rewrite the C files with clang-format (.def files are left alone)
	@printf '%s\n' $(FORMATTED) | xargs -r clang-format -i

format-check: ## say which files `make format` would change
	@printf '%s\n' $(FORMATTED) | xargs -r -P$(JOBS) -I@ \
		sh -c 'clang-format @ | cmp -s - @ || { echo "@: run make format"; exit 1; }'

compile_commands.json: $(GEN)/done ## for editors and tools
	@sep='['; for f in $(ALL_C); do printf '%s\n{"directory": "%s", "file": "%s", "command": "%s"}' \
		"$$sep" '$(CURDIR)' $$f '$(subst ",\",$(subst \,\\,$(CC) $(CFLAGS_ALL))) -c '$$f; sep=,; \
		done >$@; printf '\n]\n' >>$@

# ── Installing ──────────────────────────────────────────────────────────────────────────────────

MAN1  = $(wildcard cli/man/*.1)
MAN8  = $(wildcard cli/man/*.8)
UNITS = $(wildcard deploy/systemd/*.service deploy/systemd/*.target deploy/systemd/*.timer)
SAMPLE = $(wildcard deploy/wavefleet.yaml)

.PHONY: install
install: all ## into DESTDIR and PREFIX: programs, the dashboard if it is built, manual, completion, sample configuration, systemd units
	install -D -t $(DESTDIR)$(PREFIX)/bin $(PROGRAMS)
	$(if $(MAN1),install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man1 $(MAN1))
	$(if $(MAN8),install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man8 $(MAN8))
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions $(DESTDIR)$(PREFIX)/share/zsh/site-functions
	$(BIN)/wavefleet completion bash >$(DESTDIR)$(PREFIX)/share/bash-completion/completions/wavefleet
	$(BIN)/wavefleet completion zsh >$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_wavefleet
	$(if $(SAMPLE),install -D -m 644 $(SAMPLE) $(DESTDIR)$(SYSCONFDIR)/wavefleet/wavefleet.yaml.sample)
	$(if $(UNITS),install -D -m 644 -t $(DESTDIR)$(PREFIX)/lib/systemd/system $(UNITS))
	@[ -e $(DASHBOARD) ] || echo "the dashboard is not built, so it is not installed: make dashboard install"
	[ ! -e $(DASHBOARD) ] || { rm -rf $(DESTDIR)$(PREFIX)/share/wavefleet/dashboard && \
		install -d $(DESTDIR)$(PREFIX)/share/wavefleet/dashboard && \
		cp -R --no-preserve=mode,ownership $(dir $(DASHBOARD)). $(DESTDIR)$(PREFIX)/share/wavefleet/dashboard; }

.PHONY: help
help: ## this text
	@sed -n '/^#/!q; s/^# \{0,1\}//; p' Makefile
	@sed -n 's/^\([a-z0-9_.-]*\):[^#]*## \(.*\)/\1\t\2/p' Makefile | expand -t 24 | sed 's/^/  make /'
	@echo "Variables: CC=gcc|clang SAN=address|undefined|thread FAULTS=1 WERROR=1 O=build DESTDIR= PREFIX=/usr/local"

.DELETE_ON_ERROR:
.SECONDEXPANSION:
# What a fuzz target answers itself in place of the network.
wrap = $(patsubst %,-Wl$(comma)--wrap=%,$(1))
comma = ,
$(BUILD)/tests/fuzz/fuzz_worker_brizy: LDFLAGS += $(call wrap,http_call remote_wait)
$(BUILD)/tests/fuzz/fuzz_api_calls: LDFLAGS += $(call wrap,pg_pool_send pg_pool_up broker_up \
	health_problem broker_inspect broker_trouble engine_act engine_act_many engine_shard migration_find upstream_status upstream_log \
	upstream_health upstream_handshake upstream_forget)
$(BUILD)/tests/fuzz/fuzz_api_socket: LDFLAGS += $(call wrap,stream_say)
# With libFuzzer's main, or with one that only replays.
$(FUZZ_BIN): LDFLAGS += $(if $(filter fuzz,$(SAN)),-fsanitize=fuzzer)
$(FUZZ_BIN): %: %.o $(if $(filter-out fuzz,$(or $(SAN),release)),$(BUILD)/tests/fuzz/replay.o) $$(call insides,$$@) $(LIB)
	$(call say,LINK,$@)$(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) $(LIB) $(LIBS)

$(UNIT_BIN) $(INTEGRATION_BIN) $(SCARCE_BIN): %: %.o $$(call insides,$$@) $(LIB)
	$(call say,LINK,$@)$(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) $(LIB) $(LIBS) $(CHECK_LIBS)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
