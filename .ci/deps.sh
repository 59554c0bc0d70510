#!/usr/bin/env bash
# Installs what building and testing need beyond Rust. Costs a fraction of a
# second and touches nothing when everything is there; uses apt-get as root or
# through passwordless sudo; otherwise says what is missing and how to get it.
set -u

missing=()        # Debian package names, in the order in which they were missed
unavailable=()    # what no Debian package mends: one sentence each

need() { # PACKAGE COMMAND...: the command succeeds where the package is not needed
    local package=$1
    shift
    "$@" >/dev/null 2>&1 || missing+=("$package")
}

has_libclang() { # bindgen loads the library at build time and reads the compiler's own headers beside it
    [ -n "${LIBCLANG_PATH:-}" ] && return 0
    local pattern
    for pattern in '/usr/lib/llvm-*/lib/libclang*.so*' '/usr/lib*/libclang*.so*' '/usr/lib/*/libclang*.so*'; do
        if compgen -G "$pattern"; then
            compgen -G '/usr/lib/llvm-*/lib/clang/*/include/stddef.h' ||
                compgen -G '/usr/lib*/clang/*/include/stddef.h'
            return
        fi
    done
    return 1
}

# The release whose machine code the tests' figures are about. The library takes any from 15 on.
gpu_release=19

survey_gpu() { # the compiler of the GPU kernels, and the tools that look at its machine code
    gpu_missing=()
    local tool
    clang-$gpu_release --print-targets 2>/dev/null | grep -q amdgcn || gpu_missing+=("clang-$gpu_release")
    command -v ld.lld-$gpu_release >/dev/null || gpu_missing+=("lld-$gpu_release")
    for tool in llvm-objdump llvm-mc; do
        command -v $tool-$gpu_release >/dev/null && continue
        gpu_missing+=("llvm-$gpu_release")
        break
    done
}

compiles() { # LANGUAGE HEADER: a compiler without its C library's headers is of no use
    command -v gcc >/dev/null && printf '#include <%s>\n' "$2" | gcc -x "$1" -E -o /dev/null -
}

survey() {
    missing=()
    need make command -v make
    need gcc command -v gcc
    need g++ command -v g++
    need libc6-dev compiles c stdio.h
    need binutils command -v readelf
    need libclang-dev has_libclang
    need cmake command -v cmake
    need ninja-build command -v ninja
    need pkg-config command -v pkg-config
    need valgrind command -v valgrind
    need python3 command -v python3
    need python3-venv python3 -c 'import ensurepip, venv'
}

survey_rust() {
    unavailable=()
    if ! command -v cargo >/dev/null 2>&1; then
        unavailable+=("cargo: install Rust 1.89 or newer with rustup (Debian 12's own is too old).")
        return
    fi
    local component
    for component in fmt clippy; do
        cargo "$component" --version >/dev/null 2>&1 && continue
        local name=$component
        [ "$component" = fmt ] && name=rustfmt
        if command -v rustup >/dev/null 2>&1 && rustup component add "$name"; then
            continue
        fi
        unavailable+=("cargo $component: run 'rustup component add $name'.")
    done
}

install_packages() { # PACKAGE...: returns 2 where this user may not install
    command -v apt-get >/dev/null 2>&1 || return 2
    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null || return 2
        as_root=(sudo -n)
    fi
    local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -y -q)
    local add=("${apt[@]}" install --no-install-recommends "$@")
    echo "deps: installing $*"
    # A fresh image has no package lists and a stale one names files that are
    # gone; both fail here, and only then are the lists worth fetching.
    "${add[@]}" </dev/null >/dev/null 2>&1 && return 0
    "${apt[@]}" update </dev/null && "${add[@]}" </dev/null
}

survey_rust
survey
survey_gpu
# On their own: a release of Debian without them must not keep the others from being installed.
[ ${#gpu_missing[@]} -gt 0 ] && install_packages "${gpu_missing[@]}"
if [ ${#missing[@]} -gt 0 ]; then
    install_packages "${missing[@]}"
    [ $? -eq 2 ] || survey
fi
survey_gpu
if [ ${#gpu_missing[@]} -gt 0 ]; then
    echo "deps: without ${gpu_missing[*]} there are no tests of the GPU engine, and without any" \
        "clang from 15 on, with lld, the library has none. Everything else works." >&2
fi
[ ${#missing[@]} -eq 0 ] && [ ${#unavailable[@]} -eq 0 ] && exit 0

echo "deps: something that the build or the tests need is missing." >&2
for sentence in "${unavailable[@]}"; do echo "  $sentence" >&2; done
if [ ${#missing[@]} -gt 0 ]; then
    echo "  packages (Debian's names): ${missing[*]}" >&2
    echo "  as root:  apt-get update && apt-get install --no-install-recommends ${missing[*]}" >&2
fi
exit 1
