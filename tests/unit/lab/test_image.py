# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When an image is built again, where its packages come from, and what a failed build leaves."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from lab import apt, image
from lab.errors import LabError
from lab.systems import systems

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = "deb http://deb.example.com/debian bookworm main"


@pytest.fixture
def inputs(tmp_path: Path) -> image.Inputs:
    rootfs = tmp_path / "rootfs"
    (rootfs / "etc").mkdir(parents=True)
    (rootfs / "etc" / "file").write_text("one")
    return image.Inputs(("frr", "haproxy", "curl"), ("frr", "haproxy"), (SOURCE,), "6.1.176", "6.1um4", rootfs)


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    (tmp_path / "apt" / "sources.list.d").mkdir(parents=True)
    return tmp_path / "apt"


def test_the_hash_is_the_same_for_the_same_inputs(inputs: image.Inputs) -> None:
    assert inputs.hash() == dataclasses.replace(inputs).hash()


@pytest.mark.parametrize(
    "change",
    [
        {"packages": ("frr",)},
        {"role_packages": ("frr",)},
        {"sources": (SOURCE, "deb http://deb.example.com/debian-security bookworm-security main")},
        {"kernel": "6.1.200"},
        {"kernel_package": "6.1um5"},
    ],
)
def test_the_hash_changes_with_every_input(inputs: image.Inputs, change: dict[str, object]) -> None:
    assert dataclasses.replace(inputs, **change).hash() != inputs.hash()  # type: ignore[arg-type]


def test_the_hash_changes_with_our_own_files_in_the_image(inputs: image.Inputs) -> None:
    before = inputs.hash()
    path = inputs.rootfs / "etc" / "file"
    path.write_text("two")
    changed = inputs.hash()
    path.chmod(0o755)
    assert len({before, changed, inputs.hash()}) == 3


