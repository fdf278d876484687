# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks take addresses back where instances had them, before the ledger forgets that place."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.ledger import Ledger
from ansible_collections.shadownet.ipam.tests.integration.namespaces import Lab

from .test_playbooks import Site, linux

__all__ = ["linux"]
pytestmark = pytest.mark.netns


def has(lab: Lab, host: str, address: str = "10.200.0.1") -> bool:
    return f"inet {address}/32" in lab.run(host, "ip", "address")


def placed(linux: Site, lab: Lab, host: str, name: Any = "web-1", **options: Any) -> dict[str, Any]:
    """An instance that has its address in a network namespace."""
    way = {"assign": "netlink", "netns": lab.names[host], "instance_interface": "eth0", "gateway": "169.254.1.1"}
    return linux.instance(name, **way, **options)


def test_the_former_namespace_loses_the_address(linux: Site, lab: Lab) -> None:
    lab.add("fe2")
    lab.join("fe2", "tap1", "vm2", "eth9")
    linux.hosts["fe2"] = {"ansible_connection": "netns", "netns": lab.names["fe2"]}
    anywhere = {"workload": "web", "instances": 4, "prefix_length": 30, "expires_at": "2099-01-01T00:00:00Z"}
    pools = [{"name": "shadow", "prefixes": ["10.200.0.0/16"], "kind": "shadow", "quarantine": "0s"}]
    linux.run("reserve", shadownet_pools=pools, shadow_reservations=[anywhere]).ok()
    both = [placed(linux, lab, "vm1"), placed(linux, lab, "vm1", "web-2", interface="tap2")]
    linux.run("instance_created", shadownet_instances=both).ok()
    assert has(lab, "vm1")
    assert has(lab, "vm1", "10.200.0.5")

    other = {"shadownet_instances": [placed(linux, lab, "vm2", node="fe2")]}
    check = linux.run("instance_created", "--check", **other).ok()
    assert check.changed > 0
    assert has(lab, "vm1")
    linux.run("instance_created", **other).ok()
    assert not has(lab, "vm1"), "taken back"
    assert has(lab, "vm1", "10.200.0.5"), "another instance's"
    assert has(lab, "vm2")
    assert linux.run("instance_created", **other).ok().changed == 0

    # Its node cannot enter namespaces any more: that is not the same as a namespace that is gone.
    bare = linux.folder / "python"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n')
    bare.chmod(0o755)
    linux.hosts["fe2"]["ansible_python_interpreter"] = str(bare)
    back = {"shadownet_instances": [placed(linux, lab, "vm1")]}
    run = linux.run("instance_created", **back)
    assert run.rc != 0
    assert "web-1 stayed as before, because the address could not be taken back where it was" in run.stdout
    run = linux.run("instance_deleted", **back)
    assert run.rc != 0
    assert "pyroute2, which enters namespaces, is missing on this node" in run.stdout
    assert has(lab, "vm2")
    assert linux.statuses() == {"web-1": "active", "web-2": "active"}

    del linux.hosts["fe2"]["ansible_python_interpreter"]
    subprocess.run(["ip", "netns", "del", lab.names["vm2"]], check=True)
    try:
        linux.run("instance_deleted", shadownet_instances=[{"name": "web-1"}]).ok()
    finally:
        subprocess.run(["ip", "netns", "add", lab.names["vm2"]], check=True)  # for the lab to remove
    assert linux.statuses() == {"web-2": "active"}


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Somebody else writes to the ledger, and takes long."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def test_a_ledger_that_somebody_else_holds(linux: Site, lab: Lab) -> None:
    linux.reserve().ok()
    instances = {"shadownet_instances": [placed(linux, lab, "vm1")]}
    linux.run("instance_created", **instances).ok()
    options = {"instances": [{"name": "web-1"}], "state": "absent", "taken": [], "ledger": str(linux.ledger)}
    overtaken = linux.ansible.play([{"shadownet.ipam.instance": options}]).failed()
    assert "somebody else created or moved web-1 since it was looked up; nothing was changed" in overtaken["msg"]
    assert linux.statuses() == {"web-1": "active"}
    linux.ansible.environment["SHADOWNET_LEDGER_TIMEOUT"] = "1"
    with locked(linux.ledger):
        failed = linux.run("instance_deleted", **instances).failed()
    assert failed.task == "Look up what goes"
    assert has(lab, "vm1"), "nothing is taken before the ledger can be written"

    ended = threading.Event()

    def hold() -> None:
        """From when the address is gone on."""
        until = time.monotonic() + 100
        while has(lab, "vm1") and time.monotonic() < until:
            time.sleep(0.01)
        with locked(linux.ledger):
            ended.wait(100)

    other = threading.Thread(target=hold)
    other.start()
    run = linux.run("instance_deleted", **instances)
    ended.set()
    other.join()
    assert run.rc != 0
    assert "The ledger still has web-1, without the address, which was taken back. Run this again" in run.stdout
    assert linux.statuses() == {"web-1": "active"}
    assert ("10.200.0.0/30", "unicast") in linux.routes()
    linux.run("instance_deleted", **instances).ok()
    assert linux.statuses() == {}
    linux.check_ledger()


def test_an_address_that_cannot_be_given_keeps_no_other_waiting(linux: Site, lab: Lab) -> None:
    linux.reserve().ok()
    bad = {**placed(linux, lab, "vm1"), "netns": "nowhere"}
    instances = {"shadownet_instances": [bad, linux.instance("web-2", interface="tap2")]}
    run = linux.run("instance_created", **instances)
    assert run.rc != 0
    assert "Not every instance got its address: netns: There is no network namespace nowhere." in run.stdout
    assert ("10.200.0.4/30", "unicast") in linux.routes()
    # A namespace that does not exist has no address to take back, so that the mistake can be mended at once.
    linux.run("instance_created", shadownet_instances=[placed(linux, lab, "vm1")]).ok()
    assert has(lab, "vm1")


@pytest.mark.parametrize("name", [101, "cafe\u0301"], ids=["number", "not in normal form"])
def test_a_name_that_the_ledger_writes_otherwise_is_kept_too(linux: Site, lab: Lab, name: Any) -> None:
    linux.reserve().ok()
    instances = {"shadownet_instances": [placed(linux, lab, "vm1", name)]}
    linux.run("instance_created", **instances).ok()
    (known,) = linux.statuses()
    bare = linux.folder / "python"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n')
    bare.chmod(0o755)
    linux.hosts["fe1"]["ansible_python_interpreter"] = str(bare)
    elsewhere = {"shadownet_instances": [placed(linux, lab, "vm2", name)]}
    for playbook, given in (("instance_deleted", instances), ("instance_created", elsewhere)):
        assert f"{known} " in linux.run(playbook, **given).stdout
        assert has(lab, "vm1")
        with Ledger(linux.ledger) as ledger, ledger.snapshot() as transaction:
            (there,) = transaction.instances()
        assert (there.status, there.netns) == ("active", lab.names["vm1"])
    del linux.hosts["fe1"]["ansible_python_interpreter"]
    run = linux.run("instance_deleted", **instances).ok()
    assert run.task("Instances")["msg"] == [f"{known}: gone from fe1, gave back 10.200.0.0/30 to pool shadow"]
    assert not has(lab, "vm1")
