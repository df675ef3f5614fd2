#!/usr/bin/python3
"""Lists where code and tests cite each section of a specification: "SECTION  FILE:LINE FILE:LINE ...".

usage: tools/citations.py [SPECIFICATION]      default: MS-NLMP
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
FOLDERS = ("include", "src", "apps", "tests", "fuzz")
SUFFIXES = (".hpp", ".cpp", ".h", ".c")


def sections_in(text: str, specification: str) -> list[tuple[str, int]]:
    """(section, line) of each citation: "MS-NLMP 3.3.1, 3.3.2" and "MS-NLMP 3.4.5.2 and 3.4.5.3" cite two."""
    number = r"[0-9]+(?:\.[0-9]+)*"
    found = []
    for match in re.finditer(rf"{specification}(?: section)? ({number}(?:(?:, | and ){number})*)", text):
        line = text.count("\n", 0, match.start()) + 1
        found.extend((section, line) for section in re.findall(number, match[1]))
    return found


def citations(root: pathlib.Path, specification: str = "MS-NLMP") -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in SUFFIXES and path.is_file():
                for section, line in sections_in(path.read_text(), specification):
                    found.setdefault(section, []).append(f"{path.relative_to(root)}:{line}")
    return found


def main() -> int:
    found = citations(ROOT, *sys.argv[1:2])
    for section in sorted(found, key=lambda text: [int(part) for part in text.split(".")]):
        print(f"{section:12} {' '.join(found[section])}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
