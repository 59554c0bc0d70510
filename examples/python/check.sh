#!/usr/bin/env bash
# Tests the Python helper on the library that MIOPEN_LIB names (default: target/release/libMIOpen.so).
#
# Takes the Python environment of the demonstration, and for PyTorch's layers that of the benchmark; what is
# not there is not installed here, and the tests that need it say "skipped". PYTHON names another interpreter,
# with numpy and, if wished, any PyTorch.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repository=$(cd "$here/../.." && pwd)
MIOPEN_LIB=$(realpath "${MIOPEN_LIB:-$repository/target/release/libMIOpen.so}")
export MIOPEN_LIB PYTHONPATH=$here

with() { # MODULE...: the first interpreter that can import them, in `python`
    local candidate
    for candidate in "${PYTHON:-}" "$repository"/build/{demo,bench}-venv/bin/python python3; do
        python=$candidate
        if [ -n "$python" ] && "$python" -c "import sys, $1; sys.exit(sys.version_info < (3, 11))" 2>/dev/null; then
            return 0
        fi
    done
    return 1
}

run() { # TEST: its name, as unittest takes it
    (cd "$here" && "$python" -m unittest --quiet "$1")
}

if with numpy; then
    run test_bypass
else
    echo "skipped: the Python helper: no Python 3.11 with numpy ('make demo' installs one)"
fi
if with numpy,torch; then
    run test_torch_layers
else
    echo "skipped: labels of PyTorch's layers: no PyTorch ('make bench-conv' installs it)"
fi
