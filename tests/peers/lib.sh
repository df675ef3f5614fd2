# lib.sh - what the peer tests share: results, daemons that this run started, waiting. Sourced by run.sh.
# shellcheck shell=bash disable=SC2034 # run.sh reads what is set here

PEERS=$POSTERN_ROOT/tests/peers
PASSED=0 FAILED=0 SKIPPED=0
PIDS=()

passed() { PASSED=$((PASSED + 1)); printf 'passed   %s\n' "$1"; }
failed() { FAILED=$((FAILED + 1)); printf '%sfailed   %s: %s%s\n' "$RED" "$1" "$2" "$PLAIN"; }
skipped() { SKIPPED=$((SKIPPED + 1)); printf 'skipped  %s: %s\n' "$1" "$2"; }

# wanted NAME: true when --only lets the test run.
wanted() { [[ -z $ONLY || $1 == *"$ONLY"* ]]; }

# expect NAME STATUS COMMAND...: one test: the last word that COMMAND prints first on a line is the HTTP status.
expect() {
  local name=$1 want=$2 got log; shift 2
  wanted "$name" || return 0
  log=$SCRATCH/logs/last
  timeout --kill-after=5 100 "$@" >"$log" 2>&1 </dev/null
  got=$(awk 'NF { status = $1 } END { print status }' "$log")
  { printf '== %s\n' "$name"; cat "$log"; } >>"$SCRATCH/logs/clients.log"
  if [ "$got" = "$want" ]; then passed "$name"; return 0; fi
  failed "$name" "wanted $want, got ${got:-nothing}: $(tail -n 2 "$log" | tr '\n' ' ' | cut -c1-200)"
  return 1
}

# spawn NAME COMMAND...: starts a daemon in a process group of its own; it is stopped when the run ends.
spawn() {
  local name=$1; shift
  setsid "$@" >"$SCRATCH/logs/$name.log" 2>&1 </dev/null &
  PIDS+=("$!")
}

stop_all() {
  local pid tries
  for pid in ${PIDS[@]+"${PIDS[@]}"}; do kill -TERM -- "-$pid" 2>/dev/null; done
  for pid in ${PIDS[@]+"${PIDS[@]}"}; do
    for ((tries = 0; tries < 50; tries++)); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
    kill -KILL -- "-$pid" 2>/dev/null
  done
  PIDS=()
}

# wait_for_port PORT PID: until something listens there, at most 20 s, and no longer than the daemon lives.
wait_for_port() {
  local tries
  for ((tries = 0; tries < 200; tries++)); do
    if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then return 0; fi
    kill -0 "$2" 2>/dev/null || return 1
    sleep 0.1
  done
  return 1
}

# free_ports N: sets PORTS to N ports of loopback that nothing listens on.
free_ports() {
  mapfile -t PORTS < <(/usr/bin/python3 -c '
import socket, sys
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
print(*(s.getsockname()[1] for s in held), sep="\n")' "$1")
}
