# postern.sh - our side of the peer tests: posternd and postern-gateway with domain LAB, the events they write, and our client. Sourced by run.sh.
# shellcheck shell=bash disable=SC2034 # run.sh reads what is set here

. "$POSTERN_ROOT/scripts/daemons.sh"

postern() { "$BIN/postern" "$@"; }

# start_postern FOLDER LOCKOUT-THRESHOLD USER...: starts both in a folder of their own, with these accounts; sets GATEWAY_HTTP and
# GATEWAY_HTTPS; on failure status 1 and WHY. POLICY_FILE, if set, is the policy file.
start_postern() {
  local user http https threshold=$2
  BIN=$BUILD/bin HOUSE_DIR=$SCRATCH/$1; shift 2
  unset GATEWAY_HTTP GATEWAY_HTTPS
  for user in posternd postern-gateway postern; do
    if [ ! -x "$BIN/$user" ]; then WHY="$BIN/$user is not built"; return 1; fi
  done
  make_folders || { WHY="no folder for the state"; return 1; }
  cp "$SCRATCH/tls.crt" "$HOUSE_DIR/tls/gateway.crt"
  cp "$SCRATCH/tls.key" "$HOUSE_DIR/tls/gateway.key"
  free_ports 2; http=${PORTS[0]} https=${PORTS[1]}
  write_posternd_config '[lockout]' "threshold = $threshold"
  if [ -n "${POLICY_FILE:-}" ]; then sed -i "1a policy_file = \"$POLICY_FILE\"" "$HOUSE_DIR/posternd.toml"; fi # before the first table
  write_gateway_config "$http" "$https"
  start_daemon posternd "$HOUSE_DIR/posternd.toml" || { WHY="posternd did not start"; return 1; }
  export POSTERN_SOCKET=$HOUSE_DIR/run/admin.sock
  postern domain add "$DOMAIN" --dns lab.test || { WHY="postern domain add failed"; return 1; }
  for user in "$@"; do
    printf '%s\n' "$PASSWORD_RIGHT" | postern account add "$DOMAIN\\$user" --password-stdin || { WHY="postern account add failed"; return 1; }
  done
  start_daemon postern-gateway "$HOUSE_DIR/gateway.toml" || { WHY="postern-gateway did not start"; return 1; }
  GATEWAY_HTTP=http://localhost:$http/ GATEWAY_HTTPS=https://localhost:$https/
}

stop_postern() {
  if [ -z "${HOUSE_DIR:-}" ]; then return; fi
  stop_daemon postern-gateway
  stop_daemon posternd
  mkdir -p "$SCRATCH/logs/${HOUSE_DIR##*/}"
  cp "$HOUSE_DIR"/log/*.log "$SCRATCH/logs/${HOUSE_DIR##*/}/" 2>/dev/null
}

# event_mark: remembers how many events there are, so that the next expect_event reads only what came after.
event_mark() { EVENTS_BEFORE=$(cat "$HOUSE_DIR/log/events.jsonl" 2>/dev/null | wc -l); }

# expect_event NAME MIC BINDING: the logon's event is there and says NTLMv2, this MIC and these bindings (each a list of words that will do).
expect_event() {
  local name="$1: the event says NTLMv2, MIC $2, bindings $3" answer
  wanted "$name" || return 0
  answer=$(cat "$HOUSE_DIR/log/events.jsonl" 2>/dev/null | tail -n +"$((EVENTS_BEFORE + 1))" |
    /usr/bin/python3 "$PEERS/expect_event.py" --account "$USER_RIGHT" --mic "$2" --channel-binding "$3") && { passed "$name"; return; }
  failed "$name" "$answer"
}

# our_client_matrix: postern logon at Samba, at gss-ntlmssp and at Apache, over http and https, with NTLM and Negotiate.
our_client_matrix() {
  local acceptor url scheme name why
  if [ ! -x "$BUILD/bin/postern" ]; then failed "postern logon" "$BUILD/bin/postern is not built"; return; fi
  for acceptor in samba gss apache; do
    why=''
    case $acceptor in
      samba) name="Samba's ntlm_auth"; why=$(missing ntlm_auth) ;;
      gss) name="gss-ntlmssp (python3-gssapi)"; why=$(missing gss-ntlmssp) ;;
      apache) name="Apache mod_auth_gssapi"; why=$(missing gss-ntlmssp); [ -x /usr/sbin/apache2 ] || why="apache2 is not installed" ;;
    esac
    if [ -n "$why" ]; then skipped "postern logon at $name" "$why"; continue; fi
    if [ $acceptor = apache ]; then start_apache; else start_acceptor $acceptor; fi || { failed "postern logon at $name" "the acceptor did not start"; continue; }
    for url in "$ACCEPTOR_HTTP" "$ACCEPTOR_HTTPS"; do
      for scheme in NTLM Negotiate; do
        expect "postern logon at $name, ${url%%:*}, $scheme: the right password logs on" 200 bash "$PEERS/our_client.sh" "$url" $scheme "$PASSWORD_RIGHT"
        expect "postern logon at $name, ${url%%:*}, $scheme: a wrong password is refused" 401 bash "$PEERS/our_client.sh" "$url" $scheme Wrong.1
      done
    done
  done
}
