# daemons.sh - posternd and postern-gateway for one scratch or demo set-up: configuration, start, readiness, stop. Sourced after common.sh.
# The caller sets BIN (the programs) and HOUSE_DIR (an absolute folder for all state; its path must leave room for a socket's name).
# shellcheck shell=bash disable=SC2119,SC2120

# write_if_changed FILE: standard input becomes FILE; status 1 if FILE was already that.
write_if_changed() {
  local new=$1.new
  cat >"$new"
  if cmp -s "$new" "$1"; then rm -f "$new"; return 1; fi
  mv "$new" "$1"
}

# write_posternd_config [LINE...]: the authority's configuration, for this user alone; each LINE is added at the end.
write_posternd_config() {
  write_if_changed "$HOUSE_DIR/posternd.toml" <<TOML
# Written by a script of Postern: the authority, with everything in one folder and one user.
state_directory = "$HOUSE_DIR/state"
key_file = "$HOUSE_DIR/key/posternd.key"

[socket]
path = "$HOUSE_DIR/run/authority.sock"
admin_path = "$HOUSE_DIR/run/admin.sock"

[[peer]]
uid = $(id -u)
services = ["gateway"]
rights = []

$(printf '%s\n' "$@")
TOML
}

# write_gateway_config HTTP-PORT HTTPS-PORT
write_gateway_config() {
  write_if_changed "$HOUSE_DIR/gateway.toml" <<TOML
# Written by a script of Postern: the gateway on loopback, with its built-in page behind the logon.
[[listen]]
address = "127.0.0.1:$1"

[[listen]]
address = "127.0.0.1:$2"
tls = true

[[tls.certificate]]
file = "$HOUSE_DIR/tls/gateway.crt"
key = "$HOUSE_DIR/tls/gateway.key"

[authority]
socket = "$HOUSE_DIR/run/authority.sock"
user = "$(id -u)"
service = "gateway"
TOML
}

# make_folders: the folders of HOUSE_DIR, closed to others.
make_folders() {
  mkdir -p "$HOUSE_DIR" && chmod 700 "$HOUSE_DIR" && (umask 077 && mkdir -p "$HOUSE_DIR"/{state,key,run,tls,log})
}

# make_certificate: a certificate for localhost, signed by itself with RSA and SHA-256, once.
make_certificate() {
  if [ -s "$HOUSE_DIR/tls/gateway.crt" ] && openssl x509 -checkend 86400 -noout -in "$HOUSE_DIR/tls/gateway.crt" >/dev/null; then return 0; fi
  (umask 077 && openssl req -x509 -newkey rsa:2048 -nodes -sha256 -days 365 -subj /CN=localhost -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' \
    -keyout "$HOUSE_DIR/tls/gateway.key" -out "$HOUSE_DIR/tls/gateway.crt") 2>"$HOUSE_DIR/log/openssl.log" || { cat "$HOUSE_DIR/log/openssl.log" >&2; return 1; }
}

# running_pid NAME: prints the pid that we recorded for NAME, if that process runs this very program (and was not replaced on disk: then
# RUNNING is "outdated", otherwise "current"). Nothing is printed, and the status is 1, for any other process.
running_pid() {
  local pid exe
  pid=$(cat "$HOUSE_DIR/run/$1.pid" 2>/dev/null) || return 1
  exe=$(readlink "/proc/$pid/exe" 2>/dev/null) || return 1
  [ "${exe% (deleted)}" = "$BIN/$1" ] || return 1
  printf '%s\n' "$pid"
}

is_outdated() { [[ $(readlink "/proc/$1/exe" 2>/dev/null) == *" (deleted)" ]]; }

# start_daemon NAME CONFIG: starts BIN/NAME and waits until it says that it is ready; on failure prints the end of its log.
start_daemon() {
  local name=$1 config=$2 ready=$HOUSE_DIR/run/$1.ready pid tries
  rm -f "$ready"
  mkfifo -m 600 "$ready" || return 1
  exec 9<>"$ready"
  rm -f "$ready"
  setsid "$BIN/$name" --config "$config" --ready-fd 9 >>"$HOUSE_DIR/log/$name.log" 2>&1 </dev/null &
  pid=$!
  printf '%s\n' "$pid" >"$HOUSE_DIR/run/$name.pid"
  for ((tries = 0; tries < 60; tries++)); do
    if IFS= read -r -t 0.5 -n 1 -u 9 _; then exec 9>&-; return 0; fi
    kill -0 "$pid" 2>/dev/null || break
  done
  exec 9>&-
  warn "$name did not become ready; its log ends:"
  tail -n 15 "$HOUSE_DIR/log/$name.log" >&2
  stop_daemon "$name"
  return 1
}

# stop_daemon NAME: stops the process that we started, by its pid; SIGKILL after 35 s.
stop_daemon() {
  local pid tries
  if pid=$(running_pid "$1"); then
    kill -TERM "$pid" 2>/dev/null
    for ((tries = 0; tries < 350; tries++)); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
    if kill -0 "$pid" 2>/dev/null; then kill -KILL "$pid" 2>/dev/null; fi
  fi
  rm -f "$HOUSE_DIR/run/$1.pid"
}
