# SPDX-License-Identifier: GPL-3.0-or-later
"""A test that is a coroutine function runs in the event loop that its engine was started in."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("libyang", reason="needs the extra 'node'")

from ansible_collections.shadownet.ipam.node.contract import Done, EngineSettings
from ansible_collections.shadownet.ipam.tests.unit.node.engine.client import Lab, MemoryKernel, started


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
    return MemoryKernel()


@pytest.fixture
def done() -> list[Done]:
    return []


@pytest.fixture
def settings(tmp_path: Path, done: list[Done]) -> EngineSettings:
    return EngineSettings(startup_file=tmp_path / "startup.xml", observe=done.append)


@pytest.fixture
def lab(runner: asyncio.Runner, kernel: MemoryKernel, settings: EngineSettings) -> Iterator[Lab]:
    one: Lab = runner.run(started(kernel, settings))
    yield one
    runner.run(one.engine.stop())


@pytest.fixture
def explicit_lab(runner: asyncio.Runner, kernel: MemoryKernel, settings: EngineSettings) -> Iterator[Lab]:
    """With :startup."""
    one: Lab = runner.run(started(kernel, replace(settings, startup_mode="explicit")))
    yield one
    runner.run(one.engine.stop())
