#!/usr/bin/python3
"""Reads LogonEvents (one JSON object a line) and checks the last one with an outcome, of an account if one is named.

usage: expect_event.py [--account NAME] [--outcome OUTCOME] [--version VERSION] [--mic WORDS] [--channel-binding WORDS]
                       [--decision SETTING=VALUE:DECISION] < EVENTS ; prints what is wrong, exit status 1
"""
import argparse
import json
import sys

parser = argparse.ArgumentParser()
parser.add_argument("--account")
parser.add_argument("--outcome", default="success")
parser.add_argument("--version", default="NTLMv2")
parser.add_argument("--mic")
parser.add_argument("--channel-binding")
parser.add_argument("--decision", help="of the policy, the decisive one")
options = parser.parse_args()

events = [json.loads(line) for line in sys.stdin if line.strip()]
logons = [event for event in events if event.get("outcome") == options.outcome
          and (options.account is None or event.get("account", {}).get("name", "").lower() == options.account)]
if not logons:
    print(f"no {options.outcome} of {options.account or 'anybody'} among {len(events)} new events")
    sys.exit(1)
ntlm = logons[-1].get("ntlm", {})
wrong = []
for field, wanted in (("version", options.version), ("mic", options.mic), ("channel_binding", options.channel_binding)):
    if wanted and ntlm.get(field) not in wanted.split():
        wrong.append(f"{field} is {ntlm.get(field)}, not {wanted}")
if options.decision:
    first = (logons[-1].get("policy") or [{}])[0]
    said = f"{first.get('setting')}={first.get('value')}:{first.get('decision')}"
    if said != options.decision:
        wrong.append(f"decided by {said}, not {options.decision}")
print("; ".join(wrong))
sys.exit(1 if wrong else 0)
