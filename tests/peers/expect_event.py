#!/usr/bin/python3
"""Reads LogonEvents (one JSON object a line) and checks the last successful one of an account.

usage: expect_event.py --account NAME --mic WORDS --channel-binding WORDS < EVENTS ; prints what is wrong, exit status 1
"""
import argparse
import json
import sys

parser = argparse.ArgumentParser()
parser.add_argument("--account", required=True)
parser.add_argument("--mic", required=True)
parser.add_argument("--channel-binding", required=True)
options = parser.parse_args()

events = [json.loads(line) for line in sys.stdin if line.strip()]
logons = [event for event in events if event.get("outcome") == "success" and event.get("account", {}).get("name", "").lower() == options.account]
if not logons:
    print(f"no successful logon of {options.account} among {len(events)} new events")
    sys.exit(1)
ntlm = logons[-1].get("ntlm", {})
wrong = []
for field, wanted in (("version", "NTLMv2"), ("mic", options.mic), ("channel_binding", options.channel_binding)):
    if ntlm.get(field) not in wanted.split():
        wrong.append(f"{field} is {ntlm.get(field)}, not {wanted}")
print("; ".join(wrong))
sys.exit(1 if wrong else 0)
