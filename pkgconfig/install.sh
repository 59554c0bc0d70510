#!/usr/bin/env bash
# install.sh install LIBRARY | install.sh uninstall
# The logic of `make install` and `make uninstall`. From the environment:
#   PREFIX   where to (default /usr/local)
#   LIBDIR   the library folder, absolute or within PREFIX (default lib)
#   DESTDIR  a staging root in front of every path
#   FORCE=1  go in beside a foreign MIOpen (see refuse_or_adopt)
#
# The library's file is called libMIOpen_bypass.so.VERSION, so that a real
# libMIOpen.so.1.0 can lie beside it. The underscore matters: of the files with
# one SONAME in a folder, ldconfig points libMIOpen.so.1 to the one whose name
# sorts last, and '_' comes after the '.' of every name the real library has.
#
# Nothing is ever written over that was not installed from here: a manifest in
# LIBDIR/miopen-bypass lists files (with checksum), links (with what they
# pointed to before) and folders, and uninstall undoes exactly that.
set -eu -o pipefail

action=${1:?install or uninstall}
source_dir=$(realpath -m -- "$(dirname "$0")/..")
here=$source_dir/pkgconfig

stage=${DESTDIR:+$(realpath -m -- "$DESTDIR")}
prefix=$(realpath -m -s -- "${PREFIX:-/usr/local}")
libdir=${LIBDIR:-lib}
case $libdir in /*) ;; *) libdir=$prefix/$libdir ;; esac
libdir=$(realpath -m -s -- "$libdir")
manifest=$libdir/miopen-bypass/manifest

die() {
    printf '%s\n' "$@" >&2
    exit 1
}

# ---- the manifest: kind, path, and the checksum or link target, separated by tabs

recorded() { # PATH: whether an earlier install put it there
    [ -f "$stage$manifest" ] &&
        path=$1 awk -F'\t' '$2 == ENVIRON["path"] { found = 1 } END { exit !found }' "$stage$manifest"
}

record() { # KIND PATH DETAIL [OLD_TARGET]
    (IFS=$'\t' && printf '%s\n' "$*") >>"$stage$manifest"
}

checksum() {
    sha256sum -- "$1" | cut -d' ' -f1
}

make_folder() { # PATH: records each level that had to be made, outermost first
    [ -d "$stage$1" ] && return
    make_folder "$(dirname -- "$1")"
    mkdir -- "$stage$1"
    new_folders+=("$1")
}

put_file() { # SOURCE PATH MODE
    make_folder "$(dirname -- "$2")"
    record file "$2" "$(checksum "$1")"
    install -m "$3" -- "$1" "$stage$2"
}

put_link() { # TARGET PATH: in one step, so that no program meets a moment without it
    local old=-
    [ -L "$stage$2" ] && old=$(readlink -- "$stage$2")
    record link "$2" "$1" "$old"
    ln -sfn -- "$1" "$stage$2.new"
    mv -fT -- "$stage$2.new" "$stage$2"
}

# ---- what is installed: one list, used for the check and for the work

plan() { # prints: kind, source or target, path, mode
    local header
    printf 'file\t%s\t%s\t755\n' "$library" "$libdir/libMIOpen_bypass.so.$crate_version"
    printf 'link\t%s\t%s\t-\n' "libMIOpen_bypass.so.$crate_version" "$libdir/libMIOpen.so.1"
    printf 'link\t%s\t%s\t-\n' libMIOpen.so.1 "$libdir/libMIOpen.so"
    for header in "$source_dir"/include/miopen/*.h; do
        printf 'file\t%s\t%s\t644\n' "$header" "$prefix/include/miopen/${header##*/}"
    done
    printf 'file\t%s\t%s\t644\n' "$work/miopen.pc" "$libdir/pkgconfig/miopen.pc"
    for cmake_file in miopen-config.cmake miopen-config-version.cmake; do
        printf 'file\t%s\t%s\t644\n' "$work/$cmake_file" "$libdir/cmake/miopen/$cmake_file"
    done
    # The command is built together with the library and lies beside it.
    if [ -x "$(dirname -- "$library")/miopen-bypass" ]; then
        printf 'file\t%s\t%s\t755\n' "$(dirname -- "$library")/miopen-bypass" \
            "$prefix/bin/miopen-bypass"
    fi
    local page
    for page in "$work"/man/*.1; do
        [ -f "$page" ] || continue
        printf 'file\t%s\t%s\t644\n' "$page" "$prefix/share/man/man1/${page##*/}"
    done
    for shell in "${!completions[@]}"; do
        [ -f "$work/completions/$shell" ] || continue
        printf 'file\t%s\t%s\t644\n' "$work/completions/$shell" "$prefix/share/${completions[$shell]}"
    done
}

