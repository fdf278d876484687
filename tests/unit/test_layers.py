# SPDX-License-Identifier: GPL-3.0-or-later
"""Imports run one way, so that a room can be read, tested and shipped to a node without the rooms above it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
PLUGINS = CHECKOUT / "plugins"
PACKAGE = "ansible_collections.shadownet.ipam.plugins"
LONGEST = 500
SOCKETS = {"socket", "socketserver", "ssl", "asyncio", "http", "urllib", "ftplib", "smtplib", "telnetlib"}

# Room of module_utils -> the other rooms and the packages beyond the standard library that it may import.
ROOMS: dict[str, tuple[set[str], set[str]]] = {
    "model": (set(), set()),
    "ledger": ({"model"}, {"netaddr", "psycopg", "psycopg_pool"}),
    "ipam": ({"model", "ledger"}, {"netaddr"}),
    "frontend": ({"model"}, {"pyroute2", "nftables", "ncclient", "paramiko", "lxml", "jinja2", "yaml"}),
    "discovery": ({"model"}, {"dns", "etcd3gw"}),
    "dhcp": ({"model"}, set()),
    "saga": ({"model", "ledger", "ipam", "frontend", "discovery", "dhcp"}, set()),
}
# The ledger may: a database can be at the other end of a socket, and inet_pton lives there.
NO_NETWORK = {"model", "ipam"}


def imported(source: str, module: str, is_package: bool = False) -> Iterator[str]:
    """Full names of what the source of `module` imports, relative imports resolved; `from a import b` gives a.b."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                up = module.split(".")[: (1 - node.level if is_package else -node.level) or None]
                base = ".".join([*up, base]).rstrip(".")
            yield from (f"{base}.{alias.name}" for alias in node.names)


def module_name(path: Path) -> str:
    parts = path.relative_to(PLUGINS).with_suffix("").parts
    return ".".join([PACKAGE, *(parts[:-1] if parts[-1] == "__init__" else parts)])


def breaches(source: str, module: str, is_package: bool = False) -> list[str]:
    """What the source imports and may not; empty for a file that keeps to its room."""
    inside = module.removeprefix(f"{PACKAGE}.").split(".")
    room = inside[1] if inside[0] == "module_utils" and len(inside) > 1 else None
    found = []
    for name in imported(source, module, is_package):
        if name.startswith(PACKAGE):
            target = name.removeprefix(f"{PACKAGE}.").split(".")
            if target[0] == "module_utils":
                allowed = room is None or room not in ROOMS or target[1:2] == [room] or target[1] in ROOMS[room][0]
            else:
                # Plugins stand side by side: what two of them need belongs into a room or a shared file. Only an
                # action plugin reads its own module's argument spec.
                own = inside[0] == "action" and target[:2] == ["modules", inside[1]]
                allowed = inside[0] != "module_utils" and (own or target[0] in ("doc_fragments", "plugin_utils"))
        else:
            top = name.split(".")[0]
            standard = top in sys.stdlib_module_names or top == "__future__"
            allowed = room is None or room not in ROOMS or standard or top in ROOMS[room][1]
            allowed = allowed and not (room in NO_NETWORK and top in SOCKETS)
        if not allowed:
            found.append(name)
    return found


SOURCES = sorted(PLUGINS.rglob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PLUGINS)))
def test_file_imports_only_what_its_room_may(path: Path) -> None:
    assert breaches(path.read_text(), module_name(path), path.name == "__init__.py") == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PLUGINS)))
