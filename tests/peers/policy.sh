# policy.sh - real clients under policy: who passes and who is refused at each level, what page and log line a refused one gets, and the event. Sourced
# by run.sh.
# shellcheck shell=bash disable=SC2034,SC2154 # run.sh reads and sets

# Names say "policy", so that --only policy runs these alone. They build on the policy of the moment, which is set in any case.
#   NAME | function | needs
POLICY_BINDERS=('Chromium|client_chromium|chromium node npm' 'python requests-ntlm|client_requests|requests')
POLICY_OTHERS=('curl --ntlm|client_curl|curl' 'JDK HttpURLConnection|client_jdk|jdk' 'Go go-ntlmssp|client_go|go')
# The JDK tries again and again and then throws; wget throws away the page of any 401.
KEEP_NO_PAGE_OF_401=' client_jdk client_wget '

policy_set() { postern policy set "$1=$2" >>"$SCRATCH/logs/policy.log" 2>&1 || failed "policy: $1 is set to $2" "$(tail -n 1 "$SCRATCH/logs/policy.log")"; }

# policy_event NAME OPTION...: the record says so, of what came since event_mark.
policy_event() {
  local name=$1 answer; shift
  wanted "$name" || return 0
  answer=$(postern events --json | tail -n +"$((EVENTS_BEFORE + 1))" | /usr/bin/python3 "$PEERS/expect_event.py" "$@") && { passed "$name"; return; }
  failed "$name" "$answer"
}

# policy_contains NAME FILE WORD...: the file holds all of them.
policy_contains() {
  local name=$1 file=$2 word; shift 2
  wanted "$name" || return 0
  for word in "$@"; do
    if ! grep -qF -- "$word" "$file" 2>/dev/null; then failed "$name" "no \"$word\" in $(tail -c 300 "$file" 2>&1 | tr '\n' ' ')"; return; fi
  done
  passed "$name"
}

# policy_mark: what comes after is new: events, and lines of the gateway's log.
policy_mark() {
  event_mark
  LOG_BEFORE=$(wc -l <"$HOUSE_DIR/log/postern-gateway.log")
  rm -f "$CLIENT_BODY"
}
policy_log() { tail -n +"$((LOG_BEFORE + 1))" "$HOUSE_DIR/log/postern-gateway.log" >"$SCRATCH/logs/policy-lines"; }

# policy_accepts NAME FUNCTION URL EVENT-OPTION...
policy_accepts() {
  local name=$1 client=$2 url=$3; shift 3
  policy_mark
  expect "$name: logs on" 200 bash "$PEERS/clients.sh" "$client" "$url" "$USER_RIGHT" "$PASSWORD_RIGHT"
  policy_event "$name: the event says so" --account "$USER_RIGHT" "$@"
  policy_log
  if wanted "$name" && grep -q 'setting=' "$SCRATCH/logs/policy-lines"; then failed "$name: the log names no setting" "$(tail -n 1 "$SCRATCH/logs/policy-lines")"; fi
}

# policy_refuses NAME STATUS FUNCTION URL SETTING VALUE REASON EVENT-OPTION...
policy_refuses() {
  local name=$1 status=$2 client=$3 url=$4 setting=$5 value=$6 reason=$7; shift 7
  policy_mark
  expect "$name: is refused with $status" "$status" bash "$PEERS/clients.sh" "$client" "$url" "$USER_RIGHT" "$PASSWORD_RIGHT"
  if [ "$status" != 401 ] || [[ $KEEP_NO_PAGE_OF_401 != *" $client "* ]]; then
    policy_contains "$name: the page says why and what to change" "$CLIENT_BODY" "$setting" "<td>$value</td>" "${reason#?}" '<h2>What to change</h2>'
  fi
  policy_log
  policy_contains "$name: the log line says why and what to change" "$SCRATCH/logs/policy-lines" "setting=$setting value=\"$value\"" "reason=\"$reason\"" 'cure="'
  policy_event "$name: the event says so" --outcome blocked --decision "$setting=$value:deny" "$@"
}

# each_client LIST-NAME COMMAND...: calls COMMAND NAME FUNCTION for each client that is there.
each_client() {
  local -n clients=$1
  local line name function needs why
  shift
  for line in "${clients[@]}"; do
    IFS='|' read -r name function needs <<<"$line"
    # shellcheck disable=SC2086 # a list of words
    why=$(missing $needs)
    if [ -n "$why" ]; then wanted "policy, $name" && skipped "policy, $name" "$why"; continue; fi
    "$@" "$name" "$function"
  done
}

passes_at() { policy_accepts "policy, ExtendedProtection=$1, $2" "$3" "$GATEWAY_HTTPS"; }
passes_with_bindings() { policy_accepts "policy, ExtendedProtection=always, $1" "$2" "$GATEWAY_HTTPS" --mic verified --channel-binding matched; }
lacks_bindings() {
  policy_refuses "policy, ExtendedProtection=always, $1" 401 "$2" "$GATEWAY_HTTPS" ExtendedProtection always 'no channel bindings came' --account "$USER_RIGHT"
}
meets_no_ntlm() {
  policy_refuses "policy, RestrictReceivingNTLMTraffic=2, $1" 403 "$2" "$GATEWAY_HTTPS" RestrictReceivingNTLMTraffic 2 'this server takes no NTLM' --version ''
}
is_audited() {
  policy_accepts "policy, AuditReceivingNTLMTraffic=2, $1" "$2" "$GATEWAY_HTTPS" --decision AuditReceivingNTLMTraffic=2:audit
}

# policy_lines: all of it, at one posternd whose policy changes under it.
policy_lines() {
  local why
  if [[ -n $ONLY && $ONLY != policy* ]]; then return; fi
  : >"$SCRATCH/policy.toml"
  CLIENT_BODY=$SCRATCH/page
  export CLIENT_BODY
  if ! POLICY_FILE=$SCRATCH/policy.toml start_postern policy 0 "$USER_RIGHT"; then failed "policy: posternd and postern-gateway start" "$WHY"; return; fi
  policy_set ExtendedProtection always
  each_client POLICY_BINDERS passes_with_bindings
  each_client POLICY_OTHERS lacks_bindings
  policy_set ExtendedProtection when-supported
  each_client POLICY_OTHERS passes_at when-supported
  policy_set AuditReceivingNTLMTraffic 2
  each_client POLICY_OTHERS is_audited
  policy_set AuditReceivingNTLMTraffic 0
  policy_set RestrictReceivingNTLMTraffic 2
  each_client POLICY_BINDERS meets_no_ntlm
  each_client POLICY_OTHERS meets_no_ntlm
  policy_set RestrictReceivingNTLMTraffic 0
  why=$(missing wget)
  if [ -n "$why" ]; then skipped "policy, wget (NTLMv1)" "$why"
  else
    policy_refuses "policy, LmCompatibilityLevel=5, wget (NTLMv1)" 401 client_wget "$GATEWAY_HTTPS" LmCompatibilityLevel 5 'a response of NTLMv1 is not accepted' \
      --account "$USER_RIGHT" --version NTLMv1
    policy_set LmCompatibilityLevel 3
    policy_accepts "policy, LmCompatibilityLevel=3, wget (NTLMv1)" client_wget "$GATEWAY_HTTPS" --version NTLMv1
    expect "policy, LmCompatibilityLevel=3, wget (NTLMv1): a wrong password is refused" 401 bash "$PEERS/clients.sh" client_wget "$GATEWAY_HTTPS" "$USER_RIGHT" Wrong.1
    policy_set LmCompatibilityLevel 5
  fi
  stop_postern
  unset CLIENT_BODY
}
