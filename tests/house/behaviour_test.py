"""How the scripts behave: counting, exit statuses, and daemons that are started, found ready and stopped by pid."""
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from house import ROOT

# A daemon that says it is ready after a moment; with a configuration named "broken" it ends instead.
DAEMON = r"""
#include <cstdlib>
#include <cstring>
#include <unistd.h>
int main(int count, char** words) {
  if (count != 5 || std::strcmp(words[3], "--ready-fd") != 0) return 2;
  if (std::strstr(words[2], "broken")) { write(2, "broken on line 1\n", 17); return 3; }
  usleep(200000);
  write(std::atoi(words[4]), "1", 1);
  for (;;) pause();
}
"""


class HouseTotals(unittest.TestCase):
    def ci(self, check: str) -> tuple[int, str]:
        """Runs .ci/run with this in place of ./check; its exit status and last line."""
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / ".ci").mkdir()
            shutil.copy(ROOT / ".ci/run", root / ".ci/run")
            (root / "check").write_text("#!/bin/bash\n" + check)
            (root / "check").chmod(0o755)
            run = subprocess.run(["bash", ".ci/run"], cwd=root, capture_output=True, text=True, stdin=subprocess.DEVNULL)
            return run.returncode, run.stdout.splitlines()[-1]

    def test_CiAddsUpBothParts(self):
        self.assertEqual(self.ci('if [ "$*" = --peers ]; then echo "5 passed, 0 failed, 2 skipped"; else echo "10 passed, 0 failed, 1 skipped"; fi >"$POSTERN_CHECK_SUMMARY"'),
                         (0, "total: 15 passed, 0 failed, 3 skipped"))

    def test_CiFailsWhenAPartFails(self):
        failing = 'echo "1 passed, 1 failed, 0 skipped" >"$POSTERN_CHECK_SUMMARY"; [ "$*" != --peers ]'
        self.assertEqual(self.ci(failing), (1, "total: 2 passed, 2 failed, 0 skipped"))
        self.assertEqual(self.ci('echo "1 passed, 0 failed, 0 skipped" >"$POSTERN_CHECK_SUMMARY"; exit 1')[0], 1)

    def test_CiFailsWhenAPartEndsWithoutAResult(self):
        self.assertEqual(self.ci("exit 0"), (1, "total: 0 passed, 2 failed, 0 skipped"))

    def test_CtestResultsAreCountedByWhatHappened(self):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, "ctest.xml")
            cases = "".join(f'<testcase name="{n}" status="{s}"/>' for n, s in (("a", "run"), ("b", "run"), ("c", "fail"), ("d", "notrun"), ("e", "disabled")))
            file.write_text(f"<testsuite>{cases}</testsuite>")
            run = subprocess.run(["/usr/bin/python3", str(ROOT / "scripts/ctest_counts.py"), str(file)], capture_output=True, text=True)
            self.assertEqual(run.stdout.split(), ["2", "1", "2"])
            self.assertIn("skipped d", run.stderr)
            file.write_text("<testsuite>")
            self.assertNotEqual(subprocess.run(["/usr/bin/python3", str(ROOT / "scripts/ctest_counts.py"), str(file)], capture_output=True).returncode, 0)


class HouseDaemons(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.holder = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.holder.name).resolve()
        (cls.folder / "bin").mkdir()
        (cls.folder / "daemon.cpp").write_text(DAEMON)
        subprocess.run(["g++", "-w", "-o", str(cls.folder / "bin/daemon"), str(cls.folder / "daemon.cpp")], check=True)

    @classmethod
    def tearDownClass(cls):
        cls.shell("stop_daemon daemon")
        cls.holder.cleanup()

    @classmethod
    def shell(cls, commands: str) -> subprocess.CompletedProcess:
        script = f'set -uo pipefail\n. "{ROOT}/scripts/common.sh"\n. "{ROOT}/scripts/daemons.sh"\nBIN={cls.folder}/bin HOUSE_DIR={cls.folder}/state\n{commands}\n'
        return subprocess.run(["bash", "-c", script], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)

    def test_ADaemonIsStartedFoundAndStopped(self):
        run = self.shell("make_folders && start_daemon daemon good.toml && running_pid daemon")
        self.assertEqual(run.returncode, 0, run.stderr)
        pid = int(run.stdout)
        self.assertEqual(os.readlink(f"/proc/{pid}/exe"), str(self.folder / "bin/daemon"))
        self.assertNotEqual(self.shell(f"is_outdated {pid}").returncode, 0)
        shutil.copy(self.folder / "bin/daemon", self.folder / "bin/daemon.new")
        os.replace(self.folder / "bin/daemon.new", self.folder / "bin/daemon")
        self.assertEqual(self.shell(f"is_outdated {pid} && running_pid daemon").stdout, f"{pid}\n", "a replaced program is seen, and still ours")
        self.assertEqual(self.shell("stop_daemon daemon").returncode, 0)
        self.assertFalse(pathlib.Path(f"/proc/{pid}").exists())
        self.assertNotEqual(self.shell("running_pid daemon").returncode, 0)

    def test_ADaemonThatEndsIsReportedWithItsLog(self):
        run = self.shell("make_folders && start_daemon daemon broken.toml")
        self.assertEqual(run.returncode, 1)
        self.assertIn("broken on line 1", run.stderr)

    def test_AProcessThatIsNotOursIsLeftAlone(self):
        other = subprocess.Popen(["sleep", "60"])
        try:
            self.shell("make_folders")
            (self.folder / "state/run/daemon.pid").write_text(f"{other.pid}\n")
            self.assertNotEqual(self.shell("running_pid daemon").returncode, 0)
            self.shell("stop_daemon daemon")
            time.sleep(0.2)
            self.assertIsNone(other.poll(), "a process of another program was stopped")
        finally:
            other.send_signal(signal.SIGTERM)
            other.wait()

    def test_TheFoldersAreClosedToOthers(self):
        self.shell("make_folders")
        for name in ("", "state", "key", "run", "log", "tls"):
            self.assertEqual((self.folder / "state" / name).stat().st_mode & 0o077, 0, name)

    def test_AnUnchangedConfigurationIsNotWrittenAgain(self):
        self.shell("make_folders")
        self.assertEqual(self.shell("write_gateway_config 18080 18443").returncode, 0)
        self.assertEqual(self.shell("write_gateway_config 18080 18443").returncode, 1)
        self.assertEqual(self.shell("write_gateway_config 18081 18443").returncode, 0)


if __name__ == "__main__":
    unittest.main()
