#!/usr/bin/env bash
# The whole test suite, step by step; stops at the first step that fails.
# Prints a table at the end and leaves "passed failed skipped" in
# build/test/counts for whoever wants one line (.ci/run).
set -u -o pipefail
cd "$(dirname "$0")/.." || exit 1

target=$(realpath -m -- "${CARGO_TARGET_DIR:-target}")
library=$target/release/libMIOpen.so
logs=build/test
read -r -a cargo_flags <<<"${CARGO_FLAGS:-}"
table=()
passed=0 failed=0 skipped=0

# What an earlier run left behind must not be counted or quoted.
rm -rf "$logs" build/ctest/report.xml build/ctest/Testing/Temporary/LastTest.log
mkdir -p "$logs"

# The counters print "passed failed skipped" for one step, out of its log and its exit status;
# they fail where they find nothing to count.
count_step() { # LOG STATUS: a step without tests of its own is one check
    if [ "$2" -ne 0 ]; then
        echo "0 1 0"
    elif grep -q '^skipped: ' "$1"; then
        echo "0 0 1"
    else
        echo "1 0 0"
    fi
}

count_rust() { # LOG STATUS: nextest's summary line, or one line for each binary of cargo test
    awk '
        /^ *Summary \[|^test result:/ {
            found = 1
            gsub(/[;,:]/, " ")
            for (i = 2; i <= NF; i++) {
                if ($i == "passed") p += $(i - 1)
                if ($i == "failed") f += $(i - 1)      # "exec failed": that many did not start
                if ($i == "out" && $(i - 1) == "timed") f += $(i - 2)
                if ($i == "failed" && $(i - 1) == "exec") f += $(i - 2)
                if ($i == "skipped" || $i == "ignored") s += $(i - 1)
            }
        }
        END { print p + 0, f + 0, s + 0; exit !found }' "$1"
}

count_ctest() { # LOG STATUS: the attributes of the one testsuite in CTest's report
    local report all bad skip off
    report=$(tr '\n\t' '  ' <build/ctest/report.xml) || return
    attribute() { sed -n "s/.*<testsuite [^>]* $1=\"\([0-9]*\)\".*/\1/p" <<<"$report"; }
    all=$(attribute tests) bad=$(attribute failures) skip=$(attribute skipped) off=$(attribute disabled)
    [ -n "$all" ] && [ -n "$bad" ] && [ -n "$skip" ] && [ -n "$off" ] && [ "$all" -gt 0 ] || return
    echo "$((all - bad - skip - off)) $bad $((skip + off))"
}

summary() {
    printf '\n%-34s %8s %8s %8s %9s\n' step passed failed skipped seconds
    printf '%s\n' "${table[@]}"
    printf '%-34s %8d %8d %8d %9d\n' all "$passed" "$failed" "$skipped" "$SECONDS"
    # Why something was skipped stands in the logs only.
    cat "$logs"/*.log build/ctest/Testing/Temporary/LastTest.log 2>/dev/null | sed -n 's/^skipped: /  skipped: /p' | sort -u
    echo "$passed $failed $skipped" >"$logs/counts"
}

step() { # COUNTER NAME COMMAND...
    local counter=$1 name=$2 start=$SECONDS log status counts p f s
    shift 2
    log="$logs/${name//[^a-zA-Z0-9]/_}.log"
    printf '\n== %s: %s\n' "$name" "$*"
    "$@" 2>&1 </dev/null | tee "$log"
    status=$?
    # A suite that broke before it could count is a failure all the same.
    if ! counts=$("$counter" "$log" "$status"); then
        echo "no result of '$name' could be counted" >&2
        counts="0 1 0"
        status=1
    fi
    read -r p f s <<<"$counts"
    [ "$status" -ne 0 ] && [ "$f" -eq 0 ] && f=1
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    table+=("$(printf '%-34s %8d %8d %8d %9d' "$name" "$p" "$f" "$s" $((SECONDS - start)))")
    if [ "$status" -ne 0 ]; then
        summary
        echo "FAILED: $name (log: $log)" >&2
        exit 1
    fi
}

# The GPU kernels run on simhip, which needs the disassembler; without the compiler there are none.
gpu_tools=(clang-19 ld.lld-19 llvm-objdump-19 llvm-mc-19)
gpu_missing=()
for tool in "${gpu_tools[@]}"; do command -v "$tool" >/dev/null || gpu_missing+=("$tool"); done
simhip=(--manifest-path ctest/simhip/Cargo.toml --target-dir ctest/simhip/target "${cargo_flags[@]}")
nextest_filter=()

step count_step format cargo fmt --all --check
step count_step "format of simhip" cargo fmt --manifest-path ctest/simhip/Cargo.toml --check
step count_step lints cargo clippy --workspace --all-targets "${cargo_flags[@]}" -- -D warnings
if [ ${#gpu_missing[@]} -eq 0 ]; then
    step count_step "lints of simhip" cargo clippy --release --all-targets "${simhip[@]}" -- -D warnings
    step count_step "simhip, the stand-in GPU" cargo build --release "${simhip[@]}"
    step count_rust "tests of simhip" cargo test --release --no-fail-fast "${simhip[@]}"
else
    # They would count as passed.
    nextest_filter=(-E 'not binary(/^gpu_/)')
    step count_step "GPU engine" echo "skipped: the GPU engine's tests and simhip's need ${gpu_missing[*]}"
fi
if cargo nextest --version >/dev/null 2>&1; then
    step count_rust "Rust tests" cargo nextest run --workspace --no-fail-fast "${cargo_flags[@]}" "${nextest_filter[@]}"
    step count_rust "Rust examples in the docs" cargo test --workspace --doc "${cargo_flags[@]}"
else
    step count_rust "Rust tests" cargo test --workspace --no-fail-fast "${cargo_flags[@]}"
fi
step count_step "release build" cargo build --release "${cargo_flags[@]}"
step count_step "C tests: configure" cmake -S ctest -B build/ctest -G Ninja \
    -DMIOPEN_BYPASS_LIB="$library" -DMIOPEN_BYPASS_INCLUDE="$PWD/include"
step count_step "C tests: build" cmake --build build/ctest
step count_ctest "C tests" ctest --test-dir build/ctest --output-on-failure --parallel 2 \
    --output-junit "$PWD/build/ctest/report.xml"
if [ -x examples/ppocr/run.sh ]; then
    step count_step "demo's check" env MIOPEN_LIB="$library" examples/ppocr/run.sh --check
fi
step count_step "Python helper" env MIOPEN_LIB="$library" examples/python/check.sh
summary
