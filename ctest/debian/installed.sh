#!/usr/bin/env bash
# installed.sh COMMAND LIBRARY INCLUDE CACHE BUILD_FOLDER: installs LIBRARY with
# `miopen-bypass install` over a copy of Debian's libMIOpen, compares the answers
# call by call with those from before, links a program with a C++ function of the
# real library, uninstalls, and compares every file with what was there.
# Exits 77 with "skipped: ..." where Debian's archive is out of reach.
set -eu -o pipefail
command=$(realpath "$1") library=$(realpath "$2") include=$(realpath "$3")
cache=$(realpath -m "$4") build=$5
here=$(cd "$(dirname "$0")" && pwd)

# Tests run side by side: one fetches, the others wait and find the tree complete.
mkdir -p "$(dirname "$cache")"
exec 9>"$cache.lock"
flock 9
bash "$here/fetch.sh" "$cache"
flock -u 9

rm -rf "$build"
mkdir -p "$build/home"
cd "$build"
build=$PWD
cp -a "$(realpath "$cache/lib")" lib
loader=$(find "$cache/root" -name 'ld-linux-x86-64.so.2' -print -quit)
"${CC:-cc}" -std=c11 -O1 -Wall -Wextra -Werror -Wno-format-zero-length -I "$include" \
    -o same_answers "$here"/same_answers/*.c lib/libMIOpen.so.1 -Wl,--allow-shlib-undefined

run() { # PROGRAM ARGUMENT...: in the copied tree, with a home of its own for the real library's caches
    env -u LD_LIBRARY_PATH -u LD_PRELOAD HOME="$build/home" MIOPEN_LOG_LEVEL=0 \
        "$loader" --library-path "$cache/stand_ins:$build/lib" "$@"
}
contents() { # every name with its target or checksum
    (cd lib && find . -type l -printf '%p -> %l\n' && find . -type f -exec sha256sum {} +) | sort
}
miopen_bypass() {
    env -u LD_LIBRARY_PATH -u LD_PRELOAD HOME="$build/home" "$command" "$@"
}

contents >before.contents
if ! run ./same_answers >before.txt 2>before.err; then
    tail -n 2 before.txt before.err
    echo "skipped: the real library of this version crashes on a question, so there is nothing to compare"
    exit 77
fi
# A C++ function, as MIOpenDriver imports many.
function=$(nm -D --defined-only lib/libMIOpen.so.1 |
    awk '$2 == "T" && $3 ~ /^_ZN6miopen/ && !found { sub(/@.*/, "", $3); print $3; found = 1 }')
[ -n "$function" ] || { echo "the real library exports no C++ function"; exit 1; }
cat >uses_cxx.c <<C
#include <stdio.h>
extern void function(void) __asm__("$function");
extern const char *miopenGetErrorString(int);
int main(void) {
    void (*volatile address)(void) = function;
    printf("%s\n", address ? miopenGetErrorString(0) : "none");
    return address == 0;
}
C
"${CC:-cc}" -o uses_cxx uses_cxx.c lib/libMIOpen.so.1 -Wl,--allow-shlib-undefined -Wl,-z,now
run ./uses_cxx >/dev/null

miopen_bypass install --lib lib/libMIOpen.so.1 --library "$library"
miopen_bypass status --lib lib/libMIOpen.so.1
run ./same_answers --libraries >installed.libraries
cat installed.libraries
grep -q "^answers: $build/lib/libMIOpen.so.1" installed.libraries
ours=$(realpath lib/libMIOpen.so.1)
grep -qxF "loaded: $ours" installed.libraries
grep -qxF "loaded: ${ours%-bypass}" installed.libraries
run ./same_answers >installed.txt 2>installed.err ||
    { echo "our library did not survive:" && tail -n 2 installed.txt installed.err && exit 1; }
python3 "$here/compare.py" same before.txt installed.txt
run ./uses_cxx

miopen_bypass uninstall --lib lib/libMIOpen.so.1
contents >after.contents
diff before.contents after.contents
run ./same_answers >after.txt 2>after.err
python3 "$here/compare.py" same before.txt after.txt
