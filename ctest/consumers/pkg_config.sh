#!/usr/bin/env bash
# pkg_config.sh PREFIX BUILD_FOLDER: builds and runs a C program with nothing
# but the flags that pkg-config gives; then the same after the tree has moved.
set -eu -o pipefail
prefix=$1 build=$2
source_dir=$(cd "$(dirname "$0")" && pwd)
rm -rf "$build"
mkdir -p "$build"
cd "$build"

build_and_run() { # PREFIX NAME
    export PKG_CONFIG_PATH=$1/lib/pkgconfig
    local flags
    flags=$(pkg-config --cflags --libs miopen)
    echo "pkg-config --cflags --libs miopen: $flags"
    # shellcheck disable=SC2086  # the flags are several words
    ${CC:-cc} -std=c99 -Wall -Wextra -Werror -o "$2" "$source_dir/conv3x3.c" $flags
    LD_LIBRARY_PATH=$(pkg-config --variable=libdir miopen) "./$2"
}

build_and_run "$prefix" in_place

cp -a "$prefix" moved
build_and_run "$build/moved" after_move

# The version of the package and of the headers are one.
header_version=$(printf '%s\n' '#include <miopen/version.h>' \
    'MIOPEN_VERSION_MAJOR.MIOPEN_VERSION_MINOR.MIOPEN_VERSION_PATCH' |
    ${CC:-cc} -E -P -I "$prefix/include" - | tr -d ' \n')
package_version=$(pkg-config --modversion miopen)
echo "versions: header $header_version, package $package_version"
[ "$header_version" = "$package_version" ]
