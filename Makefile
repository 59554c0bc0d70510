# Every target works from a clean checkout; `make help` lists them.
#
# Variables: PREFIX, LIBDIR, DESTDIR and FORCE for install and uninstall, IMAGE
# for the demo, BENCH_ARGS and BENCH_THREADS for the benchmark of convolutions,
# CARGO_TARGET_DIR as cargo itself understands it.

SHELL := /bin/bash
.DEFAULT_GOAL := build
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help build deps test demo bench bench-passthrough bench-conv install uninstall clean

PREFIX ?= /usr/local
# In CI the lock file has to be right; on a developer's machine cargo may mend it.
CARGO_FLAGS ?= $(if $(CI),--locked)

# Absolute, so that scripts in other directories read the same folder as cargo.
override CARGO_TARGET_DIR := $(shell realpath -m -- "$${CARGO_TARGET_DIR:-target}")
export CARGO_TARGET_DIR CARGO_FLAGS
# What is installed, demonstrated and measured; `make install LIB=file` takes another one.
LIB = $(CARGO_TARGET_DIR)/release/libMIOpen.so
COMMAND = $(CARGO_TARGET_DIR)/release/miopen-bypass

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 20

build: ## the library and the command, optimised: target/release
	cargo build --release $(CARGO_FLAGS)

deps: ## install what build and tests need beyond Rust (apt-get, as root or through sudo)
	@.ci/deps.sh

test: deps ## format, lints, Rust tests, C tests against the built library, the demo's check
	@.ci/test.sh

demo: deps build ## find the text in a picture with a network on the library; IMAGE=file for your own
	@MIOPEN_LIB="$(LIB)" examples/ppocr/run.sh $(if $(IMAGE),--image "$(IMAGE)")

bench: bench-passthrough bench-conv ## the following two

bench-passthrough: deps build ## what a forwarded call costs
	@ctest/passthrough/run.sh "$(LIB)"

bench-conv: deps build ## our convolutions beside PyTorch's; BENCH_ARGS=--quick for a subset
	@benches/conv/run.sh "$(LIB)" "$(COMMAND)" $(BENCH_ARGS)

install: ## install the library, headers, pkg-config and CMake files (PREFIX, LIBDIR, DESTDIR, FORCE)
	@PREFIX="$(PREFIX)" LIBDIR="$(LIBDIR)" DESTDIR="$(DESTDIR)" FORCE="$(FORCE)" \
		pkgconfig/install.sh install "$(LIB)"

uninstall: ## remove what install put there (same PREFIX, LIBDIR, DESTDIR)
	@PREFIX="$(PREFIX)" LIBDIR="$(LIBDIR)" DESTDIR="$(DESTDIR)" pkgconfig/install.sh uninstall

clean: ## remove everything that was built, and the cached Debian packages
	cargo clean
	rm -rf build
