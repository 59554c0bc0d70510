#!/usr/bin/env bash
# install_variants.sh MAKE PROJECT LIBRARY BUILD_FOLDER: every way to install
# and uninstall, and what must not happen to a real MIOpen in the same folder.
set -eu -o pipefail
make_program=$1 project=$2 library=$3 build=$4
rm -rf "$build"
mkdir -p "$build"
build=$(cd "$build" && pwd)

trap 'cat "$build/log"' ERR

failures=0
fail() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}
expect() { # WHAT COMMAND...
    local what=$1
    shift
    "$@" >/dev/null 2>&1 || fail "$what"
}
refuse() { # WHAT COMMAND...
    local what=$1
    shift
    ! "$@" >/dev/null 2>&1 || fail "$what"
}
points_to() { # LINK TARGET
    [ -L "$1" ] && [ "$(readlink "$1")" = "$2" ]
}
run_make() { # TARGET VARIABLE=...: a failure that no line below expects shows the log
    "$make_program" -C "$project" LIB="$library" LIBDIR= DESTDIR= FORCE= "$@" >"$build/log" 2>&1
}
install_to() { run_make install "$@"; }
uninstall_from() { run_make uninstall "$@"; }

snapshot() { # FOLDER: every path with its type, link target and contents
    (cd "$1" && find . -printf '%y %p %l\n' | sort && find . -type f -exec sha256sum {} + | sort -k 2)
}

pretend_real() { # PREFIX LIBDIR: a real MIOpen's files, as ROCm's packages lay them out
    mkdir -p "$2/cmake/miopen" "$1/include/miopen"
    cp "$library" "$2/libMIOpen.so.1.0.70200"
    ln -s libMIOpen.so.1.0.70200 "$2/libMIOpen.so.1"
    ln -s libMIOpen.so.1 "$2/libMIOpen.so"
    echo '/* real */' >"$1/include/miopen/miopen.h"
    echo '# real' >"$2/cmake/miopen/miopen-config.cmake"
}

echo "== multiarch folder, given within the prefix"
prefix=$build/multiarch libdir=$build/multiarch/lib/x86_64-linux-gnu
install_to PREFIX="$prefix" LIBDIR=lib/x86_64-linux-gnu
expect "the library in LIBDIR" test -f "$libdir/libMIOpen.so.1"
expect "the loader's link is relative" points_to "$libdir/libMIOpen.so" libMIOpen.so.1
expect "no lib folder of its own" test "$(ls "$prefix/lib")" = x86_64-linux-gnu
expect "pkg-config reaches the headers from there" test -f \
    "$(PKG_CONFIG_PATH=$libdir/pkgconfig pkg-config --variable=includedir miopen)/miopen/miopen.h"
expect "pkg-config names the library folder" test \
    "$(PKG_CONFIG_PATH=$libdir/pkgconfig pkg-config --variable=libdir miopen | xargs realpath)" = "$libdir"
expect "CMake finds it through the prefix" cmake -DCMAKE_PREFIX_PATH="$prefix" \
    -S "$project/ctest/consumers/find_only" -B "$build/find_multiarch"
uninstall_from PREFIX="$prefix" LIBDIR=lib/x86_64-linux-gnu
refuse "uninstall leaves nothing" test -e "$prefix"

echo "== the command's manual pages and completions"
command=$(dirname "$(realpath "$library")")/miopen-bypass
prefix=$build/pages
install_to PREFIX="$prefix"
if [ -x "$command" ]; then
    expect "a page of the command" grep -q 'miopen\\-bypass' "$prefix/share/man/man1/miopen-bypass.1"
    for page in install report replay; do
        expect "a page of $page" test -s "$prefix/share/man/man1/miopen-bypass-$page.1"
    done
    expect "bash completes it" bash -c \
        "source '$prefix/share/bash-completion/completions/miopen-bypass' && complete -p miopen-bypass"
    expect "zsh's file is a completion" grep -q '^#compdef miopen-bypass' \
        "$prefix/share/zsh/site-functions/_miopen-bypass"
    expect "fish's file is one" grep -q '^complete -c miopen-bypass' \
        "$prefix/share/fish/vendor_completions.d/miopen-bypass.fish"
else
    refuse "no pages of a command that is not there" test -e "$prefix/share"
fi
uninstall_from PREFIX="$prefix"
refuse "uninstall leaves nothing" test -e "$prefix"

echo "== a library folder outside the prefix, absolute"
install_to PREFIX="$build/split/usr" LIBDIR="$build/split/lib64"
expect "CMake finds headers and library" cmake -Dmiopen_DIR="$build/split/lib64/cmake/miopen" \
    -S "$project/ctest/consumers/find_only" -B "$build/find_split"
expect "pkg-config names the library folder" test \
    "$(PKG_CONFIG_PATH=$build/split/lib64/pkgconfig pkg-config --variable=libdir miopen)" = "$build/split/lib64"
uninstall_from PREFIX="$build/split/usr" LIBDIR="$build/split/lib64"
refuse "uninstall leaves nothing" test -e "$build/split"

