# make run      installs what is missing, builds for release, runs the shipped scenarios and says where the report is
# make test     all tests
# make check    every scenario and lab.yaml is checked, nothing runs
# make format   formats the sources; the rules are in .swift-format
# make bench    prints the figures of the benchmarks
SHELL := /bin/bash
SWIFT_FLAGS := --explicit-target-dependency-import-check error
# For building, and what the tests compare with when it can be had.
NEEDS := libsqlite3-dev libmosquitto-dev libssl-dev libudev-dev zlib1g-dev
WANTS := libxml2-utils sqlite3 openssl rauc squashfs-tools chromium python3-jsonschema python3-yaml curl mosquitto mosquitto-clients python3-paho-mqtt gammu picocom python3-serial ser2net uhubctl dbus umockdev gir1.2-umockdev-1.0 python3-gi
# It takes every modem of the machine that it runs on, so nobody gets it without asking.
WANTS += $(if $(CI),modemmanager)

.PHONY: run test build check format bench packages

packages:
	@scripts/install-packages $(NEEDS)

build: packages
	swift build $(SWIFT_FLAGS)

run: packages
	swift build -c release --product lab $(SWIFT_FLAGS)
	@"$$(swift build -c release --show-bin-path)/lab" run scenarios; status=$$?; scripts/show-report; exit $$status

test:
	@scripts/install-packages $(NEEDS) -- $(WANTS)
	@firmware-images/make --tools || echo "SKIPPED comparing with the makers' tools: they cannot be installed here"
	@scripts/python-tools || echo "SKIPPED comparing statistics with SciPy and Otava, and places of labgrid: they cannot be installed here"
	scripts/test

check: packages
	swift build --product lab $(SWIFT_FLAGS)
	@"$$(swift build --show-bin-path)/lab" check

format:
	swift format --in-place --recursive --parallel Package.swift Sources Tests Benchmarks/Package.swift Benchmarks/Sources

bench: packages
	@scripts/install-packages -- wrk mosquitto umockdev gir1.2-umockdev-1.0 python3-gi python3-serial udev
	scripts/bench
