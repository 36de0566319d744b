# make run    installs what is missing, builds, runs the shipped scenarios and says where the report is
# make test   all tests
SHELL := /bin/bash
SWIFT_FLAGS := --explicit-target-dependency-import-check error
# For building, and what the tests compare with when it can be had.
NEEDS := libsqlite3-dev
WANTS := libxml2-utils sqlite3 openssl chromium python3-jsonschema python3-yaml
LAB = $(shell swift build -c release --show-bin-path)/lab

.PHONY: run test build check format bench packages

packages:
	@scripts/install-packages $(NEEDS)

build: packages
	swift build $(SWIFT_FLAGS)

run: packages
	swift build -c release --product lab $(SWIFT_FLAGS)
	@$(LAB) run scenarios || exit $$?; scripts/show-report

test:
	@scripts/install-packages $(NEEDS) -- $(WANTS)
	scripts/test

check: build
	$$(swift build --show-bin-path)/lab check

format:
	swift format --in-place --recursive --parallel Package.swift Sources Tests Benchmarks

bench: packages
	scripts/bench
