# SPDX-License-Identifier: GPL-3.0-or-later
"""The startup file when the disk fails at its last step, and when it is deleted."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from ansible_collections.shadownet.ipam.node.contract import EngineSettings
from ansible_collections.shadownet.ipam.tests.unit.node.engine.client import Lab, interface, interfaces

pytest.importorskip("libyang", reason="needs the extra 'node'")

from ansible_collections.shadownet.ipam.node.engine.startup import StartupFile

ONE, TWO = (interfaces(interface(name)) for name in "ab")


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """While there is a number in it, having a folder on the disk fails with that."""
    numbers: list[int] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        if numbers and stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(numbers[0], os.strerror(numbers[0]))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    return numbers


@pytest.mark.parametrize("old", [b"<config/>", None])
def test_what_did_not_reach_the_disk_is_not_there(tmp_path: Path, failing: list[int], old: bytes | None) -> None:
    file = StartupFile(tmp_path / "startup.xml")
    if old is not None:
        file.path.write_bytes(old)
    failing.append(errno.EIO)
    file.prepare(b"<new/>")
    with pytest.raises(OSError, match="Input/output"):
        file.finish()
    assert (file.path.read_bytes() if file.path.exists() else None) == old
    file.discard()
    assert [one.name for one in tmp_path.iterdir()] == ([] if old is None else ["startup.xml"])
    failing.clear()
    file.prepare(b"<new/>")
    file.finish()
    assert b"<new/>" in file.path.read_bytes()
    assert [one.name for one in tmp_path.iterdir()] == ["startup.xml"]


def test_a_file_system_that_cannot_do_it_is_no_failure(tmp_path: Path, failing: list[int]) -> None:
    """fsync(2): EINVAL where a file system has no synchronization of folders."""
    failing.append(errno.EINVAL)
    file = StartupFile(tmp_path / "startup.xml")
    file.prepare(b"<new/>")
    file.finish()
    assert b"<new/>" in file.path.read_bytes()


async def test_a_commit_that_did_not_reach_the_disk_is_refused(
    lab: Lab, settings: EngineSettings, failing: list[int]
) -> None:
    client = await lab.client()
    await client.edit(ONE)
    await client.ok("<commit/>")
    held, kept = lab.kernel.holds, settings.startup_file.read_bytes()
    await client.edit(TWO)
    failing.append(errno.EIO)
    error = await client.error("<commit/>")
    assert "startup file could not be written" in error["error-message"]
    assert (lab.kernel.holds, settings.startup_file.read_bytes()) == (held, kept)
    failing.clear()
    await client.ok("<commit/>")
    assert b"<name>b</name>" in settings.startup_file.read_bytes()


async def test_a_deleted_startup_is_an_empty_file_and_no_lost_one(
    explicit_lab: Lab, settings: EngineSettings, failing: list[int]
) -> None:
    client = await explicit_lab.client()
    await client.edit(ONE)
    await client.ok("<commit/>")
    await client.ok("<copy-config><target><startup/></target><source><running/></source></copy-config>")
    kept = settings.startup_file.read_bytes()
    failing.append(errno.EIO)
    await client.error("<delete-config><target><startup/></target></delete-config>")
    assert settings.startup_file.read_bytes() == kept
    failing.clear()
    await client.ok("<delete-config><target><startup/></target></delete-config>")
    assert b"<name>" not in settings.startup_file.read_bytes()
    assert settings.startup_file.read_bytes().startswith(b"<config ")
    assert await client.data("<get-config><source><startup/></source></get-config>") is not None
