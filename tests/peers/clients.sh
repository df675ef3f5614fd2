#!/bin/bash
# clients.sh - independent NTLM clients. Sourced by run.sh, and run as "clients.sh FUNCTION ..." so that a client has a process of its own.
# Each function takes URL USER PASSWORD, logs on as $DOMAIN\USER, and prints the HTTP status. CLIENT_BODY, if set, gets the last page that it saw.
# shellcheck shell=bash disable=SC2034 # run.sh reads what is set here

CURL=(curl --silent --show-error --insecure --output "${CLIENT_BODY:-/dev/null}" --write-out '%{http_code}\n' --max-time 60)

client_curl() { "${CURL[@]}" --ntlm --user "$DOMAIN\\$2:$3" "$1"; }
client_curl_post() { "${CURL[@]}" --ntlm --user "$DOMAIN\\$2:$3" --data-binary "@$SCRATCH/body-100k" "$1"; }
client_curl_negotiate() {
  printf '%s:%s:%s\n' "$DOMAIN" "$2" "$3" >"$SCRATCH/client.users"
  NTLM_USER_FILE=$SCRATCH/client.users KRB5_CONFIG=/dev/null "${CURL[@]}" --negotiate --user : "$1"
}
client_chromium() { NODE_MODULES=$SCRATCH/npm/node_modules node "$PEERS/clients/chromium.js" "$1" "$DOMAIN\\$2" "$3"; }
client_jdk() { java -Dhttp.auth.ntlm.domain="$DOMAIN" -Djdk.http.auth.tunneling.disabledSchemes= -cp "$SCRATCH/java" UrlConnection "$1" "$DOMAIN\\$2" "$3"; }
client_go() { "$SCRATCH/goclient" "$1" "$DOMAIN\\$2" "$3"; }
client_httpntlm() { NODE_MODULES=$SCRATCH/npm/node_modules node "$PEERS/clients/httpntlm.js" "$1" "$DOMAIN" "$2" "$3"; }
client_requests() { OPENSSL_CONF=$SCRATCH/openssl-legacy.cnf /usr/bin/python3 -W ignore "$PEERS/clients/requests_ntlm_client.py" "$1" "$DOMAIN\\$2" "$3"; }
# wget 1.21 answers with NTLMv1 and LM, whatever it is offered.
client_wget() {
  wget --quiet --tries=1 --timeout=30 --no-check-certificate --server-response --content-on-error --output-document="${CLIENT_BODY:-/dev/null}" \
    --user="$DOMAIN\\$2" --password="$3" "$1" 2>&1 | awk '/^ *HTTP\// { status = $2 } END { print status }'
}
client_samba_ntlm() { /usr/bin/python3 "$PEERS/clients/samba_client.py" "$1" "$DOMAIN" "$2" "$3" NTLM; }
client_samba_negotiate() { /usr/bin/python3 "$PEERS/clients/samba_client.py" "$1" "$DOMAIN" "$2" "$3" Negotiate; }

# What each client needs, and what its logon must look like in the event (version, MIC, channel bindings on http and on https).
#   NAME | function | needs | mic | channel binding on http | channel binding on https
CLIENTS=(
  'curl --ntlm GET|client_curl|curl|absent|absent|absent'
  'curl --ntlm POST of 100 kB|client_curl_post|curl|absent|absent|absent'
  'curl --negotiate through gss-ntlmssp|client_curl_negotiate|curl gss-ntlmssp|verified|absent zero|absent zero'
  'Chromium|client_chromium|chromium node npm|verified|zero|matched'
  'JDK HttpURLConnection|client_jdk|jdk|absent|absent|absent'
  'Go go-ntlmssp|client_go|go|absent|absent|absent'
  'node httpntlm|client_httpntlm|node npm|absent|absent|absent'
  'python requests-ntlm|client_requests|requests|verified|absent zero|matched'
  'Samba ntlm_auth raw|client_samba_ntlm|ntlm_auth|absent zero|absent zero|absent zero'
  'Samba ntlm_auth SPNEGO|client_samba_negotiate|ntlm_auth|absent zero|absent zero|absent zero' # it offers no SIGN, so none is chosen, and without it this client announces no MIC
)

# prepare_clients: builds and installs what the clients need; WHY_NOT[need] says why one is not there.
declare -A WHY_NOT=()
prepare_clients() {
  local command
  for command in curl chromium node ntlm_auth wget; do
    command -v "$command" >/dev/null || WHY_NOT[$command]="$command is not installed"
  done
  head -c 100000 /dev/zero >"$SCRATCH/body-100k"
  ls /usr/lib/*/gssntlmssp/gssntlmssp.so >/dev/null 2>&1 || WHY_NOT[gss-ntlmssp]="gss-ntlmssp is not installed"
  mkdir -p "$SCRATCH/npm" "$SCRATCH/java"
  cp "$PEERS/package.json" "$PEERS/package-lock.json" "$SCRATCH/npm/"
  say "npm packages (pinned by tests/peers/package-lock.json)"
  (cd "$SCRATCH/npm" && npm ci --ignore-scripts --no-audit --no-fund) >"$SCRATCH/logs/npm.log" 2>&1 || WHY_NOT[npm]="npm ci failed: $(tail -n 1 "$SCRATCH/logs/npm.log")"
  say "the JDK and the Go client"
  javac -d "$SCRATCH/java" "$PEERS/clients/UrlConnection.java" >"$SCRATCH/logs/javac.log" 2>&1 || WHY_NOT[jdk]="javac failed: $(tail -n 1 "$SCRATCH/logs/javac.log")"
  (cd "$PEERS/clients" && GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE=$SCRATCH/go-cache GOFLAGS="" go build -o "$SCRATCH/goclient" main.go) >"$SCRATCH/logs/go.log" 2>&1 ||
    WHY_NOT[go]="go build failed: $(tail -n 1 "$SCRATCH/logs/go.log")"
  /usr/bin/python3 -c 'import requests_ntlm' 2>/dev/null || WHY_NOT[requests]="python3-requests-ntlm is not installed"
  # requests-ntlm takes MD4 from OpenSSL, which has it in the legacy provider alone.
  printf '%s\n' 'openssl_conf = init' '[init]' 'providers = providers' '[providers]' 'default = on' 'legacy = on' '[on]' 'activate = 1' >"$SCRATCH/openssl-legacy.cnf"
}

# missing NEED...: prints why a client cannot run; nothing when it can.
missing() {
  local need
  for need in "$@"; do
    if [ -n "${WHY_NOT[$need]:-}" ]; then printf '%s' "${WHY_NOT[$need]}"; return; fi
  done
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then "$@"; fi
