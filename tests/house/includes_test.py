"""What includes what: every #include below src/ and apps/ against allowed-includes.txt."""
import pathlib
import re
import tempfile
import unittest

from house import ROOT

LIST = pathlib.Path(__file__).with_name("allowed-includes.txt")
SANS_IO = ("base", "crypto", "wire", "spnego", "ntlm", "policy")
INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>|(\S+))', re.M)
# A standard header has no folder and no extension; the C ones with .h are named here.
STANDARD = re.compile(r"^[a-z_0-9]+$|^(assert|ctype|errno|inttypes|limits|math|signal|stdarg|stddef|stdint|stdio|stdlib|string|time|wchar)\.h$")
# What a header of the pure group still could not hide: clocks, environment, files, random sources.
IMPURE = re.compile(r"_clock::now|\b(getenv|fopen|freopen|tmpfile|getrandom|getentropy|random_device|clock_gettime|gettimeofday|"
                    r"pthread_create|this_thread|printf|puts|system|rand|srand)\s*[({<]")


class Rule:
    def __init__(self, rooms: set[str], headers: list[str], standard: str):
        self.rooms, self.headers, self.standard = rooms, headers, standard

    def allows_header(self, header: str) -> bool:
        if self.standard == "std" and STANDARD.match(header):
            return True
        return any(header == allowed or (allowed.endswith("/") and header.startswith(allowed)) for allowed in self.headers)


def read_rules(text: str) -> dict[str, Rule]:
    groups: dict[str, list[str]] = {}
    rules: dict[str, Rule] = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = line.split("#")[0].strip()
        if not line:
            continue
        if group := re.match(r"group (\S+) = (.+)", line):
            groups.setdefault(group[1], []).extend(group[2].split())
            continue
        parts = [part.strip() for part in line.split(" : ")]
        if len(parts) != 4 or not parts[3]:
            raise ValueError(f"allowed-includes.txt:{number}: ROOM : ROOMS : HEADERS : REASON expected")
        headers: list[str] = []
        for word in parts[2].split():
            headers.extend(groups.get(word, [word]))
        rooms = set() if parts[1] == "-" else set(parts[1].split())
        rules[parts[0]] = Rule(rooms, headers, "std" if "std" in parts[2].split() else "named")
    return rules


def room_of(path: pathlib.PurePath, rules: dict[str, Rule]) -> str | None:
    """The longest listed room that holds a path given below the tree's root; None for a folder that no line covers."""
    folder = path.parent.as_posix()
    folder = folder.removeprefix("src/") if folder.startswith("src/") else folder
    while folder not in ("", "."):
        if folder in rules:
            return folder
        folder = folder.rpartition("/")[0]
    return None


def violations(root: pathlib.Path, rules: dict[str, Rule]) -> list[str]:
    found = []
    files = [p for top in ("src", "apps") for p in sorted((root / top).rglob("*")) if p.suffix in (".cpp", ".hpp", ".h", ".c", ".inc")]
    for path in files:
        relative = path.relative_to(root)
        room = room_of(relative, rules)
        if room is None:
            found.append(f"{relative}: its room is not in allowed-includes.txt")
            continue
        text = path.read_text()
        for match in INCLUDE.finditer(text):
            where = f"{relative}:{text.count(chr(10), 0, match.start(0)) + 1}"
            own, system, other = match.groups()
            if other:
                found.append(f"{where}: an #include that cannot be read: {other}")
            elif system:
                if not rules[room].allows_header(system):
                    found.append(f"{where}: {room} may not include <{system}>")
            else:
                target = next((p for p in (path.parent / own, root / "src" / own, root / "apps" / own) if p.is_file()), None)
                if target is None:
                    found.append(f"{where}: \"{own}\" is not in the tree (system headers go in angle brackets)")
                    continue
                into = room_of(target.resolve().relative_to(root.resolve()), rules)
                if into != room and into not in rules[room].rooms:
                    found.append(f"{where}: {room} may not include {into or 'an unlisted room'} (\"{own}\")")
        if room in SANS_IO:
            code = re.sub(r'//[^\n]*|"(?:\\.|[^"\\\n])*"', "", text)
            found.extend(f"{relative}: {room} is sans-IO and may not use {match[0]}" for match in IMPURE.finditer(code))
    return found


