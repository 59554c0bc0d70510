#!/usr/bin/env bash
# same_answers.sh MODE PROJECT LIBRARY INCLUDE CACHE BUILD_FOLDER: compares our
# LIBRARY with Debian's real libMIOpen, call by call. MODE says how ours gets in:
#   proxy    found first in the library path, forwards to the real one
#   preload  LD_PRELOAD in front of the real one, forwards to it
#   alone    without a real one; may differ where deliberate_differences.txt says so
# Exits 77 with "skipped: ..." where Debian's archive is out of reach.
set -eu -o pipefail
mode=$1 project=$2 library=$(realpath "$3") include=$4 cache=$5 build=$6
here=$(cd "$(dirname "$0")" && pwd)

# Tests run side by side: one fetches, the others wait and find the tree complete.
mkdir -p "$(dirname "$cache")"
exec 9>"$cache.lock"
flock 9
bash "$here/fetch.sh" "$cache"
flock -u 9

rm -rf "$build"
mkdir -p "$build/ours" "$build/home"
cd "$build"
real=$cache/lib/libMIOpen.so.1
ln -s "$library" ours/libMIOpen.so.1

# Linked with the real library, as any program in Debian is: ours has to satisfy
# the same symbol versions. What the real one needs is in the tree, not on this machine.
"${CC:-cc}" -std=c11 -O1 -Wall -Wextra -Werror -Wno-format-zero-length -I "$include" \
    -o same_answers "$here"/same_answers/*.c "$real" -Wl,--allow-shlib-undefined

run() { # ARGUMENT...: the program in the tree, with a home of its own for the real library's caches
    env -u LD_LIBRARY_PATH -u LD_PRELOAD HOME="$build/home" "${settings[@]}" "$cache/run" ./same_answers "$@"
}
ours=(FIRST="$build/ours")
case $mode in
proxy) ours+=(MIOPEN_BYPASS_REAL_LIB="$real") ;;
preload) ours=(LD_PRELOAD="$build/ours/libMIOpen.so.1" MIOPEN_BYPASS_REAL_LIB="$real") ;;
alone) ours+=(MIOPEN_BYPASS_REAL_LIB=none MIOPEN_BYPASS_DEVICE=cpu) ;;
*) echo "no mode $mode" >&2 && exit 1 ;;
esac

settings=(MIOPEN_LOG_LEVEL=0)
if ! run >real.txt 2>real.err; then
    tail -n 2 real.txt real.err
    echo "skipped: the real library of this version crashes on a question, so there is nothing to compare"
    exit 77
fi
# Without this the comparison might compare the real library with itself.
run --libraries >real.libraries
grep -q "^answers: $cache/" real.libraries

settings=("${ours[@]}")
run >ours.txt 2>ours.err || { echo "our library did not survive:" && tail -n 2 ours.txt ours.err && exit 1; }
run --libraries >ours.libraries
cat ours.libraries
grep -q "^answers: $build/ours/" ours.libraries
real_is_loaded() { grep -q "^loaded: $(realpath "$real")" ours.libraries; }
if [ "$mode" = alone ]; then
    if real_is_loaded; then echo "the real library is loaded, though it should not be" && exit 1; fi
    exec python3 "$here/compare.py" alone real.txt ours.txt "$project/src/abi/functions.in" \
        "$here/deliberate_differences.txt"
fi
real_is_loaded || { echo "the real library is not loaded" && exit 1; }
exec python3 "$here/compare.py" same real.txt ours.txt
