#!/usr/bin/env python3
"""postern-watch under captures that are made to exhaust it: it ends well, stays under its memory limit, and counts what it gave up.

    bench/watch/hostile.py [--bin build/bench/bin]      a million half-open flows, 4 GB of overlapping segments, and so on
    bench/watch/hostile.py --short --bin build/dev/bin  the same in seconds, for ./check

The captures come through a pipe and are never stored. With a build under sanitizers, whose memory is not the program's own, give
--sanitized: then what the program counts is held to the limit, not what the kernel sees.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIMIT_KIB = 64 * 1024  # postern-watch's default

# What is sent: full and short, and which counters must say that something was given up.
FLOODS = {
    "half-open": (1_000_000, 150_000, {"connections": None, "evicted_entries": "full"}),
    "undecided": (1_000_000, 60_000, {"connections": None, "evicted_connections": None}),
    "half-logons": (1_000_000, 20_000, {"logons_unfinished": None, "logons_evicted": None}),
    "logons": (100_000, 500, {"logons": None}),
    "fragments": (1_000_000, 20_000, {"fragments_given_up": None}),
    "overlaps": (4_000_000_000, 120_000_000, {"overlaps": None, "gaps": None, "evicted_connections": None}),
}


class Watch:
    def __init__(self, options):
        self.program = os.path.join(options.bin, "postern-watch")
        self.maker = os.path.join(options.bin, "postern-bench-hostile")
        self.sanitized = options.sanitized
        self.failures = []

    def fail(self, text):
        self.failures.append(text)
        print("FAIL " + text)

    def run(self, arguments, stdin):
        """Exit code, peak resident KiB, standard error."""
        with tempfile.TemporaryFile() as err:
            child = subprocess.Popen([self.program, "--json", "--statistics", "--no-progress", *arguments], stdin=stdin,
                                     stdout=subprocess.DEVNULL, stderr=err)
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            err.seek(0)
            return child.returncode, usage.ru_maxrss, err.read().decode(errors="replace")

    def flood(self, arguments, counters=(), more=()):
        """Pipes a made capture in, and returns the statistics."""
        name = " ".join(map(str, arguments))
        maker = subprocess.Popen([self.maker, *map(str, arguments)], stdout=subprocess.PIPE)
        code, peak, err = self.run(["--read", "-", *more], maker.stdout)
        maker.stdout.close()
        if maker.wait() != 0:
            self.fail(f"{name}: not all of it was read")
        if code != 0:
            self.fail(f"{name}: postern-watch ended with {code}: {err[-2000:]}")
            return {}
        statistics = json.loads(err.strip().splitlines()[-1])["statistics"]
        if not self.sanitized and peak >= LIMIT_KIB:
            self.fail(f"{name}: {peak} KiB resident, and the limit is {LIMIT_KIB}")
        if statistics["memory_peak_bytes"] > LIMIT_KIB * 1024:
            self.fail(f"{name}: {statistics['memory_peak_bytes']} bytes counted")
        for counter in counters:
            if statistics[counter] == 0:
                self.fail(f"{name}: nothing counted in {counter}")
        said = ", ".join(f"{counter} {statistics[counter]}" for counter in counters)
        print(f"ok   {name}: {statistics['packets']} packets, {statistics['bytes'] / 1e6:.0f} MB, {statistics['seconds']:.1f} s, "
              f"peak {peak} KiB; {said}", flush=True)
        return statistics

    def truncated(self, capture, cuts):
        """A capture that ends anywhere is read up to there."""
        whole = capture.read_bytes()
        with tempfile.TemporaryDirectory() as folder:
            cut = pathlib.Path(folder, "cut.pcap")
            for i in range(cuts):
                size = len(whole) * i // cuts
                cut.write_bytes(whole[:size])
                code, _, err = self.run(["--read", str(cut)], subprocess.DEVNULL)
                if code != (3 if size < 24 else 0):
                    self.fail(f"{capture.name} cut to {size} bytes: ended with {code}: {err[-500:]}")
        print(f"ok   {capture.name} cut in {cuts} places", flush=True)

    def folders(self, folder):
        """What a fuzzer found, read as captures: whatever it is, the program ends by itself."""
        count = 0
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                count += 1
                code, _, err = self.run(["--read", str(path)], subprocess.DEVNULL)
                if code not in (0, 3):
                    self.fail(f"{path}: ended with {code}: {err[-500:]}")
        print(f"ok   {count} files below {folder.name} read as captures", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default=str(ROOT / "build/bench/bin"), help="where postern-watch and postern-bench-hostile are")
    parser.add_argument("--short", action="store_true", help="seconds instead of minutes")
    parser.add_argument("--sanitized", action="store_true", help="the build's memory is not its own")
    options = parser.parse_args()
    watch = Watch(options)
    for kind, (full, short, counters) in FLOODS.items():
        wanted = [name for name, when in counters.items() if when is None or not options.short]
        watch.flood([kind, short if options.short else full], wanted)
    corpus = ROOT / "fuzz/corpus"
    watch.flood(["corpus", 5 if options.short else 20_000, corpus], ["analysed", "messages"])
    captures = sorted((ROOT / "tests/captures").glob("*.pcap"))
    for capture in captures[:2] if options.short else captures:
        watch.truncated(capture, 10 if options.short else 200)
    watch.folders(corpus / "capture_reader" if options.short else corpus)
    if watch.failures:
        print(f"{len(watch.failures)} failures")
    return 1 if watch.failures else 0


if __name__ == "__main__":
    sys.exit(main())
