#!/usr/bin/env bash
# Usage: notes_test.bash SOURCE_DIR
# Every decision record has its headings, in order, and a number of its own; the index lists every
# note; and each link and each `file` that the notes, the README or CONTRIBUTING name exists.
set -euo pipefail
cd -- "$1"

directories='core|threads|notify|ni|experiments|tests|examples|scripts|cmake|paper-notes'
disagreements=0
complain() {
  printf '%s\n' "$*"
  disagreements=1
}

expected=$'## Context\n## Decision\n## Consequences\n## Alternatives\n## What would reverse it'
numbers=()
for record in paper-notes/decisions/[0-9]*.md; do
  numbers+=("$(basename -- "$record" | cut -c1-4)")
  [[ $(grep '^## ' "$record") == "$expected" ]] ||
    complain "$record:1: a record's headings are, in order: ${expected//$'\n'/, }"
  grep -q "^# ${numbers[-1]} " "$record" || complain "$record:1: its title must open with its number"
done
repeated=$(printf '%s\n' "${numbers[@]}" | uniq -d)
[[ -z $repeated ]] || complain "paper-notes/decisions: given twice: $repeated"

index=paper-notes/README.md
for note in paper-notes/*.md paper-notes/decisions/*.md; do
  [[ $note == "$index" ]] || grep -qF "](${note#paper-notes/})" "$index" ||
    complain "$index:1: does not list ${note#paper-notes/}"
done

for document in README.md CONTRIBUTING.md paper-notes/*.md paper-notes/decisions/*.md; do
  [[ -f $document ]] || continue
  while IFS= read -r target; do
    [[ -e $(dirname -- "$document")/$target ]] || complain "$document:1: no such file: $target"
  done < <(grep -oE '\]\([^)#: ]+[)#]' "$document" | sed 's/^](//; s/[)#]$//')
  while IFS= read -r named; do
    [[ -e $named ]] || complain "$document:1: no such file: $named"
  done < <(grep -oE "\`($directories)/[A-Za-z0-9_./-]+\.[a-z]+\`" "$document" | tr -d '\`')
done
exit "$disagreements"
