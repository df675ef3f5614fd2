"""Where the tree and the build are, and what belongs to the tree. Shared by the house tests."""
import os
import pathlib
import subprocess

ROOT = pathlib.Path(os.environ.get("POSTERN_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("POSTERN_BINARY_DIR", ROOT / "build/dev"))


def tree_files(root: pathlib.Path) -> list[pathlib.Path]:
    """The files of the tree, relative to its root: what git would commit, or all but build results where there is no git."""
    listed = subprocess.run(["git", "-C", str(root), "ls-files", "-co", "--exclude-standard", "-z"], capture_output=True, text=True)
    if listed.returncode == 0 and (root / ".git").exists():
        names = [name for name in listed.stdout.split("\0") if name]
    else:
        names = [p.relative_to(root).as_posix() for p in root.rglob("*") if not {"build", ".git", ".postern", "node_modules"} & set(p.relative_to(root).parts)]
    return sorted(pathlib.Path(name) for name in names if (root / name).is_file() and not (root / name).is_symlink())


def is_text(path: pathlib.Path) -> bool:
    return b"\0" not in path.read_bytes()[:4096]
