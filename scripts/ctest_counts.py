#!/usr/bin/python3
"""Counts a ctest run. usage: ctest_counts.py JUNIT.xml ; prints "passed failed skipped", and each skipped test with its reason on standard error."""
import re
import sys
import xml.etree.ElementTree as ElementTree


def main() -> int:
    suite = ElementTree.parse(sys.argv[1]).getroot()
    passed = failed = skipped = 0
    for case in suite.iter("testcase"):
        status = case.get("status")
        if status == "run":
            passed += 1
        elif status in ("notrun", "disabled"):
            skipped += 1
            output = case.findtext("system-out") or ""
            reason = re.search(r"Skipped\s*\n?(.*)", output)
            print(f"skipped {case.get('name')}: {(reason.group(1).strip() if reason else '') or status}", file=sys.stderr)
        else:
            failed += 1
    print(passed, failed, skipped)
    return 0


if __name__ == "__main__":
    sys.exit(main())
