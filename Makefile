# Shortcuts in front of cmake and ctest; CMakePresets.json has the configurations.
#
#   make            the release build, in build/release
#   make test       installs what is needed, builds and runs all tests (as CI does)
#   make demo       dvsync at work on a simulated Dataverse organisation
#   make asan       clang with ASan and UBSan: builds, and runs the tests that fit
#   make tsan       clang with TSan: the same
#   make check-long the long form of the tests: kills, random lives of a database, fuzzing (most of an hour)
#   make bench      the benchmarks
#   make install    the release build, to PREFIX (/usr/local)
#   make clean      removes build/release, build/asan, build/tsan, build/fuzz and build/demo
#
JOBS ?= $(shell nproc)
PREFIX ?= /usr/local
DESTDIR ?=

.PHONY: all test demo asan tsan check-long bench install clean

all:
	./scripts/setup build
	test -f build/release/build.ninja || cmake --preset release -D DVSYNC_TESTS=OFF
	cmake --build build/release --parallel $(JOBS)

test:
	./scripts/test -j $(JOBS)

demo:
	./scripts/demo

asan tsan:
	./scripts/test -j $(JOBS) $@

check-long:
	./scripts/setup test
	cmake --preset release -D DVSYNC_TESTS=ON
	cmake --build build/release --parallel $(JOBS)
	cmake --preset fuzz -D DVSYNC_TESTS=ON
	cmake --build build/fuzz --parallel $(JOBS) --target fuzz_json fuzz_text fuzz_expression fuzz_page
	result=0; \
	cmake --build build/release --target check-long -- -k 0 || result=1; \
	cmake --build build/fuzz --target check-long-fuzz || result=1; \
	exit $$result

bench: all
	python3 bench/run.py

install:
	./scripts/setup build
	cmake --preset release -D DVSYNC_TESTS=OFF -D CMAKE_INSTALL_PREFIX="$(PREFIX)"
	cmake --build build/release --parallel $(JOBS)
	DESTDIR="$(DESTDIR)" cmake --install build/release

clean:
	rm -rf build/release build/asan build/tsan build/fuzz build/demo
