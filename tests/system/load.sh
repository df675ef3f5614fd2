#!/bin/bash
# load.sh - logons by the hundred beside idle half-open handshakes, against programs that are built, with memory over time (R34).
#   tests/system/load.sh [--full] [--tls] [FOLDER]
# --full: 200 connections at a time for 30 s beside 10 000 half-open ones; without it 50 for 5 s beside 1 000. --tls: over HTTPS.
# FOLDER holds bin/ with posternd, postern-gateway and postern-load (default: build/bench, from `cmake --preset bench`).
# Exit status 0 if no logon failed and, after the first third of the time, no daemon's memory grew by more than 5 %.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
size=(50 5 1000) tls=()
while [ $# -gt 0 ]; do
  case $1 in
    --full) size=(200 30 10000) ;;
    --tls) tls=(--tls) ;;
    -h | --help) sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) break ;;
  esac
  shift
done
POSTERN_BINARY_DIR=$(realpath "${1:-build/bench}") exec /usr/bin/python3 tests/system/load_report.py "${size[@]}" ${tls[@]+"${tls[@]}"}