def test_an_image_that_is_there_is_used(inputs: image.Inputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MULTITIER_LAB_HOME", str(tmp_path / "home"))
    path = image.path_of(inputs)
    path.parent.mkdir(parents=True)
    path.touch()
    said: list[str] = []
    assert image.ensure(inputs, said.append) == path
    assert said == []


def test_a_failed_build_leaves_no_half_image_and_shows_the_end_of_its_log(
    inputs: image.Inputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MULTITIER_LAB_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(image, "MODULES", tmp_path)
    failing = ["sh", "-c", "echo 'E: no such package'; exit 3"]
    monkeypatch.setattr(image, "_mmdebstrap", lambda _: failing)
    with pytest.raises(LabError, match=r"(?s)exit code 3.*E: no such package.*the log is"):
        image.ensure(inputs, lambda _: None)
    assert not image.path_of(inputs).exists()
    assert [path.name for path in (tmp_path / "home" / "images").iterdir() if path.is_dir()] == []


def test_images_of_labs_are_kept_when_unused_ones_go(
    inputs: image.Inputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MULTITIER_LAB_HOME", str(tmp_path))
    paths = [tmp_path / "images" / name / "image.ext4" for name in ("used", "current", "old")]
    for path in paths:
        path.parent.mkdir(parents=True)
        path.touch()
    assert image.remove_unused(set(paths[:2])) == ["old"]
    assert [path.exists() for path in paths] == [True, True, False]


def test_deb822_sources_are_read_with_their_key(etc: Path) -> None:
    (etc / "sources.list.d" / "debian.sources").write_text(
        "Types: deb deb-src\n# a comment\nURIs: http://deb.example.com/debian\nSuites: bookworm bookworm-updates\n"
        "Components: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\n"
        "Types: deb\nURIs: http://deb.example.com/debian-security\nSuites: bookworm-security\nComponents: main\n"
    )
    key = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
    assert apt.sources("bookworm", etc) == [
        f"deb {key} http://deb.example.com/debian bookworm main",
        f"deb {key} http://deb.example.com/debian bookworm-updates main",
        "deb http://deb.example.com/debian-security bookworm-security main",
    ]


def test_only_debians_own_archives_of_the_release_are_taken(etc: Path) -> None:
    (etc / "sources.list").write_text(
        "deb http://mirror.example.org/pub/debian bookworm main contrib\n"
        "deb-src http://mirror.example.org/pub/debian bookworm main\n"
        "# deb http://mirror.example.org/debian bookworm main\n"
        "deb http://mirror.example.org/debian trixie main\n"
        "deb http://mirror.example.org/debian bookworm-backports main\n"
        "deb [arch=amd64] https://packages.example.com/apt stable main\n"
        "deb http://security.debian.org/ bookworm-security main\n"
    )
    assert apt.sources("bookworm", etc) == [
        "deb http://mirror.example.org/pub/debian bookworm main contrib",
        "deb http://security.debian.org/ bookworm-security main",
    ]


def test_disabled_sources_are_left_out_and_none_at_all_is_an_error(etc: Path) -> None:
    (etc / "sources.list.d" / "debian.sources").write_text(
        "Types: deb\nEnabled: no\nURIs: http://deb.example.com/debian\nSuites: bookworm\nComponents: main\n"
    )
    (etc / "sources.list.d" / "debian.list.disabled").write_text(SOURCE)
    with pytest.raises(LabError, match="MULTITIER_LAB_APT_SOURCES"):
        apt.sources("bookworm", etc)


def test_the_environment_overrides_the_machines_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(apt.SOURCES_VARIABLE, f"{SOURCE}\n\n deb http://deb.example.com/debian bookworm-updates main ")
    assert apt.configured_sources() == [SOURCE, "deb http://deb.example.com/debian bookworm-updates main"]
    assert apt.codename(apt.configured_sources()) == "bookworm"


def test_sources_of_another_release_are_those_of_the_same_mirrors(monkeypatch: pytest.MonkeyPatch) -> None:
    key = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
    own = (
        f"deb {key} http://bookworm.example.com/debian bookworm main\n"
        "deb http://deb.example.com/debian bookworm-updates main contrib\n"
        "deb http://deb.example.com/debian-security bookworm-security main\n"
    )
    monkeypatch.setenv(apt.SOURCES_VARIABLE, own)
    assert apt.configured_sources("bookworm") == own.splitlines()
    assert apt.configured_sources("trixie") == [
        f"deb {key} http://bookworm.example.com/debian trixie main",
        "deb http://deb.example.com/debian trixie-updates main contrib",
        "deb http://deb.example.com/debian-security trixie-security main",
    ]


def test_sources_of_another_release_that_are_given_are_used_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    trixie, internal = "deb http://other.example.com/debian trixie main", "deb http://deb.example.com/us stable main"
    monkeypatch.setenv(apt.SOURCES_VARIABLE, f"{SOURCE}\n{trixie}\n{internal}")
    assert apt.configured_sources("trixie") == [trixie]
    assert apt.configured_sources() == [SOURCE, internal]


def test_every_kind_of_host_has_an_image_and_those_of_one_release_share_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(apt.SOURCES_VARIABLE, SOURCE)
    names = {name: image.current_inputs(name).hash() for name in systems()}
    assert names["debian"] == names["debian-12"] == names["cumulus"] != names["debian-13"]


def test_a_machine_that_is_not_debian_is_told_what_to_set(tmp_path: Path) -> None:
    path = tmp_path / "os-release"
    path.write_text('PRETTY_NAME="Other 9"\nID=other\n')
    with pytest.raises(LabError, match="this machine is Other 9, not a Debian release"):
        apt.release(path)


def test_options_for_reaching_the_mirror_are_taken_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    dump = (
        'Acquire::http::Proxy "http://proxy:3142";\nAcquire::https::CaInfo "/etc/ssl/ca.pem";\n'
        'Acquire::Check-Valid-Until "false";\nAPT::Install-Recommends "1";\nDir::Cache::pkgcache "";\n'
    )
    monkeypatch.setattr(apt, "_dump", lambda: dump)
    assert apt.options() == [
        'Acquire::http::Proxy "http://proxy:3142";',
        'Acquire::https::CaInfo "/etc/ssl/ca.pem";',
        'Acquire::Check-Valid-Until "false";',
    ]
