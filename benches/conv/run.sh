#!/usr/bin/env bash
# Measures convolutions beside PyTorch's: run.sh LIBRARY COMMAND [ARGUMENTS OF measure.py]
#
# Leaves build/bench/conv.json, prints tables, and draws docs/images/bench.svg (a subset is drawn
# to build/bench/ instead); --layout nhwc and --dtype f16 or bf16 leave conv_nhwc.json and so on, and
# no picture. Python packages go to build/bench-venv.
# BENCH_THREADS: numbers of threads, "1 2" unless set.
set -eu -o pipefail
cd "$(dirname "$0")/../.."
library=$1 command=$2
shift 2
venv=build/bench-venv results=build/bench
here=benches/conv
# The binding of MIOpen's C API.
export PYTHONPATH=$PWD/examples/python

# Prepares what is missing; the stamp says what is there.
prepare() { # STAMP REQUIREMENTS PIP-OPTIONS...
    local stamp=$venv/$1 requirements=$here/$2
    shift 2
    cmp -s "$requirements" "$stamp" && return 0
    echo "bench: installing $(basename "$requirements") into $venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check "$@" -r "$requirements" >"$venv/pip.log" 2>&1 &&
        cp "$requirements" "$stamp"
}

skip() { # REASON
    echo "skipped: bench of convolutions: $1"
    exit 0
}

mkdir -p "$results"
[ -x "$venv/bin/pip" ] || python3 -m venv "$venv" || skip "no Python environment"
prepare base.stamp requirements.txt || skip "pip: $(tail -n 1 "$venv/pip.log")"

pytorch=()
if ! prepare pytorch.stamp requirements-pytorch.txt --no-deps; then
    echo "skipped: PyTorch: pip: $(tail -n 1 "$venv/pip.log")"
    pytorch=(--without-pytorch)
else
    # A CPU build, or CUDA where it is installed, needs no stand-ins.
    if ! "$venv/bin/python" -c 'import torch' 2>/dev/null; then
        "$venv/bin/python" "$here/cuda_standins.py" "$venv"/lib/python3*/site-packages/torch/lib || true
    fi
    if ! "$venv/bin/python" -c 'import torch' 2>"$venv/import.log"; then
        echo "skipped: PyTorch: $(tail -n 1 "$venv/import.log")"
        pytorch=(--without-pytorch)
    fi
fi

# Times that others took part in say little, least of all with as many threads as processors.
if awk -v processors="$(nproc)" '{ exit !($1 > processors / 4) }' /proc/loadavg; then
    echo "bench: this machine is busy (load $(cut -d ' ' -f 1 /proc/loadavg)); --statistic min helps a little, with one thread --clock processor too"
fi

# Other layouts and types leave files of their own.
variant=
for word in "$@"; do
    case ${word#*=} in nhwc | f16 | bf16) variant+=_${word#*=} ;; esac
done

measured=()
for threads in ${BENCH_THREADS:-1 2}; do
    if [ "$threads" -gt "$(nproc)" ]; then
        echo "skipped: $threads threads: this machine has $(nproc)"
        continue
    fi
    echo "bench: $threads thread(s)"
    "$venv/bin/python" "$here/measure.py" --library "$library" --command "$command" \
        --shapes benches/shapes.tsv --threads "$threads" "${pytorch[@]}" "$@" \
        >"$results/threads_$threads$variant.json"
    measured+=("$results/threads_$threads$variant.json")
done

image=docs/images/bench.svg
# A subset, or other arguments than those of the default run, do not replace the picture.
[ $# -eq 0 ] && [ ${#pytorch[@]} -eq 0 ] || image=$results/subset.svg
picture=(--image "$image")
[ -z "$variant" ] || picture=()
"$venv/bin/python" "$here/report.py" --json "$results/conv$variant.json" "${picture[@]}" "${measured[@]}"
