# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of ``shadownet-node``, without running a node."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

asyncssh = pytest.importorskip("asyncssh", reason="needs the extra node")
pytest.importorskip("libyang", reason="needs the extra node")

import yaml  # noqa: E402

from ansible_collections.shadownet.ipam.node.cli import main  # noqa: E402
from ansible_collections.shadownet.ipam.node.version import version  # noqa: E402

ROOT = os.geteuid() == 0 and Path("/proc/self/uid_map").read_text().split() == ["0", "0", "4294967295"]
ROOM = Path(__file__).resolve().parents[3]


def test_the_version_is_told_without_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    found = re.fullmatch(r"shadownet-node (\S+) \(libyang \d\S+, asyncssh \d\S+\)\n", capsys.readouterr().out)
    assert found is not None
    assert found[1] == yaml.safe_load((ROOM / "galaxy.yml").read_text())["version"]


def test_an_installed_collection_tells_its_own_version(tmp_path: Path) -> None:
    (tmp_path / "MANIFEST.json").write_text(json.dumps({"collection_info": {"version": "7.8.9"}}))
    assert version(tmp_path) == "7.8.9"
    assert version(tmp_path / "nowhere") == version()  # a wheel


class Place:
    """Settings, a key and a folder for the startup file."""

    def __init__(self) -> None:
        # Other users cannot get into pytest's own folders.
        self.folder = Path(tempfile.mkdtemp(prefix="sn-cli-", dir="/run" if os.access("/run", os.W_OK) else None))
        self.folder.chmod(0o755)
        self.state = self.folder / "state"
        self.state.mkdir()
        key = asyncssh.generate_private_key("ssh-ed25519")
        host_key = self.folder / "host_key"
        key.write_private_key(str(host_key))
        host_key.chmod(0o600)
        self.config = self.folder / "config.yml"
        self.settings = {
            "host_keys": ["host_key"],
            "listen": [{"address": "127.0.0.1"}],
            "users": [
                {"name": "ada", "access": "read-only", "authorized_keys": [key.export_public_key().decode().strip()]}
            ],
            "startup": {"file": "state/startup.xml"},
        }

    def check(self) -> int:
        self.config.write_text(yaml.safe_dump(self.settings))
        self.config.chmod(0o644)
        return main(["check", "--config", str(self.config)])


@pytest.fixture
def place() -> Iterator[Place]:
    one = Place()
    yield one
    shutil.rmtree(one.folder)


@pytest.mark.skipif(not ROOT, reason="only root can become another user")
def test_check_looks_whether_the_user_can_write(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.settings["user"] = "nobody"
    assert place.check() == 1
    said = capsys.readouterr().err
    assert said.startswith("shadownet-node: startup.file: nobody cannot write to the folder")
    assert f"chown nobody {place.state}" in said
    shutil.chown(place.state, "nobody")
    assert place.check() == 0
    startup = place.state / "startup.xml"
    startup.write_text("<config/>")
    startup.chmod(0o600)
    assert place.check() == 1
    assert f"nobody cannot read {startup}" in capsys.readouterr().err
    shutil.chown(startup, "nobody")
    place.settings["audit"] = "./audit.log"
    assert place.check() == 1
    assert "audit: nobody cannot make a file in" in capsys.readouterr().err
    place.settings["audit"] = "state/audit.log"
    assert place.check() == 0
    assert sorted(one.name for one in place.state.iterdir()) == ["startup.xml"]


@pytest.mark.skipif(not ROOT, reason="an ordinary user can tell")
def test_check_says_what_it_could_not_see(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert place.check() == 0
    assert "was not looked at, as the settings name no user" in capsys.readouterr().err


@pytest.mark.skipif(not ROOT, reason="only root can become another user")
@pytest.mark.parametrize(("mode", "status"), [(0o755, 0), (0o555, 1)])
def test_an_ordinary_user_looks_as_itself(place: Place, mode: int, status: int) -> None:
    assert place.check() == 0  # and everything is imported
    for path in (place.state, place.folder / "host_key"):
        shutil.chown(path, "nobody")
    place.state.chmod(mode)
    child = os.fork()
    if child == 0:
        os.setresuid(65534, 65534, 65534)
        os._exit(main(["check", "--config", str(place.config)]))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == status
