# SPDX-License-Identifier: GPL-3.0-or-later
"""How a task reaches a node with the variables, keywords and command lines that people have today."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from ansible_collections.shadownet.ipam.tests.integration.ansible_run import CHECKOUT, Ansible, Run

from .server import Netconfd
from .ssh_servers import Device, Jump, make_key, public

pytestmark = pytest.mark.netconf

PASSWORD = "s3cret <&> 'Ünd' \"never\" shown"
PEER = CHECKOUT / "build" / "netcommon"


class Site:
    """A device, and Ansible with it as any number of hosts: each reaches it in another way."""

    def __init__(self, ansible: Ansible, device: Device) -> None:
        self.ansible = ansible
        self.device = device
        self.inventory = ansible.folder / "inventory.json"
        self.ssh = ansible.folder / ".ssh"
        self.ssh.mkdir(parents=True)
        (self.ssh / "known_hosts").write_text(device.known_hosts())

    def run(
        self,
        *arguments: str,
        hosts: dict[str, dict[str, Any]] | None = None,
        keywords: dict[str, Any] | None = None,
        play: dict[str, Any] | None = None,
        environment: dict[str, str] | None = None,
        **options: Any,
    ) -> Run:
        """One task that reads each host. A variable that is None is taken away."""
        usual = {"ansible_host": "127.0.0.1", "ansible_port": self.device.port, "ansible_user": "netops"}
        given = {
            name: {key: value for key, value in {**usual, **variables}.items() if value is not None}
            for name, variables in (hosts or {"fe1": {}}).items()
        }
        other = {"ansible_host": "192.0.2.1", "ansible_connection": "ssh"}
        groups = {"nodes": {"hosts": given}, "ungrouped": {"hosts": {"other": other}}}
        self.inventory.write_text(json.dumps({"all": {"children": groups}}))
        what = {"transport": "netconf", "state": "gathered", **options}
        task = {"shadownet.ipam.frontend_config": what, **(keywords or {})}
        words = ("-i", str(self.inventory), *arguments)
        run = self.ansible.play([task], *words, hosts="nodes", play=play, **(environment or {}))
        assert not shown(run)
        return run

    def reads(self, *arguments: str, **options: Any) -> Run:
        """Every host can be read."""
        run = self.run(*arguments, **options).ok()
        assert run.tasks
        assert all(one["gathered"]["interfaces"] == [] for one in run.tasks)
        return run

    def fails(self, *arguments: str, **options: Any) -> str:
        """The error of the only host."""
        return str(self.run(*arguments, **options).failed()["msg"])


def shown(run: Run) -> bool:
    """Whether the password stands anywhere, plain or as JSON."""
    return "s3cret" in run.output + json.dumps([one.result for one in run.tasks])


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return make_key(tmp_path / "key")


@pytest.fixture
def site(ansible: Ansible, candidate_server: Netconfd, tmp_path: Path, key: Path) -> Iterator[Site]:
    with Device(tmp_path / "device", candidate_server, password=PASSWORD, keys=[key]) as device:
        yield Site(ansible, device)


def test_passwords(site: Site, tmp_path: Path) -> None:
    names = ("ansible_password", "ansible_ssh_pass", "ansible_ssh_password")
    hosts: dict[str, dict[str, Any]] = {name: {name: PASSWORD} for name in names}
    hosts["vault"] = {"ansible_password": "{{ vault_password }}", "vault_password": PASSWORD}
    site.reads("-vvvv", hosts=hosts)
    assert site.device.log == [("password", "netops")] * 4
    file = tmp_path / "password"
    file.write_text(PASSWORD + "\n")
    nobody: dict[str, dict[str, Any]] = {"fe1": {"ansible_user": None}}
    site.reads("-vvvv", "--connection-password-file", str(file), "-u", "netops", hosts=nobody)
    site.reads("-vvvv", play={"remote_user": "netops"}, password=PASSWORD, hosts=nobody)
    assert {user for _method, user in site.device.log} == {"netops"}


def test_failures_show_no_password(site: Site) -> None:
    hosts: dict[str, dict[str, Any]] = {
        "wrong": {"ansible_user": "netops"},
        "away": {"ansible_port": 1},
        "odd": {"ansible_port": "none"},
        "evil": {"ansible_host": "-oProxyCommand=true"},
        "unknown": {"ansible_host": "localhost"},
    }
    right, site.device.password = site.device.password, "another"
    run = site.run("-vvvv", hosts=hosts, password=PASSWORD, private_key_passphrase=PASSWORD)
    site.device.password = right
    said = {name: run.task("frontend_config", name)["msg"] for name in hosts}
    assert "does not let netops in" in said["wrong"]
    assert "No NETCONF session" in said["away"]
    assert "port" in said["odd"]
    assert "no name or address" in said["evil"]
    assert "is not known" in said["unknown"]
    assert "Unsupported parameters" in site.fails("-vvvv", password=PASSWORD, no_such_option=1)


def test_keys(site: Site, key: Path, tmp_path: Path) -> None:
    locked = make_key(tmp_path / "locked", "rsa", PASSWORD)
    site.device.keys.append(public(locked))
    file = {"ansible_ssh_private_key_file": str(locked)}
    hosts: dict[str, dict[str, Any]] = {
        "named": {**file, "ansible_private_key_passphrase": PASSWORD},
        "ssh": {**file, "ansible_ssh_private_key_passphrase": PASSWORD},
        "none": file,
        "line": {},
    }
    run = site.run("-vvvv", "--private-key", str(key), hosts=hosts)
    assert "give private_key_passphrase" in run.failed()["node_said"]
    assert {one.host for one in run.tasks if one.status == "ok"} == {"named", "ssh", "line"}
    site.reads("-vvvv", private_key_file=str(locked), private_key_passphrase=PASSWORD)
    assert {method for method, _user in site.device.log} == {"publickey"}


def test_host_key_checking_can_be_switched_off(site: Site) -> None:
    (site.ssh / "known_hosts").write_text("")
    run = site.run(password=PASSWORD, hosts={"off": {"ansible_host_key_checking": False}, "on": {}})
    assert "is not known" in run.failed()["msg"]
    assert run.task("frontend_config", "off")["gathered"]
    off = {"ANSIBLE_HOST_KEY_CHECKING": "False"}
    site.reads(password=PASSWORD, environment=off)
    assert "is not known" in site.fails(password=PASSWORD, environment=off, host_key_checking=True)


def test_other_connections_change_nothing(site: Site) -> None:
    names = ("local", "ssh", "ansible.builtin.paramiko_ssh")
    hosts = {name: {"ansible_connection": name, "ansible_password": PASSWORD} for name in names}
    site.reads(hosts=hosts)
    site.reads(hosts=hosts, keywords={"become": True})


@pytest.mark.skipif(not (PEER / "made").exists(), reason="needs build/netcommon, which bench_netconf_task.py makes")
def test_the_connection_of_netcommon_changes_nothing(site: Site, collections_path: Path) -> None:
    more = {"ansible_network_os": "default", "ansible_password": PASSWORD}
    hosts = {name: {"ansible_connection": name, **more} for name in ("ansible.netcommon.netconf", "netconf")}
    # It binds a socket there, and the folder of a test may be longer than the path of a socket can be.
    with TemporaryDirectory() as sockets:
        environment = {"ANSIBLE_PERSISTENT_CONTROL_PATH_DIR": sockets}
        site.ansible = Ansible(site.ansible.folder, collections_path, bin=PEER / "bin", environment=environment)
        site.reads("-vvvv", hosts=hosts)
        site.reads(hosts=hosts, keywords={"become": True})


def test_templates_and_delegation(site: Site) -> None:
    given = {"ansible_host": "{{ addresses[inventory_hostname] }}", "addresses": {"fe1": "127.0.0.1"}}
    port = {"ansible_port": "{{ 0 + " + str(site.device.port) + " }}"}
    site.reads(
        hosts={"fe1": {**given, **port}}, keywords={"delegate_to": "localhost", "become": True}, password=PASSWORD
    )
    local = {"connection": "local", "remote_user": "netops"}
    site.reads(play=local, password=PASSWORD, hosts={"fe1": {"ansible_user": None}})
    assert "delegate_to: NETCONF is spoken" in site.fails(keywords={"delegate_to": "other"}, password=PASSWORD)


def test_words_for_ssh(site: Site, tmp_path: Path) -> None:
    command = f'-o ProxyCommand="ssh -F {site.ssh}/config -W %h:%p -q bastion"'
    hosts: dict[str, dict[str, Any]] = {
        "jump": {"ansible_ssh_common_args": "-o ProxyJump=bastion"},
        "command": {"ansible_ssh_common_args": command},
        "template": {"ansible_ssh_extra_args": "-J {{ through }}", "through": "bastion"},
    }
    with Jump(tmp_path / "jump") as jump:
        (site.ssh / "config").write_text(jump.block("bastion"))
        site.reads("-vvvv", hosts=hosts, password=PASSWORD)
        assert jump.log.count("Accepted publickey") == 3
        site.reads(password=PASSWORD, ssh_common_args="-J bastion")
        assert jump.log.count("Accepted publickey") == 4
    assert "by way of" in site.fails(password=PASSWORD, ssh_common_args="-J bastion")