# Where each shell looks below a prefix's share folder.
declare -A completions=(
    [bash]=bash-completion/completions/miopen-bypass
    [zsh]=zsh/site-functions/_miopen-bypass
    [fish]=fish/vendor_completions.d/miopen-bypass.fish
)

write_pages() { # manual pages and completions, by the command itself
    local command shell
    command=$(dirname -- "$library")/miopen-bypass
    [ -x "$command" ] || return 0
    mkdir -- "$work/man" "$work/completions"
    # A command for another machine does not run here, and is installed without.
    if ! "$command" --version >/dev/null 2>&1; then
        echo "install: $command does not run here: no manual pages, no completions"
        return 0
    fi
    "$command" man --folder "$work/man"
    for shell in "${!completions[@]}"; do
        "$command" completions "$shell" >"$work/completions/$shell"
    done
}

literal() { # TEXT: for the right side of sed's s|||
    sed 's/[&|\\]/\\&/g' <<<"$1"
}

fill_templates() {
    local major minor patch version prefix_in_pc=$prefix libdir_in_pc=$libdir up inside
    number() { sed -n "s/^#define  *MIOPEN_VERSION_$1  *\([0-9][0-9]*\).*/\1/p" "$source_dir/include/miopen/version.h"; }
    major=$(number MAJOR) minor=$(number MINOR) patch=$(number PATCH)
    if [ -z "$major" ] || [ -z "$minor" ] || [ -z "$patch" ]; then
        die "install: no version in include/miopen/version.h"
    fi
    version=$major.$minor.$patch
    up=$(realpath -m -s --relative-to="$libdir" -- "$prefix")
    case $libdir/ in
    "$prefix"/*)
        # The tree may be moved as a whole, so paths start at the .pc file itself.
        # Not below /usr: only the plain names /usr/include and /usr/lib are
        # recognised as the compiler's own and left out of the flags.
        inside=$(realpath -m -s --relative-to="$prefix" -- "$libdir")
        if [ "$prefix" != /usr ]; then
            prefix_in_pc="\${pcfiledir}/../$up"
        fi
        libdir_in_pc="\${prefix}/$inside"
        ;;
    esac
    for template in "$here"/*.in; do
        sed -e "s|@prefix@|$(literal "$prefix_in_pc")|" -e "s|@libdir@|$(literal "$libdir_in_pc")|" \
            -e "s|@prefix_from_libdir@|$(literal "$up")|" -e "s|@version@|$version|" \
            -e "s|@major@|$major|" "$template" >"$work/$(basename -- "$template" .in)"
    done
}

# ---- somebody else's files

refuse_or_adopt() { # sets keep=(paths that are left to the other MIOpen)
    local kind from path mode foreign=()
    keep=()
    while IFS=$'\t' read -r kind from path mode; do
        if [ -e "$stage$path" ] || [ -L "$stage$path" ]; then
            recorded "$path" || foreign+=("$path")
        fi
    done < <(plan)
    [ ${#foreign[@]} -eq 0 ] && return

    # An install that was forced once stays so when it is renewed.
    local forced=${FORCE:-}
    if [ -f "$stage$manifest" ] && awk -F'\t' '$1 == "link" && $4 != "-" { f = 1 } END { exit !f }' "$stage$manifest"; then
        forced=1
    fi
    if [ "$forced" != 1 ]; then
        die "install: these files are not from miopen-bypass; nothing was installed:" \
            "${foreign[@]/#/  }" \
            "Choose one:" \
            "  another PREFIX or LIBDIR: the library finds the real MIOpen by itself;" \
            "  FORCE=1: leaves all of these files as they are and only points the link" \
            "  libMIOpen.so.1 here; 'make uninstall' points it back."
    fi
    for path in "${foreign[@]}"; do
        case $path in
        "$libdir/libMIOpen.so.1")
            # Replacing the file itself would destroy the real library, forced or not.
            [ -L "$stage$path" ] || die \
                "install: $path is the real library itself, not a link; nothing was installed." \
                "Rename it to libMIOpen.so.1.0 and link libMIOpen.so.1 to it, then FORCE=1 can work." \
                "Or install under another PREFIX."
            ;;
        "$prefix"/include/miopen/* | "$libdir"/cmake/miopen/*)
            # Headers belong together, and so do the files of the CMake package.
            keep_folder "$(dirname -- "$path")"
            ;;
        *) keep+=("$path") ;;
        esac
    done
    if [ ${#keep[@]} -gt 0 ]; then
        printf 'install: left to the other MIOpen: %s\n' "${keep[@]}"
    fi
}

keep_folder() { # FOLDER: nothing of ours goes there, but for the header that is ours alone
    local path
    while IFS=$'\t' read -r _ _ path _; do
        [ "$(dirname -- "$path")" = "$1" ] || continue
        [ "${path##*/}" = bypass.h ] || kept "$path" || keep+=("$path")
    done < <(plan)
}

