#!/usr/bin/env bash
# Usage: quotes_test.bash SOURCE_DIR
# What a document shows between `<!-- quote: FILE -->` and `<!-- end -->` is FILE, to the letter; and
# each example is shown. They are compiled and run by tests/contract/contributing_test.cc and by
# the test examples.hello.
set -euo pipefail
cd -- "$1"

disagreements=0
shown=()
for document in README.md CONTRIBUTING.md; do
  mapfile -t quoted < <(sed -n 's/^<!-- quote: \(.*\) -->$/\1/p' "$document")
  for file in "${quoted[@]}"; do
    shown+=("$file")
    sed -n "\\|^<!-- quote: $file -->\$|,\\|^<!-- end -->\$|p" "$document" |
      sed '/^<!-- /d; /^```/d' | diff -u "$file" - || disagreements=1
  done
done
for file in examples/*.cc examples/*/*.h; do
  printf '%s\n' "${shown[@]}" | grep -qxF "$file" || { echo "$file:1: not quoted"; disagreements=1; }
done
exit "$disagreements"
