# postern.sh - our side of the peer tests. Sourced by run.sh.
# shellcheck shell=bash
