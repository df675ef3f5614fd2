#!/bin/bash
# One logon of Postern's own client. usage: our_client.sh URL NTLM|Negotiate PASSWORD
# Prints the HTTP status that the result stands for: 200 when it logged on (exit status 0), 401 when the answer was no (exit status 1).
printf '%s\n' "$3" | "$BUILD/bin/postern" logon "$1" -u "$DOMAIN\\$USER_RIGHT" --password-stdin --insecure --package "${2,,}"
status=${PIPESTATUS[1]}
case $status in
  0) echo 200 ;;
  1) echo 401 ;;
  *) echo "exit-$status" ;;
esac
