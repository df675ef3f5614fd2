"""Every shell script of the tree parses, and shellcheck has nothing to say about it."""
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from house import ROOT, tree_files


def scripts(root: pathlib.Path) -> list[pathlib.Path]:
    def is_script(path: pathlib.Path) -> bool:
        with open(root / path, "rb") as file:
            first = file.readline(80)
        return path.suffix == ".sh" or first.startswith((b"#!/bin/bash", b"#!/usr/bin/env bash", b"#!/bin/sh"))
    return [root / path for path in tree_files(root) if is_script(path)]


def syntax_error(script: pathlib.Path) -> str:
    return subprocess.run(["bash", "-n", str(script)], capture_output=True, text=True).stderr


def shellcheck(script: pathlib.Path) -> str:
    run = subprocess.run(["shellcheck", "-x", "-S", "warning", "-f", "gcc", str(script)], capture_output=True, text=True, cwd=ROOT)
    return run.stdout + run.stderr if run.returncode else ""


class HouseScripts(unittest.TestCase):
    def test_EveryScriptParses(self):
        files = scripts(ROOT)
        for name in ("check", "start", ".ci/run"):
            self.assertIn(ROOT / name, files)
        for script in files:
            self.assertEqual(syntax_error(script), "", script)

    def test_ShellcheckFindsNothing(self):
        if not shutil.which("shellcheck"):
            self.skipTest("shellcheck is not installed")
        found = "".join(shellcheck(script) for script in scripts(ROOT))
        self.assertEqual(found, "", "\n" + found)

    def test_FindsAPlantedSyntaxErrorAndAPlantedFault(self):
        with tempfile.TemporaryDirectory() as folder:
            script = pathlib.Path(folder, "a.sh")
            script.write_text("#!/bin/bash\nif true; then echo\n")
            self.assertNotEqual(syntax_error(script), "")
            script.write_text("#!/bin/bash\ncd \"$1\"\nrm -rf -- *\n")
            self.assertEqual(syntax_error(script), "")
            if shutil.which("shellcheck"):
                self.assertIn("SC2164", shellcheck(script))


if __name__ == "__main__":
    unittest.main()
