#!/usr/bin/env python3
"""Writes src/base/upper_case_table.inc from UnicodeData.txt (Debian package unicode-data).

The table maps one UTF-16 code unit to one, as Windows does. Windows' own table departs from Unicode's simple mapping for the
characters in EXCLUDED, which stay as they are there (docs/upper-casing.md).
"""
import sys

EXCLUDED = {
    0x00B5,  # MICRO SIGN would become Greek capital MU
    0x0131,  # DOTLESS I would become ASCII I
    0x017F,  # LONG S would become ASCII S
    0x0345,  # COMBINING YPOGEGRAMMENI would become Greek capital IOTA
    0x1FBE,  # PROSGEGRAMMENI would become Greek capital IOTA
}


def mappings(path):
    for line in open(path, encoding="ascii"):
        field = line.split(";")
        code = int(field[0], 16)
        if code > 0xFFFF or not field[12] or code in EXCLUDED:
            continue
        upper = int(field[12], 16)
        if upper <= 0xFFFF:
            yield code, upper


def runs(pairs):
    """Joins mappings with one delta and a step of 1 or 2 into (first, last, step, delta)."""
    out = []
    for code, upper in pairs:
        delta = (upper - code) & 0xFFFF
        if out:
            first, last, step, run_delta = out[-1]
            gap = code - last
            if delta == run_delta and gap in (1, 2) and (step == 0 or gap == step):
                out[-1] = (first, code, gap, delta)
                continue
        out.append((code, code, 0, delta))
    return [(first, last, step or 1, delta) for first, last, step, delta in out]


def main():
    source = sys.argv[1] if len(sys.argv) > 1 else "/usr/share/unicode/UnicodeData.txt"
    print("// Made by tools/generate_upper_case.py; do not edit. {first, last, step, delta modulo 65536}, ordered.")
    for first, last, step, delta in runs(mappings(source)):
        print(f"{{0x{first:04x}, 0x{last:04x}, {step}, 0x{delta:04x}}},")


main()