class HouseIncludes(unittest.TestCase):
    def test_EveryRoomIncludesOnlyWhatTheListAllows(self):
        found = violations(ROOT, read_rules(LIST.read_text()))
        self.assertEqual(found, [], "\n" + "\n".join(found))

    def test_SansIoRoomsAreListedWithoutTheWholeStandardLibrary(self):
        rules = read_rules(LIST.read_text())
        for room in SANS_IO:
            self.assertEqual(rules[room].standard, "named", room)
            for header in ("thread", "fstream", "random", "iostream", "mutex", "sys/socket.h", "openssl/evp.h", "fmt/core.h"):
                self.assertFalse(rules[room].allows_header(header), f"{room} allows {header}")

    def test_EdgesNeverSeeAccountsOrTheAuthority(self):
        rules = read_rules(LIST.read_text())
        for room, rule in rules.items():
            # edge/ipc/server is the authority's own end of the socket.
            if (room.startswith("edge/") and room != "edge/ipc/server") or room in ("apps/postern-gateway", "apps/postern"):
                self.assertFalse(rule.rooms & {"account", "authority", "edge/ipc/server"}, room)

    def planted(self, files: dict[str, str]) -> list[str]:
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name, text in ({"src/base/bytes.hpp": "", "src/account/store.hpp": "", "src/crypto/md4.hpp": ""} | files).items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text)
            return violations(root, read_rules(LIST.read_text()))

    def test_FindsNothingInATreeThatKeepsTheList(self):
        self.assertEqual(self.planted({"src/wire/a.cpp": '#include "base/bytes.hpp"\n#include <vector>\n// std::getenv("X")\n',
                                       "apps/posternd/main.cpp": '#include "account/store.hpp"\n#include <thread>\n'}), [])

    def test_FindsAPlantedRoom(self):
        self.assertEqual(self.planted({"src/wire/a.cpp": '#include <vector>\n#include "crypto/md4.hpp"\n'}),
                         ['src/wire/a.cpp:2: wire may not include crypto ("crypto/md4.hpp")'])
        self.assertEqual(self.planted({"src/edge/http/a.cpp": '#  include "account/store.hpp"\n'}),
                         ['src/edge/http/a.cpp:1: edge/http may not include account ("account/store.hpp")'])
        self.assertEqual(len(self.planted({"src/wire/a.cpp": '#include "../crypto/md4.hpp"\n'})), 1, "a way around by ..")

    def test_FindsAPlantedSystemHeader(self):
        for header in ("thread", "fstream", "random", "ctime", "sys/socket.h", "unistd.h", "openssl/md5.h", "fmt/format.h"):
            self.assertEqual(len(self.planted({"src/spnego/a.hpp": f"#include <{header}>\n"})), 1, header)

    def test_FindsAPlantedClockOrFileCall(self):
        for call in ("std::chrono::system_clock::now()", "fopen(name, mode)", "std::random_device{}()", "std::getenv(name)"):
            self.assertEqual(len(self.planted({"src/policy/a.cpp": f"auto x = {call};\n"})), 1, call)

    def test_FindsAnUnlistedRoomAndAMissingHeader(self):
        self.assertEqual(len(self.planted({"src/cellar/a.cpp": ""})), 1)
        self.assertEqual(len(self.planted({"src/wire/a.cpp": '#include "base/nowhere.hpp"\n'})), 1)
        self.assertEqual(len(self.planted({"src/wire/a.cpp": "#include HEADER\n"})), 1)


if __name__ == "__main__":
    unittest.main()
