# lockout.sh - what wrong passwords of real clients cost on an account's counter of bad passwords. Sourced by run.sh.
# The JDK's HttpURLConnection sends a refused password about twenty times for one attempt of its user; curl sends it once.
# shellcheck shell=bash disable=SC2034 # ONLY is read by wanted

JDK_LOCKOUT="JDK HttpURLConnection, lockout" CURL_LOCKOUT="curl --ntlm, lockout"
LOCKOUT_THRESHOLD=10   # as shipped
COST_MAX=3             # of one attempt of a user
FIRST_PAUSE_SECONDS=2 SECOND_PAUSE_SECONDS=30  # the two stages of the authority's back-off

# bad_passwords ACCOUNT: what the counter says.
bad_passwords() { postern account show "$DOMAIN\\$1" --json | /usr/bin/python3 -c 'import json, sys; print(json.load(sys.stdin)["bad_password_count"])'; }

# messages_of ACCOUNT: how many logons of it were judged, whatever came of them.
messages_of() { grep -c "\"name\":\"$1\"" "$HOUSE_DIR/log/events.jsonl"; }

# jdk_attempt USER PASSWORD STATUS NAME: one attempt of a JDK's user.
jdk_attempt() { expect "$4" "$3" bash "$PEERS/clients.sh" client_jdk "$GATEWAY_HTTP" "$1" "$2"; }

# expect_between NAME LOW HIGH NUMBER
expect_between() {
  if [[ $4 =~ ^[0-9]+$ ]] && [ "$4" -ge "$2" ] && [ "$4" -le "$3" ]; then passed "$1 ($4)"; else failed "$1" "it is ${4:-unknown}"; fi
}

jdk_lockout_lines() {
  local name=$JDK_LOCKOUT user=jdk-user count before round
  jdk_attempt $user Wrong.0 401 "$name: a wrong password is refused"
  before=$(bad_passwords $user)
  expect_between "$name: the JDK sent the one wrong password more often than it may cost" $((COST_MAX + 1)) 100 "$(messages_of $user)"
  expect_between "$name: that one attempt of its user cost 1 to $COST_MAX on the counter" 1 $COST_MAX "$before"
  for round in 1 2; do
    if [ $round = 1 ]; then sleep $((FIRST_PAUSE_SECONDS + 1)); else sleep $((SECOND_PAUSE_SECONDS + 1)); fi
    jdk_attempt $user "Wrong.$round" 401 "$name: another wrong password, after pause $round, is refused"
    count=$(bad_passwords $user)
    expect_between "$name: after pause $round another attempt counts, for 1 to $COST_MAX" 1 $COST_MAX $((count - before))
    before=$count
  done
  expect "$name: the account is not locked: another program of the user logs on" 200 bash "$PEERS/clients.sh" client_curl "$GATEWAY_HTTP" $user "$PASSWORD_RIGHT"
  count=$(bad_passwords $user)
  expect_between "$name: which sets the counter back" 0 0 "$count"
}

curl_lockout_lines() {
  local name=$CURL_LOCKOUT user=curl-user count round
  for round in 1 2 3; do
    expect "$name: wrong password $round of 3 different ones is refused" 401 bash "$PEERS/clients.sh" client_curl "$GATEWAY_HTTP" $user "Wrong.$round"
  done
  count=$(bad_passwords $user)
  expect_between "$name: three attempts, each sent once, cost 3 on the counter" 3 3 "$count"
}

# lockout_group NAME NEED FUNCTION: the lines of one client; they build on each other, so --only takes all of them or none.
lockout_group() {
  local why ONLY=''
  why=$(missing "$2")
  if [ -n "$why" ]; then skipped "$1" "$why"; else "$3"; fi
}

# lockout_lines: both clients at a posternd that locks.
lockout_lines() {
  if ! wanted "$JDK_LOCKOUT" && ! wanted "$CURL_LOCKOUT"; then return; fi
  if ! start_postern locking $LOCKOUT_THRESHOLD jdk-user curl-user; then failed "posternd and postern-gateway start with a lockout" "$WHY"; return; fi
  if wanted "$JDK_LOCKOUT"; then lockout_group "$JDK_LOCKOUT" jdk jdk_lockout_lines; fi
  if wanted "$CURL_LOCKOUT"; then lockout_group "$CURL_LOCKOUT" curl curl_lockout_lines; fi
  stop_postern
}