def test_file_fits_in_one_sitting(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST


COMMANDS = sorted([*(CHECKOUT / "forecaster").rglob("*.py"), *(CHECKOUT / "node").rglob("*.py")])
COLLECTION = "ansible_collections.shadownet.ipam"
NUMBERS = {"numpy", "scipy", "pandas", "statsmodels", "matplotlib", "torch", "jsonschema"}
# Of the collection beside itself, the forecaster may import these: it decides what to reserve, and pushes nothing.
FORECASTER_MAY = tuple(f"{COLLECTION}.plugins.module_utils.{room}" for room in ("model", "ledger", "ipam"))
TORCH_MAY = "forecaster/models/lstm.py"


def forecaster_breaches(source: str, module: str, is_package: bool = False) -> list[str]:
    """What a file of the forecaster imports and may not, `module` being its full name."""
    found = []
    for name in imported(source, module, is_package):
        top = name.split(".")[0]
        if top == "ansible_collections":
            own = name.startswith(f"{COLLECTION}.forecaster")
            if not own and not any(name == one or name.startswith(f"{one}.") for one in FORECASTER_MAY):
                found.append(name)
        elif top == "torch":
            if module != f"{COLLECTION}.{TORCH_MAY.removesuffix('.py').replace('/', '.')}":
                found.append(name)
        elif top != "yaml" and top not in NUMBERS and top not in sys.stdlib_module_names:
            found.append(name)
    return found


def command_module(path: Path) -> str:
    parts = path.relative_to(CHECKOUT).with_suffix("").parts
    return ".".join([COLLECTION, *(parts[:-1] if parts[-1] == "__init__" else parts)])


FORECASTER = sorted((CHECKOUT / "forecaster").rglob("*.py"))


@pytest.mark.parametrize("path", FORECASTER, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_the_forecaster_imports_only_what_it_may(path: Path) -> None:
    assert forecaster_breaches(path.read_text(), command_module(path), path.name == "__init__.py") == []


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_a_command_s_file_fits_in_one_sitting(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST


def test_nothing_imports_the_forecaster_and_plugins_need_no_numbers() -> None:
    others = [*SOURCES, *sorted((CHECKOUT / "node").rglob("*.py")), *sorted((CHECKOUT / "manager").rglob("*.py"))]
    for path in others:
        names = set(imported(path.read_text(), command_module(path), path.name == "__init__.py"))
        assert [one for one in names if one.startswith(f"{COLLECTION}.forecaster")] == [], path
        assert {one.split(".")[0] for one in names} & NUMBERS == set() or "plugins" not in path.parts, path


@pytest.mark.parametrize(
    ("module", "source", "culprit"),
    [
        ("models.lstm_forecast", "import torch", "torch"),
        ("shared", "def late():\n    from torch import nn", "torch.nn"),
        ("demand", "from ..plugins.module_utils.saga.push import push", "saga.push"),
        ("cli", "from ..plugins.modules.pool import ARGUMENTS", "plugins.modules.pool"),
        ("cli", "from ..node.cli import main", "node.cli"),
        ("inputs.logs", "import requests", "requests"),
        ("plan", "from ansible.module_utils.basic import AnsibleModule", "ansible"),
    ],
)
def test_the_check_of_the_forecaster_finds_a_breach(module: str, source: str, culprit: str) -> None:
    (found,) = forecaster_breaches(source, f"{COLLECTION}.forecaster.{module}")
    assert culprit in found


def test_the_check_of_the_forecaster_lets_the_good_ones_pass() -> None:
    source = "import numpy\nfrom ..plugins.module_utils.ipam.pools import x\nfrom .series import Series"
    assert forecaster_breaches(source, f"{COLLECTION}.forecaster.plan") == []
    assert forecaster_breaches("import torch", f"{COLLECTION}.forecaster.models.lstm") == []


def test_every_room_is_known() -> None:
    folders = {path.name for path in (PLUGINS / "module_utils").iterdir() if (path / "__init__.py").exists()}
    assert folders <= set(ROOMS), "a new room needs its line in ROOMS"


@pytest.mark.parametrize(
    ("room", "source", "culprit"),
    [
        ("model", "import netaddr", "netaddr"),
        ("ledger", "from ..ipam import pools", "module_utils.ipam.pools"),
        ("ipam", "import socket", "socket"),
        ("ipam", "from ansible.module_utils.basic import AnsibleModule", "ansible"),
        ("ipam", "from ..frontend.netlink import apply", "module_utils.frontend.netlink"),
        ("frontend", "from ..ledger.sqlite import Ledger", "module_utils.ledger.sqlite"),
        ("frontend", "def late():\n    import netaddr", "netaddr"),
        ("frontend", "from .. import ipam", "module_utils.ipam"),
    ],
)
def test_the_check_itself_finds_a_breach(room: str, source: str, culprit: str) -> None:
    (found,) = breaches(source, f"{PACKAGE}.module_utils.{room}.example")
    assert culprit in found


def test_an_action_plugin_reads_its_own_modules_argument_spec_and_no_others() -> None:
    assert breaches("from ..modules.pool import ARGUMENTS", f"{PACKAGE}.action.pool") == []
    assert breaches("from ..modules.pool import ARGUMENTS", f"{PACKAGE}.action.subnet") != []
    assert breaches("from ..modules.pool import ARGUMENTS", f"{PACKAGE}.modules.subnet") != []


def test_the_check_itself_lets_the_good_ones_pass() -> None:
    source = "from ..model.errors import Conflict\nfrom .schema import TABLES\nimport sqlite3\nimport netaddr"
    assert breaches(source, f"{PACKAGE}.module_utils.ledger.sqlite") == []
    assert breaches("from .errors import X", f"{PACKAGE}.module_utils.model", is_package=True) == []
