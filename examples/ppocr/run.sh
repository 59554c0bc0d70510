#!/usr/bin/env bash
# Runs the demonstration (demo.py, whose options it takes) in a Python environment of its own, which it makes
# once under build/demo-venv. MIOPEN_LIB names the library, default target/release/libMIOpen.so.
#
# With --check it is a test: it also runs the unit tests, installs no system package, and where the Python
# environment cannot be had it says "skipped" and succeeds.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repository=$(cd "$here/../.." && pwd)
venv=$repository/build/demo-venv
requirements=$here/requirements.txt
python=${PYTHON:-python3}

check=no
for argument in "$@"; do
    [ "$argument" = --check ] && check=yes
done

# Ends with a reason: as a skipped test, or as a failure.
give_up() {
    if [ "$check" = yes ]; then
        echo "skipped: the demonstration network: $1"
        exit 0
    fi
    echo "$1" >&2
    exit 2
}

python_suffices() {
    "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

# Without a terminal sudo could not ask for the password.
sudo_works() {
    command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }
}

# Debian splits venv and pip off from python3.
install_python() {
    local install="apt-get install -y --no-install-recommends python3 python3-venv"
    local advice="Python 3.11 or later with venv is needed; on Debian 12 or later, as root: $install"
    local as_root=""
    if [ "$check" = yes ] || ! command -v apt-get >/dev/null; then
        give_up "$advice"
    elif [ "$(id -u)" -ne 0 ]; then
        sudo_works || give_up "$advice"
        as_root=sudo
    fi
    echo "installing python3 and python3-venv"
    $as_root env DEBIAN_FRONTEND=noninteractive sh -c "apt-get update -qq && $install" || give_up "$advice"
    python=/usr/bin/python3
    python_suffices || give_up "$advice"
}

make_venv() {
    echo "making $venv (once; downloads about 120 MB of Python packages)"
    rm -rf "$venv"
    "$python" -m venv "$venv" || give_up "$python -m venv $venv failed"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements" ||
        give_up "pip could not install the packages of $requirements"
    # Written last: an environment without it is not complete.
    cp "$requirements" "$venv/requirements.txt"
}

library=${MIOPEN_LIB:-$repository/target/release/libMIOpen.so}
if [ ! -e "$library" ]; then
    echo "there is no $library: build it with 'cargo build --release' or set MIOPEN_LIB" >&2
    exit 2
fi
MIOPEN_LIB=$(realpath "$library")
export MIOPEN_LIB
# The binding of MIOpen's C API.
export PYTHONPATH=$repository/examples/python

if ! cmp -s "$requirements" "$venv/requirements.txt"; then
    python_suffices || install_python
    make_venv
fi
if [ "$check" = yes ]; then
    "$venv/bin/python" -m unittest discover --quiet --start-directory "$here"
fi
exec "$venv/bin/python" "$here/demo.py" "$@"
