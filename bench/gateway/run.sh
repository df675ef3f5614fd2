#!/bin/bash
# bench/gateway/run.sh - the gateway beside Apache with mod_auth_gssapi and gss-ntlmssp, in the same run, in turn.
#   bench/gateway/run.sh [--rounds N] [--seconds N] [--json]
# New logons per second over TLS (events durable on our side) with 1 and 64 clients, requests per second on kept, logged-on connections to an
# upstream and beside it asked directly, memory of an idle logged-on connection. Medians; `ahead` over 1 is in our favour.
# Build first: cmake --preset bench && cmake --build --preset bench --target posternd postern-gateway postern-load postern-bench-upstream
# BUILD (build/bench): the folder whose bin/ has the programs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
POSTERN_BINARY_DIR=$(realpath "${BUILD:-build/bench}") exec /usr/bin/python3 bench/gateway/run.py "$@"
