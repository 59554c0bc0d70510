#!/usr/bin/env bash
# fetch.sh FOLDER: unpacks Debian's current libmiopen1, MIOpenDriver, the libraries
# they need and their C library into FOLDER/root, about 30 MB of packages, without
# root and without a chroot. A FOLDER that is complete is used as it is, without
# the network. Exits 77 with "skipped: ..." where the archive is out of reach.
set -u -o pipefail
folder=$1
here=$(cd "$(dirname "$0")" && pwd)

skip() {
    echo "skipped: $*"
    exit 77
}

# Other scripts, another tree; and a tree that was moved has the old place in its `run`.
stamp=$(cat "$here/fetch.sh" "$here/stand_ins.sh" - <<<"$(realpath -m "$folder")" | sha256sum | cut -d' ' -f1)
[ "$(cat "$folder/complete" 2>/dev/null)" = "$stamp" ] && exit 0

for tool in apt-get apt-cache dpkg-deb readelf nm cc; do
    command -v $tool >/dev/null 2>&1 || skip "no $tool here"
done
[ "$(dpkg --print-architecture 2>/dev/null)" = amd64 ] || skip "not an amd64 Debian"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ -r $keyring ] || skip "no $keyring (package debian-archive-keyring)"

# Archives that this machine already uses, so that proxies and caches keep working.
# Which of them is Debian's own shows when libmiopen1 is found there.
archives=$(cat /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list /etc/apt/sources.list 2>/dev/null |
    awk '/^URIs:/ { for (i = 2; i <= NF; i++) print $i }
         /^deb / { for (i = 2; i <= NF; i++) if ($i ~ "^[a-z+]*:/") { print $i; break } }' |
    grep -v security | awk '!seen[$0]++')
[ -n "$archives" ] || skip "this machine names no Debian archive"

rm -rf "$folder"
mkdir -p "$folder"/{root,debs,apt/lists/partial,apt/cache/archives/partial} || exit 1
folder=$(cd "$folder" && pwd)
: >"$folder/apt/status"
# A state of its own: neither root nor a change to this machine's packages is needed.
apt_options=(
    -qq
    -o "Dir::Etc::sourcelist=$folder/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o "Dir::State=$folder/apt" -o "Dir::State::status=$folder/apt/status"
    # Container images switch the caches off, and then each question below takes a second.
    -o "Dir::Cache=$folder/apt/cache" -o Dir::Cache::pkgcache=pkgcache.bin
    -o Dir::Cache::srcpkgcache=srcpkgcache.bin -o APT::Architecture=amd64 -o "APT::Sandbox::User=$(id -un)"
    -o Acquire::Languages=none -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false
    # A mirror that stands still, or a clock that is wrong, is no reason not to compare.
    -o Acquire::Check-Valid-Until=false
    -o Acquire::Retries=1 -o Acquire::http::Timeout=15
)
for archive in $archives; do
    echo "deb [signed-by=$keyring] $archive sid main" >"$folder/apt/sources.list"
    # An update that failed is only a warning to apt-get; the index tells.
    apt-get "${apt_options[@]}" update >"$folder/apt/log" 2>&1
    apt-cache "${apt_options[@]}" show libmiopen1 >/dev/null 2>&1 && break
done
apt-cache "${apt_options[@]}" show libmiopen1 >/dev/null 2>&1 ||
    skip "no libmiopen1 from" $archives "($(grep -m 1 '^[EW]:' "$folder/apt/log"))"

depends_of() { # PACKAGE: the names it depends on, first alternatives
    apt-cache "${apt_options[@]}" show --no-all-versions "$1" | sed -n 's/^Depends: //p' |
        tr ',' '\n' | sed 's/|.*//; s/(.*//; s/:any//' | tr -d ' '
}

# Names such as libboost-filesystem1.90.0 change with the archive: they are read
# from the index, from libmiopen1 downwards. Left out are the GPU's libraries,
# which get stand-ins, and what only compiles kernels.
packages=()
wanted=(libmiopen1)
while [ ${#wanted[@]} -gt 0 ]; do
    package=${wanted[0]}
    wanted=("${wanted[@]:1}")
    case " ${packages[*]} " in *" $package "*) continue ;; esac
    case $package in
    libamdhip64-* | librocblas* | librocrand* | libhiprtc* | libclang* | libllvm* | *-dev | *-data) continue ;;
    lib*) ;;
    *) continue ;;
    esac
    packages+=("$package")
    while IFS= read -r dependency; do wanted+=("$dependency"); done < <(depends_of "$package")
done
# MIOpenDriver, which needs no library beyond those.
packages+=(libmiopen1-tests)
(cd "$folder/debs" && apt-get "${apt_options[@]}" download "${packages[@]}") >>"$folder/apt/log" 2>&1 ||
    skip "a package could not be downloaded ($(grep -m 1 '^E:' "$folder/apt/log"))"

# From here on the archive has delivered: what fails is ours to mend.
set -e
for deb in "$folder"/debs/*.deb; do
    dpkg-deb --fsys-tarfile "$deb" |
        tar -x -C "$folder/root" --exclude='./usr/share' --exclude='*/gconv' \
            --exclude='*/miopen_gtest'
done
real=$(find "$folder/root" -name libMIOpen.so.1 -print -quit)
[ -n "$real" ] || { echo "libmiopen1 holds no libMIOpen.so.1" >&2; exit 1; }
loader=$(find "$folder/root" -name 'ld-linux-x86-64.so.2' -print -quit)
[ -n "$loader" ] || { echo "libc6 holds no loader" >&2; exit 1; }

driver=$(find "$folder/root" -name MIOpenDriver -print -quit)
bash "$here/stand_ins.sh" "$real" "$driver" "$folder/stand_ins"

cat >"$folder/run" <<RUN
#!/bin/sh
# run PROGRAM ARGUMENT...: with this tree's own loader and libraries; \$FIRST goes in front of the path
exec "$loader" --library-path "\${FIRST:+\$FIRST:}$folder/stand_ins:$(dirname "$real")" "\$@"
RUN
chmod +x "$folder/run"
ln -sfn "$(dirname "$real")" "$folder/lib"
ln -sfn "$driver" "$folder/MIOpenDriver"

# Every library that the real one and the driver name is there now.
missing=$(for file in "$real" "$driver"; do
    "$loader" --library-path "$folder/stand_ins:$folder/lib" --list "$file"
done | grep 'not found' || true)
# In the middle of a transition in Debian they are not.
[ -z "$missing" ] || skip "the archive does not hold together: $missing"
rm -rf "$folder/debs" "$folder/apt/lists" "$folder/apt/cache"
sed -n 's/^/unpacked: /p' <<<"${packages[*]}"
echo "$stamp" >"$folder/complete"
