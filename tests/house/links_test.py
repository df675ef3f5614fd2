"""What links what: rooms among each other (CMake's graph), programs with shared libraries, and symbols that must not be where they are."""
import pathlib
import re
import subprocess
import tempfile
import unittest

from house import BUILD, ROOT
from includes_test import LIST, SANS_IO, Rule, read_rules

LINKS = pathlib.Path(__file__).with_name("allowed-links.txt")
KEPT = pathlib.Path(__file__).parents[1] / "api/exported-symbols.txt"
# Functions of the C library, and beginnings of mangled C++ names, that touch the world: a sans-IO room must not even refer to them.
WORLDLY = re.compile(r"^(socket|connect|bind|listen|accept4?|send(to|msg)?|recv(from|msg)?|open(at)?(64)?|creat|fopen(64)?|read|write|poll|select|epoll_.*"
                     r"|(secure_)?getenv|clock_gettime|gettimeofday|time|localtime(_r)?|gmtime(_r)?|getrandom|getentropy|rand(om)?(_r)?|srand"
                     r"|pthread_create|fork|execve|system|printf|puts|_ZNSt6chrono.*3nowEv|_ZNSt6thread.*|_ZNSt13random_device.*"
                     r"|_ZNSt1[34]basic_[io]?f(stream|ilebuf).*|_ZNSt8ios_base4InitC1Ev)$")
STANDARD_ONLY = SANS_IO + ("edge/ipc/client", "api")


def read_graph(text: str) -> dict[str, list[str]]:
    return {line.split(":", 1)[0]: line.split(":", 1)[1].split() for line in text.splitlines() if line}


def room_of_target(target: str, rules: dict[str, Rule]) -> str | None:
    """The longest listed room that a library's name begins with (postern_account_sqlite is account); programs are apps/NAME."""
    if not target.startswith("postern_"):
        return "apps/" + target if "apps/" + target in rules else None
    if target in ("postern_cli", "postern_watch"):  # the parts of programs that their tests link
        return "apps/postern" if target == "postern_cli" else "apps/postern-watch"
    name = target.removeprefix("postern_")
    fitting = [room for room in rules if name == room.replace("/", "_") or name.startswith(room.replace("/", "_") + "_")]
    return max(fitting, key=len, default=None)


def graph_violations(graph: dict[str, list[str]], rules: dict[str, Rule]) -> list[str]:
    found = []
    for target, libraries in graph.items():
        room = room_of_target(target, rules)
        if room is None:
            found.append(f"{target}: not in allowed-includes.txt")
            continue
        for library in libraries:
            if library == "postern_options":
                continue
            if library.startswith("postern_"):
                into = room_of_target(library, rules)
                if into != room and into not in rules[room].rooms:
                    found.append(f"{target} may not link {library}")
            elif room in STANDARD_ONLY and library != "Threads::Threads":
                found.append(f"{target} may not link {library}: the standard libraries only")
        for reached in sorted(library for library in reachable(target, graph) if room_of_target(library, rules) in ("account", "authority")):
            if (room.startswith("edge/") and room != "edge/ipc/server") or room in ("apps/postern", "apps/postern-gateway", "apps/postern-forward", "api"):
                found.append(f"{target} reaches {reached}")
    return found


def reachable(target: str, graph: dict[str, list[str]]) -> set[str]:
    seen: set[str] = set()
    queue = list(graph.get(target, []))
    while queue:
        library = queue.pop()
        if library not in seen:
            seen.add(library)
            queue.extend(graph.get(library, []))
    return seen


def read_links(text: str) -> dict[str, set[str]]:
    groups: dict[str, list[str]] = {}
    rules: dict[str, set[str]] = {}
    for line in text.splitlines():
        line = line.split("#")[0].strip()
        if group := re.match(r"group (\S+) = (.+)", line):
            groups[group[1]] = group[2].split()
        elif line:
            program, libraries, _ = [part.strip() for part in line.split(" : ")]
            rules[program] = {name for word in libraries.split() for name in groups.get(word, [word])}
    return rules


def needed(program: pathlib.Path) -> set[str]:
    text = subprocess.run(["readelf", "-d", str(program)], capture_output=True, text=True, check=True).stdout
    return {re.sub(r"(-[0-9.]+)?\.so(\.[0-9.]+)?$", "", name) for name in re.findall(r"\(NEEDED\).*\[(.+)\]", text)}


