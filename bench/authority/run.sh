#!/bin/bash
# bench/authority/run.sh - what policy, detection and a sink cost: logons per second through the authority's socket, in the same run, in turn.
#   bench/authority/run.sh [--rounds N] [--seconds N] [--json]
# Events are durable in each: "bare" asks for nothing and has no detection; "policy" has a policy in which every setting has a say, and detection;
# "policy and sink" has postern-forward beside it as well, which writes each event to a file. With 1 and with 64 clients, and how many logons
# shared one transaction (group commit). Medians. The clients run on the same cores.
# Build first: cmake --preset bench && cmake --build --preset bench --target posternd postern-gateway postern-forward postern-bench-socket
# BUILD (build/bench): the folder whose bin/ has the programs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
POSTERN_BINARY_DIR=$(realpath "${BUILD:-build/bench}") exec /usr/bin/python3 bench/authority/run.py "$@"
