# The Makefile only forwards: CMake builds, scripts do the rest.
PREFIX ?= /usr/local

.PHONY: deps build demo test bench install clean
.DEFAULT_GOAL := build

deps:
	scripts/deps.sh

build:
	cmake --preset release
	cmake --build --preset release

demo: deps build
	scripts/demo.sh

test: deps
	scripts/test.sh

bench: build
	scripts/bench.sh

install: build
	cmake --install build --prefix $(PREFIX)

clean:
	rm -rf build build-asan build-tsan build-fuzz
