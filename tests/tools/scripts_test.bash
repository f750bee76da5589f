#!/usr/bin/env bash
# Usage: scripts_test.bash SOURCE_DIR
# What the scripts say and do before they build: wrong arguments, and missing packages with and
# without the right to install them. The system's own tools are replaced by what stands in $fakes.
set -euo pipefail
scripts=$1/scripts
fakes=$(mktemp -d)
trap 'rm -rf -- "$fakes"' EXIT
disagreements=0

# fake NAME BODY: the command NAME, for the scripts under test only.
fake() {
  printf '#!/bin/sh\n%s\n' "$2" >"$fakes/$1"
  chmod +x "$fakes/$1"
}

# expect STATUS LINES TEXT SCRIPT ARGS…: the script ends with STATUS and LINES lines, TEXT in them.
expect() {
  local status=0 output
  output=$(PATH=$fakes:$PATH "$scripts/$4" "${@:5}" 2>&1) || status=$?
  if [[ $status != "$1" || $(wc -l <<<"$output") != "$2" || $output != *"$3"* ]]; then
    printf '%s: status %s, expected %s; %s line(s) with "%s" expected, not:\n%s\n' \
      "${*:4}" "$status" "$1" "$2" "$3" "$output"
    disagreements=1
  fi
}

expect 2 1 'accepted: dev, asan, tsan' test release
expect 2 1 'accepted: dev, asan, tsan' test dev asan
expect 2 1 'accepted: dev, asan, tsan' test ''
expect 2 1 'accepted: no argument' lint all

# All packages but two are there, and nobody may install them.
# shellcheck disable=SC2016  # the fakes expand it
fake dpkg-query 'shift 2; for p in "$@"; do
  case $p in libnuma-dev|ninja-build) ;; *) echo "installed $p";; esac; done'
fake id 'echo 1000'
fake sudo 'exit 1'
expect 1 1 'sudo apt-get install -y --no-install-recommends ninja-build libnuma-dev' run
expect 1 1 'sudo apt-get install -y --no-install-recommends ninja-build libnuma-dev' test tsan

# With sudo that asks nothing they are installed, after an update; here apt-get fails at the end.
# shellcheck disable=SC2016
fake sudo 'shift; exec "$@"'
# shellcheck disable=SC2016
fake apt-get 'echo "apt-get $*"; [ "$2" = update ]'
expect 1 4 'apt-get -qy install --no-install-recommends ninja-build libnuma-dev' run
expect 1 4 'could not install' run

# The same as root, without sudo.
fake id 'echo 0'
fake sudo 'echo "sudo was called"'
expect 1 4 'apt-get -q update' run
exit "$disagreements"
