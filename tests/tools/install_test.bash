#!/usr/bin/env bash
# Usage: install_test.bash SOURCE_DIR BUILD_DIR CXX [SANITIZER]
# A separate project finds, builds against and runs with what cmake --install leaves: by
# find_package and by pkg-config, from a tree that was moved after it was installed. By
# add_subdirectory it is configured only: that would build everything once more.
set -euo pipefail
consumer=$1/tests/tools/consumer
source=$1 build=$2 cxx=$3
flags=${4:+-fsanitize=$4}
place=$(mktemp -d)
trap 'rm -rf -- "$place"' EXIT

cmake --install "$build" --prefix "$place/first" >/dev/null
mv "$place/first" "$place/moved"

# configure NAME OPTIONS…: the consumer, in a tree of its own.
configure() {
  echo "consumer by $1"
  cmake -S "$consumer" -B "$place/$1" -G Ninja -DCMAKE_CXX_COMPILER="$cxx" \
    -DCMAKE_CXX_FLAGS="$flags" --log-level=WARNING "${@:2}" >/dev/null
}
configure find_package -DCMAKE_PREFIX_PATH="$place/moved"
cmake --build "$place/find_package" -- --quiet
"$place/find_package/consumer"
configure add_subdirectory -DSMTNI_SOURCE="$source"

# What is linked is named, not where this machine has it.
if grep -rn '/usr/lib' "$place/moved/lib"*/cmake/smtni; then
  echo "    a path of this machine"
  exit 1
fi

echo 'consumer by pkg-config'
pc=$(find "$place/moved" -name smtni.pc)
# shellcheck disable=SC2046,SC2086  # both are lists of words
"$cxx" -std=c++20 $flags "$consumer/consumer.cc" -o "$place/consumer" \
  $(PKG_CONFIG_PATH=$(dirname -- "$pc") pkg-config --cflags --libs smtni)
"$place/consumer"

echo 'the program'
"$place/moved/bin/smtni" list >/dev/null
