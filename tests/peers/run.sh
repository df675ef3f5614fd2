#!/bin/bash
# tests/peers/run.sh - logons between Postern and programs that share no NTLM code with it.
#   run.sh [--counts FILE] [--only TEXT]   independent clients through our gateway; our client at independent acceptors
#   run.sh --control [--only TEXT]         without Postern, the same clients and acceptors at each other: shows that they and the scripts are sound
# One line a test: passed, failed or skipped with the reason. Exit status 1 if one failed. Uses the release build (BUILD).
set -uo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"
. "$POSTERN_ROOT/tests/peers/lib.sh"
. "$POSTERN_ROOT/tests/peers/clients.sh"
. "$POSTERN_ROOT/tests/peers/acceptors.sh"
. "$POSTERN_ROOT/tests/peers/postern.sh"
. "$POSTERN_ROOT/tests/peers/lockout.sh"
. "$POSTERN_ROOT/tests/peers/policy.sh"

ONLY='' COUNTS='' CONTROL=no
while [ $# -gt 0 ]; do
  case $1 in
    --counts) COUNTS=$2; shift 2 ;;
    --only) ONLY=$2; shift 2 ;;
    --control) CONTROL=yes; shift ;;
    *) sed -n '2,6s/^# \{0,1\}//p' "$0"; exit 2 ;;
  esac
done
BUILD=${BUILD:-$POSTERN_ROOT/build/release}
DOMAIN=LAB USER_RIGHT=alice PASSWORD_RIGHT=Passw0rd.1 USER_DISABLED=dora USER_UNKNOWN=nobody
export USER_DISABLED USER_UNKNOWN
SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/postern-peers.XXXXXXXX") || exit 1
chmod 711 "$SCRATCH"
mkdir -p "$SCRATCH/logs"
# shellcheck disable=SC2317 # called by the trap
clean_up() {
  stop_postern
  stop_all
  mkdir -p "$POSTERN_ROOT/build/peers-logs"
  cp -r "$SCRATCH/logs/." "$POSTERN_ROOT/build/peers-logs/" 2>/dev/null
  rm -rf "$SCRATCH"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# logons NAME FUNCTION URL MIC BINDING: the right password is accepted and its event says what it must; the three twins are refused.
logons() {
  local name=$1 client=$2 url=$3
  if [ $CONTROL = no ]; then event_mark; fi
  expect "$name: the right password logs on" 200 bash "$PEERS/clients.sh" "$client" "$url" "$USER_RIGHT" "$PASSWORD_RIGHT"
  if [ $CONTROL = no ]; then expect_event "$name" "$4" "$5"; fi
  expect "$name: a wrong password is refused" 401 bash "$PEERS/clients.sh" "$client" "$url" "$USER_RIGHT" Wrong.1
  if [ $CONTROL = yes ]; then return; fi  # Samba's helper with a fixed password takes any name
  expect "$name: an unknown account is refused" 401 bash "$PEERS/clients.sh" "$client" "$url" "$USER_UNKNOWN" "$PASSWORD_RIGHT"
  expect "$name: a disabled account is refused" 401 bash "$PEERS/clients.sh" "$client" "$url" "$USER_DISABLED" "$PASSWORD_RIGHT"
  # A client that repeats its wrong password by itself is held off for two seconds; its next right one comes after that.
  if [ "$client" = client_jdk ]; then sleep 3; fi
}

# client_matrix HTTP HTTPS: every client over both.
client_matrix() {
  local line name function needs mic binding_http binding_https why scheme url binding
  for line in "${CLIENTS[@]}"; do
    IFS='|' read -r name function needs mic binding_http binding_https <<<"$line"
    for scheme in http https; do
      if [ $scheme = http ]; then url=$1 binding=$binding_http; else url=$2 binding=$binding_https; fi
      # shellcheck disable=SC2086 # a list of words
      why=$(missing $needs)
      if [ -n "$why" ]; then wanted "$name, $scheme" && skipped "$name, $scheme" "$why"; continue; fi
      logons "$name, $scheme" "$function" "$url" "$mic" "$binding"
    done
  done
}
export DOMAIN SCRATCH PEERS BUILD USER_RIGHT

section "clients"
prepare_clients
make_test_certificate || die "openssl could not make a certificate"
if [ $CONTROL = yes ]; then
  section "control: clients at Samba's acceptor"
  start_acceptor samba || die "Samba's acceptor did not start"
  client_matrix "$ACCEPTOR_HTTP" "$ACCEPTOR_HTTPS"
  section "control: curl --negotiate at the other acceptors"
  start_acceptor gss || die "the acceptor of gss-ntlmssp did not start"
  for url in "$ACCEPTOR_HTTP" "$ACCEPTOR_HTTPS"; do logons "curl --negotiate at gss-ntlmssp, ${url%%:*}" client_curl_negotiate "$url"; done
  start_apache || die "Apache did not start"
  for url in "$ACCEPTOR_HTTP" "$ACCEPTOR_HTTPS"; do logons "curl --negotiate at Apache, ${url%%:*}" client_curl_negotiate "$url"; done
else
  section "clients through postern-gateway"
  # Each client sends wrong passwords for the same account here, so the lockout is kept out of the way; it has its own lines below.
  if start_postern house 0 "$USER_RIGHT" "$USER_DISABLED" && postern account disable "$DOMAIN\\$USER_DISABLED"; then client_matrix "$GATEWAY_HTTP" "$GATEWAY_HTTPS"
  else failed "posternd and postern-gateway start" "${WHY:-postern account disable failed}"; fi
  stop_postern
  section "the lockout's counter and a client that repeats a wrong password by itself"
  lockout_lines
  section "clients under policy"
  policy_lines
  section "postern logon at acceptors that are not ours"
  our_client_matrix
fi

section "peers: $PASSED passed, $FAILED failed, $SKIPPED skipped"
if [ -n "$COUNTS" ]; then printf '%s %s %s\n' "$PASSED" "$FAILED" "$SKIPPED" >"$COUNTS"; fi
[ "$FAILED" = 0 ]