kept() { # PATH
    local path
    for path in "${keep[@]}"; do [ "$path" = "$1" ] && return 0; done
    return 1
}

# ---- the two actions

install_all() {
    local kind from path mode
    new_folders=()
    make_folder "$(dirname -- "$manifest")"
    : >"$stage$manifest"
    while IFS=$'\t' read -r kind from path mode; do
        kept "$path" && continue
        case $kind in
        file) put_file "$from" "$path" "$mode" ;;
        link) put_link "$from" "$path" ;;
        esac
    done < <(plan)
    for path in "${new_folders[@]}"; do record dir "$path" -; done
    chmod 644 "$stage$manifest"
}

uninstall_all() {
    local kind path detail old
    while IFS=$'\t' read -r kind path detail old; do
        case $kind in
        file)
            [ -f "$stage$path" ] || continue
            if [ "$(checksum "$stage$path")" = "$detail" ]; then
                rm -f -- "$stage$path"
            else
                echo "uninstall: left as it is, because it changed since: $path"
            fi
            ;;
        link)
            if [ -L "$stage$path" ] && [ "$(readlink -- "$stage$path")" = "$detail" ]; then
                if [ "$old" = - ]; then
                    rm -f -- "$stage$path"
                else
                    ln -sfn -- "$old" "$stage$path.new"
                    mv -fT -- "$stage$path.new" "$stage$path"
                fi
            elif [ -e "$stage$path" ]; then
                echo "uninstall: left as it is, because it changed since: $path"
            fi
            ;;
        esac
    done <"$stage$manifest"
    local folders
    folders=$(awk -F'\t' '$1 == "dir" { print $2 }' "$stage$manifest" | tac)
    rm -f -- "$stage$manifest"
    while IFS= read -r path; do
        # Not an error: somebody else's files may be in there by now.
        if [ -n "$path" ]; then rmdir -- "$stage$path" 2>/dev/null || true; fi
    done <<<"$folders"
}

refresh_loader_cache() {
    [ -z "$stage" ] && [ "$(id -u)" -eq 0 ] && command -v ldconfig >/dev/null || return 0
    # Only for a folder that the loader's cache covers: another one is the user's business.
    local covered
    covered=$(ldconfig -v -N -X 2>/dev/null)
    case $'\n'$covered in *$'\n'"$libdir":*) ldconfig ;; esac
}

case $action in
install)
    library=$(realpath -m -- "${2:?library}")
    [ -f "$library" ] || die "install: no $library: run 'make build' first."
    crate_version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$source_dir/Cargo.toml" | head -n 1)
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    fill_templates
    write_pages
    refuse_or_adopt
    if [ -f "$stage$manifest" ]; then uninstall_all; fi
    [ -z "$stage" ] || mkdir -p -- "$stage"
    install_all
    refresh_loader_cache
    echo "installed in $stage$prefix, the library in $stage$libdir"
    ;;
uninstall)
    [ -f "$stage$manifest" ] || die "uninstall: nothing is installed there (no $stage$manifest)."
    uninstall_all
    refresh_loader_cache
    echo "uninstalled from $stage$prefix"
    ;;
*) die "install.sh: install or uninstall, not '$action'" ;;
esac
