#!/usr/bin/env bash
# driver.sh COMMAND LIBRARY SIMHIP CACHE BUILD_FOLDER: AMD's own MIOpenDriver, as Debian
# builds it, on a simulated RDNA1 card (SIMHIP, see ctest/simhip), before and after
# `miopen-bypass install`. Before, the real library is asked to convolve. After, LIBRARY
# does, and MIOpenDriver's check on the CPU says whether the numbers are right; its C++
# symbols come from the real library behind ours. After `uninstall` all is as before.
# Exits 77 with "skipped: ..." where Debian's archive is out of reach.
set -eu -o pipefail
command=$(realpath "$1") library=$(realpath "$2") simhip=$(realpath "$3")
cache=$(realpath -m "$4") build=$5
here=$(cd "$(dirname "$0")" && pwd)

# Tests run side by side: one fetches, the others wait and find the tree complete.
mkdir -p "$(dirname "$cache")"
exec 9>"$cache.lock"
flock 9
bash "$here/fetch.sh" "$cache"
flock -u 9

rm -rf "$build"
mkdir -p "$build/home" "$build/hip"
cd "$build"
build=$PWD
cp -a "$(realpath "$cache/lib")" lib
loader=$(find "$cache/root" -name 'ld-linux-x86-64.so.2' -print -quit)

# The HIP that libMIOpen and MIOpenDriver name: simhip, and what it lacks of their symbols,
# which only launch kernels of the real library or ask for a pointer's size.
soname=$(readelf -dW lib/libMIOpen.so.1 | sed -n 's/.*(NEEDED).*\[\(libamdhip64.*\)\]/\1/p')
ln -s "$simhip" "hip/$(readelf -dW "$simhip" | sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p')"
has=" $(nm -D --defined-only "$simhip" | awk '{ sub(/@.*/, "", $NF); printf "%s ", $NF }')"
wanted=$(nm -D --undefined-only lib/libMIOpen.so.1 "$cache/MIOpenDriver" | awk 'NF > 1 { print $NF }' |
    grep '^hip' | sort -u)
for version in $(sed 's/.*@//' <<<"$wanted" | sort -u); do
    # A node needs a name, if only that of no function.
    echo "$version { global: none_of_$version;"
    while IFS=@ read -r name of; do
        case "$has" in *" $name "*) continue ;; esac
        [ "$of" != "$version" ] && continue
        echo "    $name;"
        echo "int $name(void) { return 801; } /* hipErrorNotSupported */" >>hip/rest.c
    done <<<"$wanted"
    echo "};"
done >hip/rest.map
touch hip/rest.c
"${CC:-cc}" -shared -fPIC -o "hip/$soname" hip/rest.c -Wl,-soname,"$soname" -Wl,--version-script=hip/rest.map \
    -Wl,--no-as-needed "hip/$(basename "$(find hip -type l)")"

drive() { # ARGUMENT...: MIOpenDriver in the copied tree; all symbols at the start, not one by one
    env -u LD_LIBRARY_PATH -u LD_PRELOAD HOME="$build/home" LD_BIND_NOW=1 \
        SIMHIP_KFD="$build/kfd" MIOPEN_BYPASS_KFD_TOPOLOGY="$build/kfd/topology" \
        MIOPEN_DRIVER_USE_GPU_REFERENCE=0 MIOPEN_LOG_LEVEL=2 "${settings[@]}" \
        timeout 300 "$loader" --library-path "$build/hip:$cache/stand_ins:$build/lib" "$cache/MIOpenDriver" "$@"
}
miopen_bypass() {
    env -u LD_LIBRARY_PATH -u LD_PRELOAD HOME="$build/home" "$command" "$@"
}
contents() { # every name with its target or checksum
    (cd lib && find . -type l -printf '%p -> %l\n' && find . -type f -exec sha256sum {} +) | sort
}

# Small, since the kernels are interpreted: plain, strided, grouped, dilated, pointwise, transposed.
problems=(
    "conv -n 1 -c 4 -H 7 -W 6 -k 8 -y 3 -x 3 -p 1 -q 1"
    "conv -n 2 -c 3 -H 9 -W 9 -k 4 -y 3 -x 3 -p 1 -q 1 -u 2 -v 2"
    "conv -n 1 -c 8 -H 5 -W 5 -k 8 -y 3 -x 3 -p 2 -q 2 -l 2 -j 2 -g 4"
    "conv -n 1 -c 16 -H 4 -W 4 -k 16 -y 1 -x 1"
    "conv -n 1 -c 4 -H 5 -W 5 -k 4 -y 3 -x 3 -p 1 -q 1 -u 2 -v 2 -m trans"
    "convfp16 -n 1 -c 4 -H 6 -W 6 -k 8 -y 3 -x 3 -p 1 -q 1"
)
settings=(MIOPEN_BYPASS_REPORT=off)
contents >before.contents
read -r -a first <<<"${problems[0]}"
drive "${first[@]}" -F 1 -V 1 -i 1 >before.txt 2>&1 || true
if ! grep -q '^PRNG seed' before.txt; then
    tail -n 2 before.txt
    echo "skipped: MIOpenDriver and the real library of this version do not start on the simulated card"
    exit 77
fi

miopen_bypass install --lib lib/libMIOpen.so.1 --library "$library"
failures=0
for strategy in implicit_gemm cpu_fallback; do
    for problem in "${problems[@]}"; do
        settings=(MIOPEN_BYPASS_STRATEGY=$strategy MIOPEN_BYPASS_TRACE="$build/trace.$strategy"
            MIOPEN_BYPASS_REPORT="$build/report.$strategy.json")
        read -r -a words <<<"$problem"
        drive "${words[@]}" -F 0 -V 1 -t 1 -i 1 >after.txt 2>&1 || echo "exit status $?" >>after.txt
        verified=$(grep -c 'Verifies OK' after.txt || true)
        echo "$strategy: $problem: $verified of 3 directions verified"
        if [ "$verified" -ne 3 ] || grep -q 'FAILED' after.txt; then
            failures=$((failures + 1))
            tail -n 12 after.txt
        fi
    done
done
# Whoever computed, it was not the real library.
for trace in trace.implicit_gemm:hip trace.cpu_fallback:cpu; do
    if ! grep -q " route=${trace#*:} " "${trace%:*}" || grep -q ' route=real ' "${trace%:*}"; then
        echo "wrong routes: $(grep -o ' route=[a-z]*' "${trace%:*}" | sort | uniq -c | tr '\n' ' ')"
        failures=$((failures + 1))
    fi
done

# Kernels of ours are timed in their stream, with nobody waiting for them.
if ! python3 - report.implicit_gemm.json <<'PYTHON'; then
import json, sys
rows = [row for row in json.load(open(sys.argv[1]))["rows"] if row["route"] == "hip"]
timed = sum(row["timed_calls"] for row in rows)
print(f"{timed} of {sum(row['calls'] for row in rows)} calls of our GPU kernels are timed")
sys.exit(not rows or any(row["timed_calls"] != row["calls"] or row["time_us"] <= 0 for row in rows))
PYTHON
    failures=$((failures + 1))
fi

miopen_bypass uninstall --lib lib/libMIOpen.so.1
contents >after.contents
diff before.contents after.contents
settings=(MIOPEN_BYPASS_REPORT=off)
drive "${first[@]}" -F 1 -V 1 -i 1 >again.txt 2>&1 || true
# Names of temporary folders differ from run to run.
stable() { sed 's,/tmp/[^ ]*,TEMPORARY,g' "$1"; }
diff <(stable before.txt) <(stable again.txt)
[ "$failures" -eq 0 ]
