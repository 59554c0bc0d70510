#!/usr/bin/env bash
# Whether every vector instruction of the CPU kernels is inlined: inlined.sh LIBRARY
#
# A closure does not inherit the instruction set of the function around it. Where a kernel has one, the
# compiler may leave instructions in functions of their own, and what took 9 ms takes 14. Which it does
# depends on the build, so the library itself is looked at.
set -eu -o pipefail
symbols=$(nm --demangle "$1" 2>/dev/null || true)
if ! grep -q 'cpu::ukernel' <<<"$symbols"; then
    echo "skipped: the library has no symbols of its kernels"
    exit 0
fi
if grep -E 'core_arch::x86::(sse|avx|fma|f16c|avx512)[a-z0-9]*::' <<<"$symbols"; then
    echo "these instructions are functions: a closure in a kernel?"
    exit 1
fi
