# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine's own apt configuration: where the packages of images come from."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from lab.errors import LabError
from lab.systems import systems

ETC = Path("/etc/apt")
SOURCES_VARIABLE = "MULTITIER_LAB_APT_SOURCES"
RELEASES = {system.release for system in systems().values()}
# What a machine needs to reach its mirror: proxies, certificates, clocks that differ from the mirror's.
_OPTION = re.compile(
    r"Acquire::((http|https)(::.*)?|Check-Valid-Until|Check-Date|Max-FutureTime|Retries|ForceIPv4|ForceIPv6)"
)


def release(os_release: Path = Path("/etc/os-release")) -> str:
    """The codename of the machine's Debian release; LabError where it is not Debian."""
    values: dict[str, str] = dict(re.findall(r'^([A-Z_]+)="?([^"\n]*)"?$', os_release.read_text(), re.MULTILINE))
    if values.get("ID") != "debian" or not values.get("VERSION_CODENAME"):
        raise LabError(
            f"this machine is {values.get('PRETTY_NAME', 'unknown')}, not a Debian release: "
            f"say where the image comes from by {SOURCES_VARIABLE}='deb http://deb.debian.org/debian bookworm main'"
        )
    return values["VERSION_CODENAME"]


def sources(codename: str, etc: Path = ETC) -> list[str]:
    """One-line apt sources of Debian's archive and security archive for that release; LabError if there is none."""
    files = [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*"))]
    lines: list[str] = []
    for path in files:
        if path.is_file() and path.suffix in {".list", ".sources"}:
            text = path.read_text()
            lines += _deb822(text) if path.suffix == ".sources" else _one_line(text)
    suites = re.compile(rf"{re.escape(codename)}(-security|-updates)?/?(updates)?")
    kept = [line for line in dict.fromkeys(lines) if _is_debian(line, suites)]
    if not any(_suite(line) == codename for line in kept):
        raise LabError(
            f"no apt source for Debian {codename} in {etc}/sources.list or sources.list.d; "
            f"set {SOURCES_VARIABLE} to one or more lines such as 'deb http://deb.debian.org/debian {codename} main'"
        )
    return kept


def configured_sources(wanted: str | None = None) -> list[str]:
    """The sources of a release (the machine's own unless given), from the environment variable or the machine's.

    Where they are of another release, they are those of the same mirrors with the suites replaced.
    """
    given = [line.strip() for line in os.environ.get(SOURCES_VARIABLE, "").splitlines() if line.strip()]
    lines = given or sources(release())
    own = codename(lines)
    if wanted is None or wanted == own:
        return [line for line in lines if not _of_other_release(line, own)]
    return [line for line in lines if _base(line) == wanted] or [
        re.sub(rf"(?<=\s){re.escape(own)}(?=[\s/-])", wanted, line, count=1) for line in lines if _base(line) == own
    ]


def _base(line: str) -> str:
    """The release that a source is of: trixie for trixie-security and trixie/updates."""
    return re.split("[-/]", _suite(line) or "")[0]


def _of_other_release(line: str, own: str) -> bool:
    return _base(line) != own and _base(line) in RELEASES


def codename(lines: list[str]) -> str:
    """The release that these sources are of: the suite of the first one."""
    suite = _suite(lines[0])
    if suite is None:
        raise LabError(f"not an apt source: {lines[0]!r}; expected 'deb [options] URI SUITE COMPONENT...'")
    return suite


def options() -> list[str]:
    """The machine's apt options for reaching its mirror, in apt.conf syntax."""
    return [line for line in _dump().splitlines() if _OPTION.match(line)]


def _dump() -> str:
    return subprocess.run(["apt-config", "dump", "--no-empty"], capture_output=True, text=True, check=False).stdout


def _one_line(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines() if line.startswith("deb ")]


def _deb822(text: str) -> list[str]:
    lines = []
    for stanza in re.split(r"\n\s*\n", text):
        fields: dict[str, str] = {}
        key = ""
        for line in stanza.splitlines():
            if line.startswith("#"):
                continue
            if line[:1].isspace():
                fields[key] += "\n" + line.strip()
            elif ":" in line:
                key, dummy, value = line.partition(":")
                key = key.strip().lower()
                fields[key] = value.strip()
        if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes").lower() == "no":
            continue
        signed_by = fields.get("signed-by", "")
        option = f"[signed-by={signed_by}] " if signed_by.startswith("/") and "\n" not in signed_by else ""
        lines += [
            f"deb {option}{uri} {suite} {' '.join(fields.get('components', '').split())}".strip()
            for uri in fields.get("uris", "").split()
            for suite in fields.get("suites", "").split()
        ]
    return lines


def _suite(line: str) -> str | None:
    words = re.sub(r"\[.*?\]", "", line).split()
    return words[2] if len(words) > 2 else None


def _is_debian(line: str, suites: re.Pattern[str]) -> bool:
    """Whether it is one of Debian's own archives (by the path, since mirrors have any name) of the release."""
    words = re.sub(r"\[.*?\]", "", line).split()
    return (
        len(words) > 3
        and re.search(r"/debian(-security)?(/|$)|security\.debian\.org", words[1]) is not None
        and suites.fullmatch(words[2]) is not None
        and "main" in words[3:]
    )
