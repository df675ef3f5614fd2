#!/usr/bin/python3
"""clang-tidy over the sources below some folders, in parallel, with the compile database of a build.

usage: tidy.py --build DIR [--jobs N] FOLDER...
A source whose text, headers, flags and configuration are what they were when it last passed is not run again: the stamp is a
digest of the preprocessor's list of files, kept in DIR/tidy. Exit status 1 when clang-tidy found something.
"""
import argparse
import concurrent.futures
import hashlib
import json
import pathlib
import shlex
import subprocess
import sys
import time

CLANG_TIDY = "clang-tidy-19"


def stamp_of(entry: dict, configuration: bytes) -> str:
    """A digest of all that clang-tidy would read of our own tree for this source, or "" if the source cannot be preprocessed."""
    arguments = shlex.split(entry["command"])
    output = arguments.index("-o")
    command = [a for i, a in enumerate(arguments) if i not in (output, output + 1) and a != "-c"] + ["-MM"]
    if "ccache" in command[0]:
        command = command[1:]
    listed = subprocess.run(command, cwd=entry["directory"], capture_output=True, text=True)
    if listed.returncode != 0:
        return ""
    digest = hashlib.sha256(configuration + " ".join(command).encode())
    for name in sorted(set(listed.stdout.replace("\\\n", " ").split()[1:])):
        digest.update(pathlib.Path(entry["directory"], name).read_bytes())
    return digest.hexdigest()


def check(entry: dict, build: pathlib.Path, configuration: bytes) -> tuple[str, bool, str]:
    source = pathlib.Path(entry["file"])
    stamp_file = build / "tidy" / hashlib.sha256(str(source).encode()).hexdigest()
    stamp = stamp_of(entry, configuration)
    if stamp and stamp_file.exists() and stamp_file.read_text() == stamp:
        return str(source), True, "unchanged"
    begin = time.monotonic()
    run = subprocess.run([CLANG_TIDY, "-p", str(build), "--quiet", "--warnings-as-errors=*", str(source)], capture_output=True, text=True)
    if run.returncode != 0:
        return str(source), False, run.stdout + "\n".join(line for line in run.stderr.splitlines() if "warnings generated" not in line)
    stamp_file.write_text(stamp)
    return str(source), True, f"{time.monotonic() - begin:.1f} s"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("folders", nargs="+", type=pathlib.Path)
    arguments = parser.parse_args()
    root = pathlib.Path.cwd()
    folders = [(root / folder).resolve() for folder in arguments.folders]
    database = json.loads((arguments.build / "compile_commands.json").read_text())
    entries = [e for e in database if any(folder in pathlib.Path(e["file"]).resolve().parents for folder in folders)]
    if not entries:
        print("tidy: the compile database has no source below", *arguments.folders, file=sys.stderr)
        return 1
    (arguments.build / "tidy").mkdir(exist_ok=True)
    configuration = (root / ".clang-tidy").read_bytes()
    failures = 0
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        futures = [pool.submit(check, e, arguments.build, configuration) for e in entries]
        for number, future in enumerate(concurrent.futures.as_completed(futures), 1):
            source, good, text = future.result()
            name = pathlib.Path(source).relative_to(root) if root in pathlib.Path(source).parents else source
            print(f"[{number}/{len(entries)}] {name}: {text if good else 'FAILED'}", flush=True)
            if not good:
                failures += 1
                print(text, flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
