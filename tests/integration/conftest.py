# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the tests that run whole programs."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.shadownet.ipam.tests.integration.ansible_run import CHECKOUT, Ansible


@pytest.fixture(scope="session")
def collections_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for ``ANSIBLE_COLLECTIONS_PATH`` (or ``PYTHONPATH``) in which the checkout is shadownet.ipam."""
    root = tmp_path_factory.mktemp("collections")
    namespace = root / "ansible_collections" / "shadownet"
    namespace.mkdir(parents=True)
    (namespace / "ipam").symlink_to(CHECKOUT, target_is_directory=True)
    return root


@pytest.fixture
def ansible(tmp_path: Path, collections_path: Path) -> Ansible:
    """Ansible over the checkout, in a temporary folder of this test."""
    return Ansible(tmp_path / "ansible", collections_path)
