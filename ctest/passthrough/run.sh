#!/usr/bin/env bash
# Prints what a forwarded call costs: run.sh LIBRARY
set -eu -o pipefail
cd "$(dirname "$0")/../.."
build=build/ctest

configure() {
    cmake -S ctest -B "$build" -G Ninja \
        -DMIOPEN_BYPASS_LIB="$(realpath -- "$1")" -DMIOPEN_BYPASS_INCLUDE="$PWD/include"
}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
{ configure "$1" && cmake --build "$build" --target passthrough stub_quiet; } >"$log" 2>&1 ||
    { cat "$log" >&2; exit 1; }
# Quiet, or Ninja prints the command before the table.
exec cmake --build "$build" --target bench-passthrough -- --quiet
