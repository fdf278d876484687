# SPDX-License-Identifier: GPL-3.0-or-later
"""Maps the checkout as ``ansible_collections.shadownet.ipam``, and skips what this machine cannot run."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from pathlib import Path
from types import ModuleType

import pytest
import yaml

CHECKOUT = Path(__file__).resolve().parent.parent
COLLECTION = "ansible_collections.shadownet.ipam"


def _namespace(name: str, paths: list[str]) -> ModuleType:
    """A package without ``__init__.py`` at `paths`, under its parent; one that is there already gets the paths too."""
    module = sys.modules.get(name)
    if module is None:
        spec = ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = []
        module = sys.modules[name] = module_from_spec(spec)
    module.__path__ = [*paths, *(path for path in module.__path__ if path not in paths)]
    if "." in name:
        parent, child = name.rsplit(".", 1)
        setattr(sys.modules[parent], child, module)
    return module


def _map_checkout() -> None:
    """Make the checkout the collection, whatever is installed and whether Ansible's own finder is there or comes later.

    Ansible's finder leaves packages alone that ``sys.modules`` has, and looks for the rest in their ``__path__``;
    it only wants to find the routing table that it would have put there itself.
    """
    installed = [Path(entry or ".").resolve() / "ansible_collections" for entry in sys.path]
    roots = [str(path) for path in installed if path.is_dir()]
    for name in [name for name in sys.modules if name == COLLECTION or name.startswith(f"{COLLECTION}.")]:
        del sys.modules[name]
    _namespace("ansible_collections", roots)
    _namespace("ansible_collections.shadownet", [f"{root}/shadownet" for root in roots])
    package = _namespace(COLLECTION, [str(CHECKOUT)])
    # Ansible finds playbooks and role files beside this file, which need not exist.
    package.__file__ = str(CHECKOUT / "__synthetic__")
    package._collection_meta = yaml.safe_load((CHECKOUT / "meta/runtime.yml").read_text())  # type: ignore[attr-defined]


_map_checkout()


@cache
def _why_no_netns() -> str | None:
    """Why this process may not make network namespaces, or None."""
    if os.geteuid() != 0:
        return "needs root in a network namespace: run `make test`, which enters one without root"
    try:
        # A throwaway mount and network namespace proves the right without leaving anything behind.
        probe = ["unshare", "-nm", "ip", "link", "add", "type", "veth"]
        answer = subprocess.run(probe, capture_output=True, text=True, check=False)
    except OSError as error:
        return f"needs the programs unshare and ip: {error}"
    return None if answer.returncode == 0 else f"needs network namespaces: {answer.stderr.strip()}"


@cache
def _why_no_nft() -> str | None:
    path = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"
    return None if shutil.which("nft", path=path) else "needs the program nft (Debian package nftables)"


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker, why_not in (("netns", _why_no_netns), ("nft", _why_no_nft)):
        if item.get_closest_marker(marker) and (reason := why_not()):
            pytest.skip(reason)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Under xdist a test marked ``serial`` waits until no other test runs, and the others wait for it.

    First of all wrappers, so that the wait does not count towards the test's time-out.
    """
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return (yield)
    # Any file that every worker can open serves as the lock; this one is never left behind.
    with Path(__file__).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if item.get_closest_marker("serial") else fcntl.LOCK_SH)
        return (yield)
