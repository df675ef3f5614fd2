#!/usr/bin/python3
"""Writes the tests into docs/requirements.md: each row keeps its number and text, its last column becomes the tests whose names carry the number.

usage: tools/requirements.py [--check]      --check: exit status 1 if the file would change
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/house"))
sys.dont_write_bytecode = True
from requirements_test import ROW, all_tests, rows  # noqa: E402


def main() -> int:
    table = ROOT / "docs/requirements.md"
    text = table.read_text()
    tests = all_tests(ROOT)
    proofs: dict[int, set[str]] = {}
    for test in tests:
        for number in re.findall(r"(?:^|[._])R([0-9]+)(?=_)", test):
            proofs.setdefault(int(number), set()).add(test)
    # A test that proves a requirement without its number in the name is listed by hand, and kept.
    for number, names in rows(text).items():
        proofs.setdefault(number, set()).update(name for name in names if name in tests)

    def row(line: str) -> str:
        match = ROW.match(line)
        if not match:
            return line
        names = sorted(proofs.get(int(match[1]), ()))
        return f"| R{match[1]} | {match[2]} | " + (", ".join(f"`{name}`" for name in names) or "not yet") + " |"

    written = "\n".join(row(line) for line in text.split("\n"))
    if written == text:
        return 0
    if "--check" in sys.argv:
        return 1
    table.write_text(written)
    return 0


if __name__ == "__main__":
    sys.exit(main())
