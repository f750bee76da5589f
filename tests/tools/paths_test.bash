#!/usr/bin/env bash
# Usage: paths_test.bash SOURCE_DIR
# No file names the place where somebody happened to work: this tree's own path, or a home directory.
set -euo pipefail
cd -- "$1"

here=$(pwd -P | sed 's/[][\.*^$+?(){}|]/\\&/g')
if grep -rnIE --exclude-dir={.git,build,results} "(^|[^A-Za-z0-9_.-])($here|/home/[a-z]+|/root)/" .; then
  echo "    a path of somebody's machine"
  exit 1
fi
