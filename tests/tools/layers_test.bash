#!/usr/bin/env bash
# Usage: layers_test.bash SOURCE_DIR
# The layers are a total order: no file includes one of a layer above its own, and what lies in
# <layer>/internal/ is included by that layer alone. Each public header is one that is installed.
set -euo pipefail
cd -- "$1"

layers=(core threads notify ni experiments)
disagreements=0

# complain_about LAYER PATTERN WHAT: every #include in LAYER that matches PATTERN is wrong.
complain_about() {
  local found
  found=$(grep -rnE --include='*.h' --include='*.cc' --include='*.S' \
    "^[[:space:]]*#[[:space:]]*include[[:space:]]+[\"<]$2" "$1") || return 0
  printf '%s\n    %s\n' "$found" "$3"
  disagreements=1
}

for index in "${!layers[@]}"; do
  layer=${layers[index]}
  for above in "${layers[@]:index+1}" tests examples; do
    complain_about "$layer" "$above/" "$layer/ must not include what stands above it: $above/"
  done
  complain_about "$layer" '\.\.?/' 'includes are spelled from the root: "core/units.h"'
  for other in "${layers[@]}"; do
    [[ $other == "$layer" ]] ||
      complain_about "$layer" "$other/internal/" "$other/internal/ belongs to $other/ alone"
  done
  for header in "$layer"/*.h; do
    grep -qwF -- "${header##*/}" "$layer/CMakeLists.txt" ||
      { echo "$header:1: not in $layer/CMakeLists.txt"; disagreements=1; }
  done
done
exit "$disagreements"
