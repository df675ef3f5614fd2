"""Packaging: the systemd units are as narrow as they claim, the manual pages are well formed, and everything installs."""
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from house import BUILD, ROOT

UNITS = ROOT / "packaging/systemd"
PAGES = sorted((ROOT / "packaging/man").glob("*.[158]"))
# systemd-analyze's exposure times ten. posternd has no network at all; the gateway listens on the network, also below port 1024;
# what forwards events connects to it.
EXPOSURE_MAX = {"posternd": 7, "postern-gateway": 19, "postern-forward": 15}


def unit(name: str) -> str:
    return (UNITS / f"{name}.service").read_text().replace("@CMAKE_INSTALL_FULL_SBINDIR@", "/usr/sbin").replace("@CMAKE_INSTALL_FULL_SYSCONFDIR@", "/etc")


def exposure(name: str, text: str) -> int:
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, name + ".service")
        file.write_text(text)
        run = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", str(file)], capture_output=True, text=True)
        found = re.search(r"Overall exposure level for \S+: ([0-9]+)\.([0-9])", run.stdout)
        if not found:
            raise AssertionError(run.stdout + run.stderr)
        return int(found[1]) * 10 + int(found[2])


def page_faults(page: pathlib.Path) -> str:
    # A manual page may refer to one that is not installed here, and has no fixed date of release.
    lint = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", str(page)], capture_output=True, text=True)
    return lint.stdout + lint.stderr


class HousePackaging(unittest.TestCase):
    def test_TheUnitsLeaveLittleExposed(self):
        if not shutil.which("systemd-analyze"):
            self.skipTest("systemd-analyze is not installed")
        for name, most in EXPOSURE_MAX.items():
            self.assertLessEqual(exposure(name, unit(name)), most, name)

    def test_AUnitWithoutItsFilterIsMoreExposedThanAllowed(self):
        if not shutil.which("systemd-analyze"):
            self.skipTest("systemd-analyze is not installed")
        for name, most in EXPOSURE_MAX.items():
            loose = re.sub(r"^(SystemCallFilter|CapabilityBoundingSet|RestrictAddressFamilies|NoNewPrivileges)=.*\n", "", unit(name), flags=re.M)
            self.assertGreater(exposure(name, loose), most, name)

    def test_TheUnitsRunAsUsersThatSysusersMakesAndDumpNoCore(self):
        users = re.findall(r"^u\s+(\S+)", (UNITS / "postern.sysusers").read_text(), re.M)
        for name in EXPOSURE_MAX:
            text = unit(name)
            self.assertIn(re.search(r"^User=(\S+)", text, re.M)[1], users)
            self.assertRegex(text, r"(?m)^LimitCORE=0$")
        self.assertNotRegex(unit("posternd"), r"(?m)^PrivateUsers=yes", "posternd must see the uid of its peers")

    def test_TheManualPagesAreWellFormed(self):
        self.assertGreaterEqual({page.name for page in PAGES}, {"postern.1", "posternd.8", "postern-gateway.8", "posternd.toml.5", "gateway.toml.5", "postern-forward.8", "forward.toml.5"})
        if not shutil.which("mandoc"):
            self.skipTest("mandoc is not installed")
        for page in PAGES:
            self.assertEqual(page_faults(page), "", page.name)

    def test_APlantedFaultInAPageIsFound(self):
        if not shutil.which("mandoc"):
            self.skipTest("mandoc is not installed")
        with tempfile.TemporaryDirectory() as folder:
            page = pathlib.Path(folder, "a.1")
            page.write_text(PAGES[0].read_text() + ".Nonsense\n.Ed\n")
            self.assertNotEqual(page_faults(page), "")

    def test_EverythingInstallsUnderAPrefix(self):
        with tempfile.TemporaryDirectory() as folder:
            run = subprocess.run(["cmake", "--install", str(BUILD), "--prefix", folder], capture_output=True, text=True)
            self.assertEqual(run.returncode, 0, run.stderr)
            installed = {p.relative_to(folder).as_posix() for p in pathlib.Path(folder).rglob("*") if p.is_file()}
            wanted = {"lib/systemd/system/posternd.service", "lib/systemd/system/postern-gateway.service", "lib/systemd/system/postern-forward.service", "lib/sysusers.d/postern.conf"}
            wanted |= {"include/postern/postern.h", "include/postern/postern.hpp"}
            wanted |= {f"share/man/man{page.suffix[1:]}/{page.name}" for page in PAGES}
            wanted |= {place for name, place in (("postern", "bin/postern"), ("posternd", "sbin/posternd"), ("postern-gateway", "sbin/postern-gateway"),
                                                     ("postern-forward", "sbin/postern-forward"))
                       if (ROOT / "apps" / name / "CMakeLists.txt").exists()}
            self.assertEqual(wanted - installed, set())
            self.assertEqual({name.rpartition("/")[2] for name in installed} & {"libpostern.so.0", "libpostern.a", "postern.pc", "PosternConfig.cmake"},
                             {"libpostern.so.0", "libpostern.a", "postern.pc", "PosternConfig.cmake"})
            self.assertNotIn("@CMAKE", (pathlib.Path(folder) / "lib/systemd/system/posternd.service").read_text())


if __name__ == "__main__":
    unittest.main()
