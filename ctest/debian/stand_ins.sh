#!/usr/bin/env bash
# stand_ins.sh REAL_LIBRARY DRIVER FOLDER: writes stand-ins for the GPU's libraries
# that REAL_LIBRARY and the program DRIVER need, out of their own undefined symbols,
# with the same symbol versions. They describe a machine without a device: every HIP call answers
# hipErrorNoDevice, so nothing that was tested ever ran on a GPU.
set -eu -o pipefail
real=$1 driver=$2 folder=$3
mkdir -p "$folder"
needed=$(readelf -dW "$real" "$driver" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort -u)
undefined=$(nm -D --undefined-only "$real" "$driver" | awk 'NF > 1 { print $NF }' | sort -u)

hip_error_no_device=100          # hip_runtime_api.h: hipErrorNoDevice
rocblas_status_invalid_handle=1  # rocblas-types.h

stand_in() { # NAME PREFIX STATUS [EXTRA_SYMBOL]: for the library NAME.so.N, symbols that start with PREFIX
    local soname plain version symbols
    soname=$(grep -x "$1\.so\.[0-9.]*" <<<"$needed") || return 0
    symbols=$(grep "^$2" <<<"$undefined"; printf '%s\n' "${@:4}")
    # A HIP of another release gives its symbols other versions; the library's own say which.
    local versions
    versions=$(sed -n 's/.*@//p' <<<"$symbols" | sort -u)
    : >"$folder/$1.map"
    for version in $versions; do
        echo "$version { global: $(sed -n "s/^\(.*\)@$version\$/\1;/p" <<<"$symbols" | tr '\n' ' ') };" >>"$folder/$1.map"
    done
    {
        echo '/* Generated: see stand_ins.sh. */'
        while IFS=@ read -r plain version; do
            [ -n "$plain" ] || continue
            case $plain in
            hipGetErrorString | hipGetErrorName) echo "const char *$plain(int e) { (void)e; return \"hipErrorNoDevice\"; }" ;;
            hipGetDeviceCount) echo "int $plain(int *count) { if (count) *count = 0; return $3; }" ;;
            *) echo "int $plain(void) { return $3; }" ;;
            esac
        done < <(sed 's/@@*/@/' <<<"$symbols" | sort -u)
    } >"$folder/$1.c"
    local version_script=()
    [ -s "$folder/$1.map" ] && version_script=("-Wl,--version-script=$folder/$1.map")
    cc -shared -fPIC -O1 -w -fno-builtin -Wl,-soname,"$soname" "${version_script[@]}" -o "$folder/$soname" "$folder/$1.c"
}

hip_version=$(sed -n 's/^hipMalloc@*//p' <<<"$undefined")
# The library does not ask for the number of devices, but others in its process do.
stand_in libamdhip64 hip $hip_error_no_device "hipGetDeviceCount@$hip_version"
stand_in librocblas rocblas_ $rocblas_status_invalid_handle
stand_in librocrand rocrand_ $rocblas_status_invalid_handle
