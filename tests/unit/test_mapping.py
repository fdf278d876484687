# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests import the checkout, whatever is installed, before and after Ansible put in its own import hooks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.model import errors

CHECKOUT = Path(__file__).resolve().parents[2]

MAP = "import conftest"
HOOKS = "from ansible.plugins.loader import init_plugin_loader, module_loader; init_plugin_loader()"
USE = """
from ansible_collections.shadownet.ipam.plugins.module_utils.model import errors
from ansible.plugins.loader import module_loader
from ansible.utils.collection_loader._collection_finder import _get_collection_metadata
assert _get_collection_metadata("shadownet.ipam")["action_groups"]["ipam"]
assert module_loader.find_plugin("ansible.builtin.ping")
import ansible_collections.ansible.builtin
print(errors.__file__)
"""


def test_this_process_uses_the_checkout() -> None:
    assert Path(errors.__file__).resolve().is_relative_to(CHECKOUT)


@pytest.mark.parametrize("order", [(MAP, HOOKS), (HOOKS, MAP)], ids=["mapped first", "hooks first"])
def test_checkout_beats_an_older_installed_collection(order: tuple[str, str], tmp_path: Path) -> None:
    older = tmp_path / "ansible_collections/shadownet/ipam/plugins/module_utils/model"
    older.mkdir(parents=True)
    for folder in (older, older.parent):
        (folder / "__init__.py").touch()
    (older / "errors.py").write_text("raise SystemExit('the older one')\n")
    environment = os.environ | {
        "PYTHONPATH": f"{tmp_path}:{CHECKOUT / 'tests'}",
        "ANSIBLE_COLLECTIONS_PATH": str(tmp_path),
        "ANSIBLE_HOME": str(tmp_path / ".ansible"),
    }
    shown = subprocess.run(
        [sys.executable, "-c", "\n".join([*order, USE])],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert Path(shown.stdout.strip()) == CHECKOUT / "plugins/module_utils/model/errors.py"
