# SPDX-License-Identifier: GPL-3.0-or-later
"""A test that is a coroutine function runs in the event loop that its engine was started in."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ansible_collections.shadownet.ipam.node.contract import Done, EngineSettings

if TYPE_CHECKING:
    from ansible_collections.shadownet.ipam.tests.unit.node.engine.client import Lab, MemoryKernel


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as one:
        yield one


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    runner: asyncio.Runner = pyfuncitem._request.getfixturevalue("runner")
    names = inspect.signature(pyfuncitem.obj).parameters
    runner.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


@pytest.fixture
def kernel() -> MemoryKernel:
    from ansible_collections.shadownet.ipam.tests.unit.node.engine.client import MemoryKernel

    return MemoryKernel()


@pytest.fixture
def done() -> list[Done]:
    return []


@pytest.fixture
def settings(tmp_path: Path, done: list[Done]) -> EngineSettings:
    return EngineSettings(startup_file=tmp_path / "startup.xml", observe=done.append)


def _started(runner: asyncio.Runner, kernel: MemoryKernel, settings: EngineSettings) -> Iterator[Lab]:
    from ansible_collections.shadownet.ipam.tests.unit.node.engine.client import started

    one: Lab = runner.run(started(kernel, settings))
    yield one
    runner.run(one.engine.stop())


@pytest.fixture
def lab(runner: asyncio.Runner, kernel: MemoryKernel, settings: EngineSettings) -> Iterator[Lab]:
    yield from _started(runner, kernel, settings)


@pytest.fixture
def explicit_lab(runner: asyncio.Runner, kernel: MemoryKernel, settings: EngineSettings) -> Iterator[Lab]:
    """With :startup."""
    yield from _started(runner, kernel, replace(settings, startup_mode="explicit"))
