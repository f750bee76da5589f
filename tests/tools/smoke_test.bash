#!/usr/bin/env bash
# Usage: smoke_test.bash SOURCE_DIR SMTNI
# Every experiment that SMTNI lists ends by itself when told --smoke, and leaves a row that is ok; also
# where both sides share a processor.
set -euo pipefail
program=$2

scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT

mapfile -t experiments < <("$program" list | sed -n '/^experiment /,$p' | awk 'NR > 1 && NF { print $1 }')
if ((${#experiments[@]} == 0)); then
  echo "$program list names no experiment"
  exit 1
fi

failed=0
for experiment in "${experiments[@]}"; do
  for placement in "" same-cpu; do
    result=$scratch/$experiment-$placement.json
    if ! "$program" run "$experiment" --smoke --quiet ${placement:+-p "$placement"} \
      --json "$result" >"$scratch/output" 2>&1; then
      echo "smtni run $experiment --smoke ${placement:+-p $placement} failed:"
      cat "$scratch/output"
      failed=1
    elif ! grep -q '"status": *"ok"' "$result"; then
      echo "smtni run $experiment --smoke ${placement:+-p $placement} left no row that is ok"
      failed=1
    fi
  done
done
exit "$failed"
