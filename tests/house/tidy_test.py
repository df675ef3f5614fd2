"""Style that a reader of 10-line greps can keep: lengths, newlines, tabs, words and calls that do not belong in the tree."""
import pathlib
import re
import tempfile
import unittest

from house import ROOT, is_text, tree_files

LINES_MAX = 600
# Written in pieces, so that this file does not find itself.
FORBIDDEN = [re.compile(p) for p in (r"\bTO" r"DO\b", r"\bFIX" r"ME\b", r"\bX" r"XX\b", r"(?<![\w.])/wo" r"rk/", r"(?<![\w.}])/ho" r"me/[a-z]",
                                     r"(?<![\w.])/ro" r"ot/", r"/tmp/w" r"t\b", r"<<<<" r"<<<", r">>>>" r">>>")]
COMPARISONS = re.compile(r"\b(memcmp|bcmp|strcmp|strncmp|strcasecmp)\s*\(")
SECRET_ROOMS = ("src/crypto/", "src/ntlm/", "src/account/", "src/authority/", "src/base/", "src/edge/ipc/")
GENERATED = re.compile(r"package-lock\.json$|\.inc$|^fuzz/corpus/|^tests/(vectors|captures)/|\.(bin|pcap|pcapng|der|png)$")


def violations(root: pathlib.Path, files: list[pathlib.Path]) -> list[str]:
    found = []
    for path in files:
        name = path.as_posix()
        if GENERATED.search(name) or not is_text(root / path):
            continue
        try:
            text = (root / path).read_text()
        except UnicodeDecodeError:
            found.append(f"{name}: not UTF-8")
            continue
        lines = text.split("\n")
        if len(lines) - 1 > LINES_MAX:
            found.append(f"{name}: {len(lines) - 1} lines, more than {LINES_MAX}")
        if text and not text.endswith("\n"):
            found.append(f"{name}: no newline at the end")
        for number, line in enumerate(lines, 1):
            if "\t" in line and path.suffix != ".go":
                found.append(f"{name}:{number}: a tab")
            if line != line.rstrip():
                found.append(f"{name}:{number}: blanks at the end of the line")
            found.extend(f"{name}:{number}: {match[0]}" for word in FORBIDDEN if (match := word.search(line)))
            if name.startswith(SECRET_ROOMS) and (match := COMPARISONS.search(line)):
                found.append(f"{name}:{number}: {match[1]} where secrets are compared (constant_time_equal)")
    return found


class HouseTidy(unittest.TestCase):
    def test_TheTreeIsTidy(self):
        files = tree_files(ROOT)
        self.assertGreater(len(files), 20)
        found = violations(ROOT, files)
        self.assertEqual(found, [], "\n" + "\n".join(found))

    def planted(self, name: str, text: str) -> list[str]:
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
            return violations(root, [pathlib.Path(name)])

    def test_FindsNothingInACleanFile(self):
        self.assertEqual(self.planted("src/ntlm/a.cpp", "int a;  // frame/" "work/, .home/x, constant_time_equal(a, b)\n"), [])
        self.assertEqual(self.planted("src/ntlm/a.cpp", "int a;\n" * LINES_MAX), [])

    def test_FindsALongFileAMissingNewlineATabAndTrailingBlanks(self):
        self.assertEqual(self.planted("src/ntlm/a.cpp", "int a;\n" * (LINES_MAX + 1)), ["src/ntlm/a.cpp: 601 lines, more than 600"])
        self.assertEqual(self.planted("a.md", "text"), ["a.md: no newline at the end"])
        self.assertEqual(self.planted("a.cpp", "\tint a;\n"), ["a.cpp:1: a tab"])
        self.assertEqual(self.planted("a.cpp", "int a; \n"), ["a.cpp:1: blanks at the end of the line"])

    def test_FindsEachForbiddenWord(self):
        for text in ("// TO" + "DO: later", "// FIX" + "ME", "# X" + "XX", "see /wo" + "rk/main", "cd /ho" + "me/ann", "cat /ro" + "ot/x", "/tmp/w" + "t/a",
                     "<<<<" + "<<< HEAD"):
            self.assertEqual(len(self.planted("docs/a.md", text + "\n")), 1, text)

    def test_R27_FindsMemcmpWhereSecretsAreCompared(self):
        self.assertEqual(len(self.planted("src/ntlm/a.cpp", "if (std::memcmp(a, b, 16) == 0) {}\n")), 1)
        self.assertEqual(len(self.planted("src/authority/a.cpp", "return strcmp(a, b);\n")), 1)
        self.assertEqual(self.planted("tests/ntlm/a.cpp", "return strcmp(a, b);\n"), [])


if __name__ == "__main__":
    unittest.main()
