# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mirror the working tree to .cache/stage/ansible_collections/multitier/loadbalancer.

ansible-test refuses to run outside .../ansible_collections/NAMESPACE/NAME, and through a symlink. The mirror holds
what git tracks or would track, uncommitted files included. Only files that differ are written: a second run is cheap.
"""

from __future__ import annotations

import fcntl
import filecmp
import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STAGE = ROOT / ".cache/stage/ansible_collections/multitier/loadbalancer"
# with .git, ansible-test lists files by git as in a checkout; tests/output belongs to ansible-test
KEPT = (".git", "tests/output")


def tracked_files() -> set[str]:
    """Names, relative to the root, of the files that are in the tree and that git tracks or would."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    # .collections links a checkout to itself; the stage is already where it should be
    names = {name for name in listing.split("\0") if name and not name.startswith(".collections/")}
    # ansible-test refuses links to directories, by which scenarios name their inventories
    return {name for name in names if os.path.lexists(ROOT / name) and not is_directory_link(ROOT / name)}


def is_directory_link(path: Path) -> bool:
    """Whether a path is a link to a directory."""
    return path.is_symlink() and path.is_dir()


def same(source: Path, target: Path) -> bool:
    """Whether both have the same content and the same mode bits."""
    return source.stat().st_mode == target.stat().st_mode and filecmp.cmp(source, target)


def copy(name: str) -> None:
    """Bring one file of the stage up to date; symlinks stay symlinks."""
    source, target = ROOT / name, STAGE / name
    if source.is_symlink():
        if not (target.is_symlink() and target.readlink() == source.readlink()):
            target.unlink(missing_ok=True)
            target.symlink_to(source.readlink())
        return
    if target.is_symlink() or not target.exists() or not same(source, target):
        partial = target.with_name(f".{target.name}.partial")
        shutil.copy2(source, partial)
        partial.replace(target)  # atomically: another gate may be reading


def prune(wanted: set[str]) -> None:
    """Remove what is no longer in the tree, and the directories left empty."""
    for directory, subdirectories, files in os.walk(STAGE, topdown=False):
        here = Path(directory)
        relative = here.relative_to(STAGE).as_posix()
        if any(relative == kept or relative.startswith(f"{kept}/") for kept in KEPT):
            continue
        for name in files + [sub for sub in subdirectories if (here / sub).is_symlink()]:
            if (here / name).relative_to(STAGE).as_posix() not in wanted:
                (here / name).unlink()
        if here != STAGE and not any(here.iterdir()):
            here.rmdir()


def main() -> None:
    """Mirror the tree; one at a time."""
    STAGE.mkdir(parents=True, exist_ok=True)
    with (ROOT / ".cache/stage.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (STAGE / ".git").is_dir():
            subprocess.run(["git", "init", "--quiet", str(STAGE)], check=True)
        wanted = tracked_files()
        prune(wanted)
        for directory in {(STAGE / name).parent for name in wanted}:
            directory.mkdir(parents=True, exist_ok=True)
        for name in sorted(wanted):
            copy(name)


if __name__ == "__main__":
    main()
