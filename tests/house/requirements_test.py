"""Every requirement that docs/requirements.md (or the README) claims has tests, and every test it names exists."""
import pathlib
import re
import unittest

from house import ROOT, tree_files

TABLE = ROOT / "docs/requirements.md"
NUMBER = re.compile(r"\bR([1-9][0-9]?)\b")
NOT_YET = "not yet"  # the last column of a requirement that nothing decides so far: not a claim
ROW = re.compile(r"^\| R([0-9]+) \| (.+) \| (.+) \|$")


def tests_in(name: str, text: str) -> set[str]:
    """The full names of the tests in one file: Suite.Name of GoogleTest, Class.Name of the house and system tests, and "name" lines of tests/peers."""
    found = {f"{m[1]}.{m[2]}" for m in re.finditer(r"\bTEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\s*\)", text)}
    if name.endswith("_test.py"):
        suite = "House"
        for line in text.splitlines():
            if m := re.match(r"class ((?:House|System)\w+)", line):
                suite = m[1]
            elif m := re.match(r"    def test_(\w+)", line):
                found.add(f"{suite}.{m[1]}")
    return found


def all_tests(root: pathlib.Path) -> set[str]:
    files = [p for p in tree_files(root) if p.parts[0] == "tests" and p.suffix in (".cpp", ".py")]
    return {test for p in files for test in tests_in(p.name, (root / p).read_text())}


def rows(text: str) -> dict[int, list[str]]:
    """R number -> names of tests, as the table has them."""
    return {int(m[1]): [NOT_YET] if m[3] == NOT_YET else re.findall(r"`([^`]+)`", m[3]) for line in text.splitlines() if (m := ROW.match(line))}


def violations(table: str, readme: str, tests: set[str]) -> list[str]:
    found = []
    listed = rows(table)
    claimed = {number for number, names in listed.items() if names != [NOT_YET]}
    for number in sorted(claimed):
        names = listed[number]
        if not names:
            found.append(f"R{number}: no test is named")
        found.extend(f"R{number}: there is no test {name}" for name in names if name not in tests)
    for number in {int(n) for n in NUMBER.findall(readme)} - claimed:
        found.append(f"R{number}: the README claims it, docs/requirements.md names no test")
    for test in sorted(tests):
        for number in map(int, re.findall(r"(?:^|[._])R([0-9]+)(?=_)", test)):
            if number not in listed:
                found.append(f"R{number}: {test} proves it, docs/requirements.md does not list it")
    return found


class HouseRequirements(unittest.TestCase):
    def test_EveryClaimedRequirementNamesTestsThatExist(self):
        readme = (ROOT / "README.md").read_text() if (ROOT / "README.md").exists() else ""
        found = violations(TABLE.read_text(), readme, all_tests(ROOT))
        self.assertEqual(found, [], "\n" + "\n".join(found))

    def test_FindsAPlantedClaim(self):
        tests = tests_in("a.cpp", "TE" "ST(Spnego, R19_RefusesIndefiniteLengths) {}\nTE" "ST_F(Store,\n     Opens) {}\n")
        self.assertEqual(tests, {"Spnego.R19_RefusesIndefiniteLengths", "Store.Opens"})
        good = "| R19 | limits | `Spnego.R19_RefusesIndefiniteLengths` |\n"
        self.assertEqual(violations(good, "keeps R19", tests), [])
        self.assertEqual(violations(good + "| R1 | offsets | not yet |\n", "", tests), [])
        self.assertEqual(len(violations(good + "| R1 | offsets | not yet |\n", "keeps R1", tests)), 1)
        self.assertEqual(violations(good + "| R1 | offsets | none |\n", "", tests), ["R1: no test is named"])
        self.assertEqual(violations(good + "| R1 | offsets | `Wire.R1_No` |\n", "", tests), ["R1: there is no test Wire.R1_No"])
        self.assertEqual(len(violations(good, "keeps R19 and R20", tests)), 1)
        self.assertEqual(len(violations("", "", tests)), 1, "a proof that no row lists")


if __name__ == "__main__":
    unittest.main()
