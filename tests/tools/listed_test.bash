#!/usr/bin/env bash
# Usage: listed_test.bash SOURCE_DIR SMTNI
# The tables in paper-notes/mechanisms.md have one row for each mechanism and experiment that `smtni list`
# knows, in its words and its order; and no document names one that it does not know.
set -euo pipefail
cd -- "$1"
scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT
tables=paper-notes/mechanisms.md

"$2" list --json "$scratch/list.json" >/dev/null
# value KEY: of each row; null where the row has no such key. The writer puts one key on a line.
value() { sed -n "s/^ *\"$1\": \"\\(.*\\)\",\\{0,1\\}\$/\\1/p" "$scratch/list.json"; }
paste <(value kind) <(value mechanism) >"$scratch/names"
mapfile -t mechanisms < <(sed -n 's/^mechanism\t//p' "$scratch/names")
mapfile -t experiments < <(sed -n 's/^experiment\t//p' "$scratch/names")
mapfile -t roles < <(value role)
mapfile -t sources < <(value source)
mapfile -t summaries < <(value summary)
[[ ${#mechanisms[@]} -gt 0 && ${#roles[@]} == "${#mechanisms[@]}" &&
  ${#sources[@]} == "${#mechanisms[@]}" &&
  ${#summaries[@]} == $((${#mechanisms[@]} + ${#experiments[@]})) ]] ||
  { echo "smtni list --json: not as this test reads it"; exit 1; }

expected=$(
  for i in "${!mechanisms[@]}"; do
    echo "| \`${mechanisms[i]}\` | ${roles[i]} | ${sources[i]} |"
  done
  for i in "${!experiments[@]}"; do
    echo "| \`${experiments[i]}\` | ${summaries[${#mechanisms[@]} + i]} |"
  done
)
# shellcheck disable=SC2016  # the backticks are Markdown's
shown=$(sed -nE 's/^(\| `[a-z/-]+` \| (waits|branches|spawns) \| [^|]* \|).*/\1/p; t
  s/^(\| `[a-z-]+` \| [^|]* \|).*/\1/p' "$tables")
disagreements=0
if ! diff <(echo "$expected") <(echo "$shown"); then
  echo "$tables:1: < is what smtni lists, > what is written there"
  disagreements=1
fi

# Every `family/variant` in a document is a mechanism, and every `smtni run NAME` an experiment.
families=$(printf '%s\n' "${mechanisms[@]}" | cut -d/ -f1 | sort -u | paste -sd'|')
known=$(printf '%s\n' "${mechanisms[@]}" "${experiments[@]}")
while IFS=: read -r file line name; do
  grep -qxF -- "$name" <<<"$known" ||
    { echo "$file:$line: smtni lists no '$name'"; disagreements=1; }
done < <(
  grep -noE "\`($families)/[a-z0-9-]+\`" README.md paper-notes/*.md paper-notes/decisions/*.md |
    tr -d '\`'
  grep -noE 'smtni run [a-z][a-z-]*' README.md paper-notes/*.md paper-notes/decisions/*.md |
    sed 's/smtni run //'
)
exit "$disagreements"
