#!/usr/bin/env bash
# fresh_install.sh MAKE PROJECT LIBRARY PREFIX: what a user's `make install` does, into an empty PREFIX.
set -eu
rm -rf "$4"
exec "$1" -C "$2" install LIB="$3" PREFIX="$4" LIBDIR= DESTDIR= FORCE=
