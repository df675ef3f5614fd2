# common.sh - what the scripts share: saying what happens, steps with their time, packages. Sourced, never run.
# shellcheck shell=bash

POSTERN_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export DEBIAN_FRONTEND=noninteractive

if [ -t 1 ]; then BOLD=$'\e[1m' RED=$'\e[31m' PLAIN=$'\e[0m'; else BOLD='' RED='' PLAIN=''; fi

say() { printf '%s\n' "$*"; }
warn() { printf '%s%s%s\n' "$RED" "$*" "$PLAIN" >&2; }
die() { warn "$0: $*"; exit 1; }

# section TITLE: a heading with the time since the script began.
section() { printf '\n%s[%3d:%02d] %s%s\n' "$BOLD" $((SECONDS / 60)) $((SECONDS % 60)) "$*" "$PLAIN"; }

# as_root COMMAND...: runs it as root: as it is, or through sudo.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif ! command -v sudo >/dev/null; then warn "root is needed for: $*"; return 1
  elif [ -t 0 ]; then sudo --preserve-env=DEBIAN_FRONTEND "$@"
  else sudo -n --preserve-env=DEBIAN_FRONTEND "$@"
  fi
}

# packages_missing ENTRY...: sets MISSING to the packages of packages.sh that this machine lacks.
packages_missing() {
  local entry package command
  MISSING=()
  for entry in "$@"; do
    package=${entry%%=*} command=${entry#*=}
    if [ "$package" != "$entry" ] && command -v "$command" >/dev/null; then continue; fi
    if [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ]; then continue; fi
    MISSING+=("$package")
  done
}

# install_packages ENTRY...: installs what is missing, and keeps what it installs from starting as a service.
install_packages() {
  local policy=/usr/sbin/policy-rc.d made_policy=0 status=0
  packages_missing "$@"
  if [ ${#MISSING[@]} = 0 ]; then say "all packages are there"; return 0; fi
  command -v apt-get >/dev/null || { warn "no apt-get here; install by hand: ${MISSING[*]}"; return 1; }
  say "installing with apt-get: ${MISSING[*]}"
  if [ -z "$(find /var/lib/apt/lists -name '*_Packages*' -mmin -1440 -print -quit 2>/dev/null)" ]; then
    as_root apt-get update -q -o DPkg::Lock::Timeout=600 || return 1
  fi
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null && as_root chmod 755 "$policy" && made_policy=1
  fi
  as_root apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 "${MISSING[@]}" || status=$?
  if [ $made_policy = 1 ]; then as_root rm -f "$policy"; fi
  return $status
}

# with_ccache: uses ccache when it is there, in a directory of this tree unless the caller has one.
with_ccache() {
  command -v ccache >/dev/null || return 0
  export CCACHE_DIR=${CCACHE_DIR:-${XDG_CACHE_HOME:-${HOME:-$POSTERN_ROOT}/.cache}/ccache} CCACHE_BASEDIR=${CCACHE_BASEDIR:-$POSTERN_ROOT} CCACHE_NOHASHDIR=1
}