def link_violations(program: pathlib.Path, allowed: set[str]) -> list[str]:
    runtimes = {"libasan", "libubsan", "libtsan", "liblsan"}
    return sorted(f"{program.name} may not load {name}" for name in needed(program) - allowed - runtimes)


def exported(library: pathlib.Path) -> list[str]:
    """What a shared library shows, sorted; versions of symbols are left out."""
    text = subprocess.run(["nm", "-D", "--defined-only", str(library)], capture_output=True, text=True, check=True).stdout
    return sorted(words[2].split("@")[0] for line in text.splitlines() if (words := line.split())[1] not in "Aa")


def symbols(binary: pathlib.Path, kinds: str) -> set[str]:
    """The mangled names in an object, archive or program whose nm kind is one of these letters."""
    text = subprocess.run(["nm", str(binary)], capture_output=True, text=True, check=True).stdout
    return {m[2] for line in text.splitlines() if (m := re.match(r"[0-9a-f ]{16} ([A-Za-z]) ([^@ ]+)", line)) and m[1] in kinds}


class HouseLinks(unittest.TestCase):
    def program(self, name: str) -> pathlib.Path:
        if not (ROOT / "apps" / name / "CMakeLists.txt").exists():
            self.skipTest(f"apps/{name} is not in the tree")
        self.assertTrue((BUILD / "bin" / name).exists(), f"{name} is not built")
        return BUILD / "bin" / name

    def archive(self, room: str) -> pathlib.Path:
        if not (ROOT / "src" / room / "CMakeLists.txt").exists():
            self.skipTest(f"src/{room} is not in the tree")
        found = list(BUILD.glob(f"src/**/libpostern_{room.replace('/', '_')}.a"))
        self.assertEqual(len(found), 1, f"the library of {room} is not built")
        return found[0]

    def test_RoomsLinkOnlyWhatTheListAllows(self):
        graph = read_graph((BUILD / "links.txt").read_text())
        self.assertIn("postern_base", graph)
        found = graph_violations(graph, read_rules(LIST.read_text()))
        self.assertEqual(found, [], "\n" + "\n".join(found))

    def test_PosterndLoadsOnlyWhatTheListAllows(self):
        self.assertEqual(link_violations(self.program("posternd"), read_links(LINKS.read_text())["posternd"]), [])

    def test_TheGatewayLoadsOnlyWhatTheListAllows(self):
        self.assertEqual(link_violations(self.program("postern-gateway"), read_links(LINKS.read_text())["postern-gateway"]), [])

    def test_TheForwarderLoadsOnlyWhatTheListAllows(self):
        self.assertEqual(link_violations(self.program("postern-forward"), read_links(LINKS.read_text())["postern-forward"]), [])

    def test_TheCommandLineLoadsOnlyWhatTheListAllows(self):
        self.assertEqual(link_violations(self.program("postern"), read_links(LINKS.read_text())["postern"]), [])

    def without_authority(self, name: str) -> None:
        inside = symbols(self.program(name), "TtDdBbRrWwVv")
        self.assertGreater(len(inside), 100, "a stripped program proves nothing")
        for room in ("account", "authority"):
            theirs = symbols(self.archive(room), "TDBR")
            self.assertGreater(len(theirs), 5)
            self.assertEqual(sorted(inside & theirs), [], f"{name} holds code of {room}")

    def test_TheSensorLoadsOnlyWhatTheListAllows(self):
        self.assertEqual(link_violations(self.program("postern-watch"), read_links(LINKS.read_text())["postern-watch"]), [])

    def test_TheSensorHoldsNoCodeThatDerivesKeysOrDecides(self):
        inside = symbols(self.program("postern-watch"), "TtDdBbRrWwVv")
        self.assertGreater(len(inside), 100, "a stripped program proves nothing")
        for room in ("ntlm", "crypto", "account", "authority"):
            theirs = symbols(self.archive(room), "TDBR")
            self.assertGreater(len(theirs), 5)
            self.assertEqual(sorted(inside & theirs), [], f"postern-watch holds code of {room}")

    def shared_library(self) -> pathlib.Path:
        self.assertTrue((BUILD / "lib/libpostern.so.0").exists(), "libpostern is not built")
        return BUILD / "lib/libpostern.so.0"

    def test_LibposternLoadsOnlyWhatTheListAllows(self):
        self.assertEqual(link_violations(self.shared_library(), read_links(LINKS.read_text())["libpostern"]), [])

    def test_LibposternShowsTheKeptSymbolsAndNoOthers(self):
        # A symbol that is gone breaks programs that were built before; one that is new is added to the list for good.
        self.assertEqual(exported(self.shared_library()), KEPT.read_text().split())

    def test_LibposternHoldsNoCodeOfAccountOrAuthority(self):
        inside = symbols(self.shared_library(), "TtDdBbRrWwVv")
        self.assertGreater(len(inside), 100, "a stripped library proves nothing")
        for room in ("account", "authority"):
            self.assertEqual(sorted(inside & symbols(self.archive(room), "TDBR")), [], room)

    def test_TheGatewayHoldsNoCodeOfAccountOrAuthority(self):
        self.without_authority("postern-gateway")

    def test_TheForwarderHoldsNoCodeOfAccountOrAuthority(self):
        self.without_authority("postern-forward")

    def test_TheCommandLineHoldsNoCodeOfAccountOrAuthority(self):
        self.without_authority("postern")

    def test_SansIoRoomsReferToNoSocketFileClockThreadOrRandomSource(self):
        for room in SANS_IO:
            if (ROOT / "src" / room / "CMakeLists.txt").exists():
                worldly = sorted(name for name in symbols(self.archive(room), "U") if WORLDLY.match(name))
                self.assertEqual(worldly, [], room)

    def test_FindsAPlantedRoomInTheGraph(self):
        rules = read_rules(LIST.read_text())
        good = {"postern_base": ["postern_options"], "postern_wire": ["postern_options", "postern_base"], "postern-gateway": ["postern_wire"]}
        self.assertEqual(graph_violations(good, rules), [])
        self.assertEqual(graph_violations(good | {"postern_wire": ["postern_crypto"]}, rules), ["postern_wire may not link postern_crypto"])
        self.assertEqual(graph_violations(good | {"postern_spnego": ["fmt::fmt"]}, rules), ["postern_spnego may not link fmt::fmt: the standard libraries only"])
        self.assertEqual(graph_violations(good | {"postern_wire": ["postern_base"], "postern_base": ["postern_account"]}, rules),
                         ["postern_base may not link postern_account", "postern-gateway reaches postern_account"])
        self.assertEqual(graph_violations({"postern_account_sqlite": ["postern_account"], "postern_account": []}, rules), [])
        self.assertEqual(len(graph_violations({"postern": ["postern_account_sqlite"], "postern_account_sqlite": []}, rules)), 2)
        self.assertEqual(len(graph_violations({"postern_cellar": []}, rules)), 1)

    def compiled(self, folder: str, name: str, text: str, *flags: str) -> pathlib.Path:
        source = pathlib.Path(folder, name + ".cpp")
        source.write_text(text)
        subprocess.run(["g++", "-o", str(source.with_suffix("")), str(source), *flags], check=True)
        return source.with_suffix("")

    def test_FindsAPlantedLibraryAndPlantedSymbols(self):
        with tempfile.TemporaryDirectory() as folder:
            program = self.compiled(folder, "program", "#include <cmath>\nint main(int n, char**) { return std::sin(n) > 2; }\n", "-Wl,--no-as-needed", "-lcrypto")
            self.assertEqual(link_violations(program, {"libc", "libm", "libstdc++", "libgcc_s"}), ["program may not load libcrypto"])
            self.assertEqual(link_violations(program, {"libc", "libm", "libstdc++", "libgcc_s", "libcrypto"}), [])
            worldly = self.compiled(folder, "worldly", "#include <chrono>\n#include <cstdlib>\nlong f() { return std::getenv(\"A\") ? 1 : "
                                    "std::chrono::system_clock::now().time_since_epoch().count(); }\n", "-c")
            self.assertEqual(len([name for name in symbols(worldly, "U") if WORLDLY.match(name)]), 2)
            self.assertEqual(symbols(worldly, "T"), {"_Z1fv"})
            library = self.compiled(folder, "library", "extern \"C\" int kept() { return 1; }\nint planted() { return 2; }\n", "-shared", "-fPIC")
            self.assertEqual(exported(library), ["_Z7plantedv", "kept"])
            innocent = self.compiled(folder, "innocent", "#include <string>\nstd::string f(std::string a) { return a + a; }\n", "-c")
            self.assertEqual([name for name in symbols(innocent, "U") if WORLDLY.match(name)], [])


if __name__ == "__main__":
    unittest.main()
