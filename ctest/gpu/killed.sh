#!/usr/bin/env bash
# Does a process that was killed in a convolution of the real library teach the next one?
#   killed.sh GUARD REAL_LIBRARY JOURNAL_FOLDER
set -eu
guard=$1 real=$2 journal=$3
rm -rf "$journal"
export MIOPEN_BYPASS_JOURNAL=$journal

STUB_CONVOLUTION=hang "$guard" "$real" once &
child=$!
# The record is on disk before the real library is called; then nothing more happens.
for _ in $(seq 100); do
    sleep 0.1
    [ -n "$(find "$journal" -type f -size +0 2>/dev/null)" ] && break
done
sleep 0.5
kill -9 "$child"
wait "$child" || true

# Now the problem is ours, and the hanging library is not asked.
STUB_CONVOLUTION=hang timeout 60 "$guard" "$real" learned
