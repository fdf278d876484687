# SPDX-License-Identifier: GPL-3.0-or-later
"""``make demo`` itself: it holds, it notices when something does not, and it leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ansible_collections.shadownet.ipam.tests.integration.ansible_run import CHECKOUT

pytestmark = [pytest.mark.netns, pytest.mark.slow]

HOSTS = {"client", "router", "fe1", "web", "db", "edge"}
COLOUR = "\033["


@dataclass
class Demo:
    """``demo/run`` with a home and a temporary folder of its own."""

    folder: Path
    output: str = ""
    spaces: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        for name in ("home", "tmp"):
            (self.folder / name).mkdir()

    @property
    def logs(self) -> list[Path]:
        """What was kept because the demo failed."""
        return sorted(self.folder.glob("tmp/shadownet-demo-*/ansible.log"))

    def run(self, spoil: str = "", stop: Callable[[int], None] | None = None, at: str = "") -> int:
        """Runs it to the end, or calls ``stop`` with its process id once ``at`` was printed."""
        environment = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        process = subprocess.Popen(
            [CHECKOUT / "demo/run"],
            env=environment
            | {"HOME": str(self.folder / "home"), "TMPDIR": str(self.folder / "tmp"), "DEMO_BREAK": spoil},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert process.stdout is not None
        with process, process.stdout:
            for line in process.stdout:
                self.output += line
                # By now `demo/run` has become `unshare`, whose children live in a PID namespace of their own.
                self.spaces.add(str(Path(f"/proc/{process.pid}/ns/pid_for_children").readlink()))
                if stop is not None and at in line:
                    stop(process.pid)
        return process.returncode

    def left_behind(self) -> list[str]:
        """Processes, namespaces and files that outlived it, kept logs aside."""
        found = [f"process {pid}" for pid in self._processes()]
        found += [f"namespace {path.name}" for path in Path("/run/netns").glob("*") if path.name in HOSTS]
        files = [path for path in self.folder.glob("*/**/*") if path.is_file() and path not in self.logs]
        return found + [f"file {path}" for path in files]

    def _processes(self) -> list[str]:
        found = []
        for entry in Path("/proc").glob("[0-9]*/ns/pid"):
            try:
                if str(entry.readlink()) in self.spaces:
                    found.append(entry.parts[2])
            except OSError:  # it has just ended, or is somebody else's
                continue
        return found


@pytest.fixture
def demo(tmp_path: Path) -> Demo:
    return Demo(tmp_path)


def test_the_demo_holds_and_leaves_nothing_behind(demo: Demo) -> None:
    before = sorted(CHECKOUT.glob("demo/**/*"))
    began = time.monotonic()
    assert demo.run() == 0, demo.output
    took = time.monotonic() - began
    claims = re.findall(r"^ +ok (.*)$", demo.output, re.MULTILINE)
    assert f"{len(claims)} claims checked" in demo.output
    for name in ("edge", "edge-v6", "web", "db", "db-v6"):
        answers = [claim for claim in claims if f"ping client -> {name} " in claim]
        assert "3 of 3 answered" in answers[0], demo.output
        assert "no answer" in answers[-1], demo.output
    for words in ("changed=0 on every host", "all 5 prefixes rest in quarantine", "ledger verified"):
        assert any(words in claim for claim in claims), demo.output
    for words in ("leaked   route 10.99.0.0/24", "missing  address", "changed  interface"):
        assert words in demo.output
    assert COLOUR not in demo.output, "colour where there is no terminal"
    assert demo.left_behind() == []
    assert demo.logs == []
    assert sorted(CHECKOUT.glob("demo/**/*")) == before
    assert took < 120


FE1 = "ip netns exec fe1"


@pytest.mark.parametrize(
    ("spoil", "failure"),
    [
        pytest.param(
            f"request: {FE1} sh -c 'echo 0 > /proc/sys/net/ipv4/ip_forward'",
            "ping client -> web .*: the service host does not answer",
            id="the node does not forward",
        ),
        pytest.param(
            f"request: {FE1} .venv/bin/python demo/probe.py tables delete",
            "port 8080: no answer, dropped at fe1 by the profile: answers",
            id="no access list",
        ),
        pytest.param("request: tc -n fe1 qdisc del dev sn3 root", "not within 50 to 110 %", id="no rate limit"),
        pytest.param(
            "limit: ip -n fe1 address del 10.64.1.1/26 dev sn3", "changed=0 on every host: ", id="not idempotent"
        ),
        pytest.param(
            "drift: ip -n fe1 link del mgmt0", "mgmt0 and its route were left alone: they are gone", id="foreign lost"
        ),
        pytest.param(
            "release: ip -n fe1 route add blackhole 10.64.1.0/26 proto 201",
            "no interface and no route bears our mark: route 10.64.1.0/26",
            id="release leaves a route",
        ),
    ],
)
def test_the_demo_fails_when_something_is_broken(demo: Demo, spoil: str, failure: str) -> None:
    assert demo.run(spoil) == 1, demo.output
    assert re.search(rf"FAILED .*{failure}", demo.output), demo.output
    (log,) = demo.logs
    assert "PLAY RECAP" in log.read_text()
    assert str(log) in demo.output
    assert demo.left_behind() == []


def _group(number: signal.Signals) -> Callable[[int], None]:
    return lambda pid: os.killpg(pid, number)


@pytest.mark.parametrize(
    ("stop", "status"),
    [
        pytest.param(_group(signal.SIGINT), 130, id="Ctrl-C"),
        pytest.param(_group(signal.SIGTERM), 130, id="ended"),
        pytest.param(lambda pid: os.kill(pid, signal.SIGKILL), -signal.SIGKILL, id="killed"),
    ],
)
def test_an_interrupted_demo_leaves_nothing_behind(demo: Demo, stop: Callable[[int], None], status: int) -> None:
    assert demo.run(stop=stop, at="6. ") == status, demo.output
    end = time.monotonic() + 10
    while (left := demo.left_behind()) and time.monotonic() < end:
        time.sleep(0.05)
    assert left == []


def test_a_machine_without_namespaces_is_told_so(tmp_path: Path) -> None:
    inside = 'echo 0 > /proc/sys/user/max_net_namespaces && exec "$1"'
    refused = subprocess.run(
        ["unshare", "-U", "-r", "sh", "-c", inside, "sh", CHECKOUT / "demo/run"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert refused.returncode == 2, refused.stdout + refused.stderr
    assert "needs network namespaces, and this machine refuses them: unshare" in refused.stderr