echo "== staging for a package"
install_to PREFIX=/usr LIBDIR=lib/x86_64-linux-gnu DESTDIR="$build/stage"
stage_lib=$build/stage/usr/lib/x86_64-linux-gnu
expect "the library in the stage" test -f "$stage_lib/libMIOpen.so.1"
refuse "no staged file names the stage" grep -rq "$build/stage" "$stage_lib/pkgconfig" \
    "$stage_lib/cmake" "$stage_lib/miopen-bypass"
expect "plain /usr in the .pc file" grep -qx 'prefix=/usr' "$stage_lib/pkgconfig/miopen.pc"
expect "CMake finds the staged tree" cmake -Dmiopen_DIR="$stage_lib/cmake/miopen" \
    -S "$project/ctest/consumers/find_only" -B "$build/find_stage"
uninstall_from PREFIX=/usr LIBDIR=lib/x86_64-linux-gnu DESTDIR="$build/stage"
expect "uninstall leaves the stage empty" test -z "$(ls -A "$build/stage")"

echo "== twice, and with other people's files in the same folders"
prefix=$build/shared
mkdir -p "$prefix/lib/pkgconfig" "$prefix/include"
echo other >"$prefix/lib/pkgconfig/other.pc"
snapshot "$prefix" >"$build/before"
install_to PREFIX="$prefix"
snapshot "$prefix" >"$build/once"
install_to PREFIX="$prefix"
snapshot "$prefix" >"$build/twice"
expect "a second install changes nothing" cmp "$build/once" "$build/twice"
uninstall_from PREFIX="$prefix"
snapshot "$prefix" >"$build/after"
expect "uninstall restores the folder" cmp "$build/before" "$build/after"
refuse "a second uninstall says so" uninstall_from PREFIX="$prefix"

echo "== a file that somebody changed after the install stays"
install_to PREFIX="$prefix"
echo '/* mine */' >>"$prefix/include/miopen/version.h"
uninstall_from PREFIX="$prefix"
expect "the changed header is still there" grep -q mine "$prefix/include/miopen/version.h"
expect "and is named" grep -q 'version.h' "$build/log"

echo "== a real MIOpen in the same folder"
prefix=$build/rocm
pretend_real "$prefix" "$prefix/lib"
snapshot "$prefix" >"$build/before"
refuse "install refuses" install_to PREFIX="$prefix"
expect "it says why" grep -q 'libMIOpen.so.1$' "$build/log"
snapshot "$prefix" >"$build/after"
expect "and touches nothing" cmp "$build/before" "$build/after"

ours=libMIOpen_bypass.so.$(sed -n 's/^version = "\(.*\)"/\1/p' "$project/Cargo.toml" | head -n 1)
install_to PREFIX="$prefix" FORCE=1
expect "forced: the link is ours" points_to "$prefix/lib/libMIOpen.so.1" "$ours"
expect "forced: the real library is untouched" cmp "$library" "$prefix/lib/libMIOpen.so.1.0.70200"
expect "forced: the real header stays" grep -q real "$prefix/include/miopen/miopen.h"
refuse "forced: no header of another set beside it" test -e "$prefix/include/miopen/version.h"
expect "forced: the real CMake package stays" test "$(ls "$prefix/lib/cmake/miopen")" = miopen-config.cmake
if command -v ldconfig >/dev/null 2>&1; then
    ldconfig -n "$prefix/lib"
    expect "forced: ldconfig keeps our link" points_to "$prefix/lib/libMIOpen.so.1" "$ours"
fi
install_to PREFIX="$prefix"
expect "renewed without FORCE" points_to "$prefix/lib/libMIOpen.so.1" "$ours"
uninstall_from PREFIX="$prefix"
snapshot "$prefix" >"$build/after"
expect "uninstall points back and removes the rest" cmp "$build/before" "$build/after"

echo "== the real package was upgraded over a forced install"
install_to PREFIX="$prefix" FORCE=1
ln -sfn libMIOpen.so.1.0.70200 "$prefix/lib/libMIOpen.so.1"
uninstall_from PREFIX="$prefix"
snapshot "$prefix" >"$build/after"
expect "the link that changed since is left alone" cmp "$build/before" "$build/after"

echo "== the real library's file itself is called libMIOpen.so.1"
prefix=$build/wheel
mkdir -p "$prefix/lib"
cp "$library" "$prefix/lib/libMIOpen.so.1"
snapshot "$prefix" >"$build/before"
refuse "refused" install_to PREFIX="$prefix"
refuse "refused even when forced" install_to PREFIX="$prefix" FORCE=1
snapshot "$prefix" >"$build/after"
expect "nothing was touched" cmp "$build/before" "$build/after"

echo "== nothing built yet"
refuse "install refuses" install_to PREFIX="$build/none" LIB="$build/no_such_library.so"
expect "and says what to do" grep -q 'make build' "$build/log"
refuse "and leaves no folder" test -e "$build/none"

[ "$failures" -eq 0 ] || { echo "$failures failures"; exit 1; }
echo "all as expected"
