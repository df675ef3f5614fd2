"""The library as a user has it: installed under a prefix, found by pkg-config and find_package, and the examples built and run."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(os.environ.get("POSTERN_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("POSTERN_BINARY_DIR", ROOT / "build/dev"))
# The library under test may be built with sanitizers; who links it is then built with the same.
SANITIZE = [f"-fsanitize={os.environ['POSTERN_SANITIZE']}"] if os.environ.get("POSTERN_SANITIZE") else []
NAMES = ("client", "server", "sealed_echo")
PASSWORD = "Correct.Horse.1"


class ApiExamples(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.holder = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.holder.name)
        cls.prefix = cls.folder / "prefix"
        cls.run_tool("cmake", "--install", BUILD, "--component", "library", "--prefix", cls.prefix)

    @classmethod
    def tearDownClass(cls):
        cls.holder.cleanup()

    @classmethod
    def run_tool(cls, *words, env=None) -> str:
        run = subprocess.run([str(word) for word in words], capture_output=True, text=True, env={**os.environ, **(env or {})}, timeout=240)
        if run.returncode != 0:
            raise AssertionError(f"{words}: {run.stdout}{run.stderr}")
        return run.stdout

    @classmethod
    def flags(cls, *words: str) -> list[str]:
        pc = next(cls.prefix.rglob("postern.pc"))
        return cls.run_tool("pkg-config", *words, "postern", env={"PKG_CONFIG_PATH": str(pc.parent)}).split()

    @property
    def library_path(self) -> dict[str, str]:
        return {**os.environ, "LD_LIBRARY_PATH": str(next(self.prefix.rglob("libpostern.so")).parent)}

    def log_on(self, server: pathlib.Path, client: pathlib.Path, user: str, password: str) -> tuple[int, int, str]:
        """Exit statuses of server and client, and what both said."""
        with subprocess.Popen([server, "alice"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=self.library_path) as serving:
            try:
                serving.stdin.write(PASSWORD + "\n")
                serving.stdin.close()
                port = re.fullmatch(r"port (\d+)\n", serving.stdout.readline())[1]
                run = subprocess.run([client, port, user], input=password + "\n", capture_output=True, text=True, env=self.library_path, timeout=60)
                said = serving.stdout.read() + run.stdout + run.stderr
                return serving.wait(timeout=60), run.returncode, said
            finally:
                if serving.poll() is None:
                    serving.kill()

    def examples_work(self, programs: dict[str, pathlib.Path]) -> None:
        for server in ("server_c", "server_cpp"):
            for client in ("client_c", "client_cpp"):
                with self.subTest(server=server, client=client):
                    for user in ("alice", "SOMEWHERE\\Alice"):
                        served, logged_on, said = self.log_on(programs[server], programs[client], user, PASSWORD)
                        self.assertEqual((served, logged_on), (0, 0), said)
                        self.assertIn("the server says: welcome, " + user.rpartition("\\")[2], said)
                    for user, password in (("alice", PASSWORD + "x"), ("bob", PASSWORD)):
                        served, logged_on, said = self.log_on(programs[server], programs[client], user, password)
                        self.assertEqual((served, logged_on), (1, 1), said)
                        self.assertIn("refused: wrong_password", said)
                        self.assertNotIn("welcome", said)
        lines = "".join(f"line {i} {'x' * (i * 7 % 400)}\n" for i in range(50))
        for echo in ("sealed_echo_c", "sealed_echo_cpp"):
            run = subprocess.run([programs[echo]], input=lines, capture_output=True, text=True, env=self.library_path, timeout=60)
            self.assertEqual((run.returncode, run.stdout), (0, lines), run.stderr)

    def test_TheExamplesBuildWithPkgConfigAsC99AndCpp17AndWork(self):
        if not shutil.which("pkg-config"):
            self.skipTest("pkg-config is not installed")
        programs = {}
        for name in NAMES:
            programs[name + "_c"] = self.folder / f"{name}_c"
            self.run_tool("gcc", "-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", *SANITIZE, ROOT / f"examples/{name}.c", "-o", programs[name + "_c"],
                          *self.flags("--cflags", "--libs"))
            programs[name + "_cpp"] = self.folder / f"{name}_cpp"
            self.run_tool("g++", "-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Werror", *SANITIZE, ROOT / f"examples/{name}.cpp", "-o", programs[name + "_cpp"],
                          *self.flags("--cflags", "--libs"))
        self.examples_work(programs)

    def test_TheExamplesBuildWithFindPackageAndWork(self):
        build = self.folder / "cmake-build"
        sanitize = " ".join(SANITIZE)
        self.run_tool("cmake", "-G", "Ninja", "-S", ROOT / "examples", "-B", build, f"-DCMAKE_PREFIX_PATH={self.prefix}", f"-DCMAKE_C_FLAGS={sanitize}", f"-DCMAKE_CXX_FLAGS={sanitize}")
        self.run_tool("cmake", "--build", build)
        self.examples_work({f"{name}_{language}": build / f"{name}_{language}" for name in NAMES for language in ("c", "cpp")})

    def test_TheStaticLibraryLinksToo(self):
        program = self.folder / "client_static"
        library = next(self.prefix.rglob("libpostern.a"))
        private = [word for word in self.flags("--libs", "--static") if not word.startswith("-L") and word != "-lpostern"]
        self.run_tool("gcc", "-std=c99", *SANITIZE, ROOT / "examples/sealed_echo.c", "-o", program, *self.flags("--cflags"), library, *private)
        run = subprocess.run([program], input="a line\n", capture_output=True, text=True, timeout=60)
        self.assertEqual((run.returncode, run.stdout), (0, "a line\n"), run.stderr)

    def test_TheHeaderNeedsNoExceptionsAndTheirLackIsNoticedAtAValueOnly(self):
        source = self.folder / "plain.cpp"
        source.write_text('#include <postern/postern.hpp>\nint main(int n, char**) {\n  auto hash = postern::nt_hash(n > 1 ? "" : "secret");\n'
                          '  if (n > 2) (void)hash.value();\n  return hash ? 0 : 3;\n}\n')
        program = self.folder / "plain"
        self.run_tool("g++", "-std=c++17", "-fno-exceptions", "-Wall", "-Wextra", "-Werror", *SANITIZE, source, "-o", program, *self.flags("--cflags", "--libs"))
        self.assertEqual(subprocess.run([program], env=self.library_path).returncode, 0)
        self.assertEqual(subprocess.run([program, "x"], env=self.library_path).returncode, 3)
        self.assertLess(subprocess.run([program, "x", "x"], env=self.library_path, stderr=subprocess.DEVNULL).returncode, 0)

    def test_TheInstalledFilesNameNoFolderOfTheBuild(self):
        for path in self.prefix.rglob("*"):
            if path.suffix in (".pc", ".cmake", ".h", ".hpp"):
                self.assertNotIn(str(ROOT), path.read_text(), path.name)
        self.assertNotIn("@", next(self.prefix.rglob("postern.pc")).read_text(), "a name that was not filled in")
        shared = next(self.prefix.rglob("libpostern.so"))
        self.assertEqual(os.readlink(shared), "libpostern.so.0")


if __name__ == "__main__":
    unittest.main()
