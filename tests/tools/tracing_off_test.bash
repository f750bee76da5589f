#!/usr/bin/env bash
# Usage: tracing_off_test.bash SOURCE_DIR EXPERIMENTS_LIBRARY LIBRARY...
# Tracing off costs nothing: no object file of the libraries that messages pass through, which are
# the LIBRARYs, defines or refers to a symbol of tracing. Without a symbol there is neither a call
# nor a flag to look at. What to look for is seen to exist in EXPERIMENTS_LIBRARY.
set -euo pipefail

command -v nm >/dev/null || { echo "nm is not here"; exit 77; }
tracer=$2
shift 2

# symbols LIBRARY: "FILE.o: SYMBOL" of all that are defined and undefined, as in the source text.
symbols() {
  nm -C "$1" | awk '
    /^[^ ]*\.o:$/ { object = $1; next }
    NF { sub(/^[0-9a-f]* *[A-Za-z] /, ""); print object, $0 }'
}

# The namespace of all experiments, and the words that tracing is written in. The kernel's
# tracepoints, which count system calls, are not ours.
tracing='smtni::experiments::|[Tt]racer|[Tt]racing|is_traced|Journey|[^a-z_]Stamp\b'

if [[ $(symbols "$tracer" | grep -cE 'Tracer::(prepare|notify)\(') -lt 2 ]]; then
  echo "$tracer: no tracer in it: this test looks for the wrong words"
  exit 1
fi

disagreements=0
for library in "$@"; do
  found=$(symbols "$library")
  [[ $(wc -l <<<"$found") -gt 20 ]] || { echo "$library: hardly a symbol in it"; exit 1; }
  if grep -E "$tracing" <<<"$found"; then
    echo "    in $library: the message's way must not know of tracing"
    disagreements=1
  fi
done

# The files that the promise is about are among them, and not elsewhere by now.
all=$(for library in "$@"; do nm "$library" 2>/dev/null | grep -E '^[^ ]*\.o:$'; done)
for object in ring_producer ring_consumer port endpoint core binding async_branch lock_table \
  signal_running; do
  grep -qE "^$object\.[a-z.]*o:$" <<<"$all" || { echo "no object file of $object"; disagreements=1; }
done
exit "$disagreements"
