# shellcheck shell=bash
# Sourced by the scripts beside it: packages, configuration, build.
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)

# What every preset needs of Debian 12; the tests and the linter add theirs.
# shellcheck disable=SC2034  # read by the scripts that source this file
build_packages=(g++ cmake ninja-build pkg-config libnuma-dev liburing-dev libcli11-dev
  nlohmann-json3-dev libexpected-dev)

# Below this many steps a build is over before anyone wonders.
readonly announce_from_steps=10

note() { printf 'smtni: %s\n' "$*" >&2; }

# fail STATUS TEXT...: one line, and out.
fail() {
  note "${@:2}"
  exit "$1"
}

# missing_packages PACKAGE...: prints those that are not installed.
missing_packages() {
  local installed package
  installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null || true)
  for package in "$@"; do
    grep -qxF "installed $package" <<<"$installed" || printf '%s\n' "$package"
  done
}

# install_packages PACKAGE...: installs what is missing as root or with sudo that asks nothing;
# otherwise prints the one line to type. Without dpkg the build itself tells what it does not find.
install_packages() {
  command -v dpkg-query >/dev/null || return 0
  local missing as_root=() log
  mapfile -t missing < <(missing_packages "$@")
  ((${#missing[@]})) || return 0
  if (($(id -u) != 0)); then
    if ! sudo -n true 2>/dev/null; then
      fail 1 "packages are missing; type: sudo apt-get update &&" \
        "sudo apt-get install -y --no-install-recommends ${missing[*]}"
    fi
    as_root=(sudo -n)
  fi
  note "installing ${missing[*]}"
  log=$(mktemp)
  if ! {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q update &&
      "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get -qy install --no-install-recommends "${missing[@]}"
  } >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    fail 1 "apt-get could not install ${missing[*]}"
  fi
  rm -f "$log"
}

# configure PRESET: once; later the build itself sees what has changed.
configure() {
  [[ -f $root/build/$1/build.ninja && ! $root/CMakePresets.json -nt $root/build/$1/build.ninja ]] ||
    (cd "$root" && cmake --preset "$1" --log-level=WARNING >/dev/null)
}

# build PRESET: builds what changed; says nothing unless it fails or takes long.
build() {
  local tree=$root/build/$1 steps
  configure "$1"
  steps=$(ninja -C "$tree" -n | grep -c '^\[' || true)
  ((steps < announce_from_steps)) || note "building $1, $steps steps"
  ninja -C "$tree" --quiet
}
