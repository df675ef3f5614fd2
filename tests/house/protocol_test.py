"""docs/protocol.md names tests that exist, and has a row for each section of MS-NLMP that the code cites."""
import re
import sys
import unittest

from house import ROOT

from requirements_test import all_tests

sys.path.insert(0, str(ROOT / "tools"))
from citations import citations, sections_in  # noqa: E402

TABLE = ROOT / "docs/protocol.md"
ROW = re.compile(r"^\| ([0-9][0-9.]*) \| (.+) \| (.+) \| (.+) \|$")


def rows(text: str) -> dict[str, list[str]]:
    return {m[1]: re.findall(r"`([^`]+)`", m[4]) for line in text.splitlines() if (m := ROW.match(line))}


def violations(table: str, tests: set[str], cited: dict[str, list[str]]) -> list[str]:
    listed = rows(table)
    found = [f"{section}: no test is named" for section, names in listed.items() if not names]
    found += [f"{section}: there is no test {name}" for section, names in listed.items() for name in names if name not in tests]
    for section, places in cited.items():
        # The published values of 4.2 are one row; each test names the number that it is of.
        if section not in listed and not section.startswith("4.2."):
            found.append(f"{section}: cited at {places[0]}, and docs/protocol.md has no row for it")
    return found


class HouseProtocol(unittest.TestCase):
    def test_EveryCitedSectionHasARowAndEveryRowTestsThatExist(self):
        found = violations(TABLE.read_text(), all_tests(ROOT), citations(ROOT))
        self.assertEqual(found, [], "\n" + "\n".join(found))

    def test_FindsAPlantedDrift(self):
        good = "| 3.4 | a rule | ours | `A.B` |\n"
        self.assertEqual(violations(good, {"A.B"}, {"3.4": ["x:1"], "4.2.2": ["y:1"]}), [])
        self.assertEqual(len(violations(good, set(), {})), 1)
        self.assertEqual(len(violations(good, {"A.B"}, {"3.5": ["x:1"]})), 1)
        self.assertEqual(len(violations("| 3.4 | a rule | ours | none |\n", {"A.B"}, {})), 1)
        self.assertEqual(sections_in("// (MS-NLMP 3.3.1, 3.3.2)\n", "MS-NLMP"), [("3.3.1", 1), ("3.3.2", 1)])


if __name__ == "__main__":
    unittest.main()
