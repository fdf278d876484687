# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's network: namespaces as hosts, veth pairs as cables, and what its operators do by hand.

::

    client ---- router ==== fe1 ---- web
                             |  \\--- db
                             \\------ edge

Ansible configures ``fe1`` alone. The provider runs ``router``; a hypervisor plugs service hosts into subnets.
"""

from __future__ import annotations

import ipaddress
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PROBE = Path(__file__).with_name("probe.py")
HOSTS = ("client", "router", "fe1", "web", "db", "edge")
CLIENT = ("203.0.113.10/24", "2001:db8:cafe::10/64")
CLIENT_GATEWAY = ("203.0.113.1/24", "2001:db8:cafe::1/64")
PROTOCOL = "201"
_PATIENCE = 60


class LabError(Exception):
    """A command of the lab failed; with its words."""


def command(*words: str) -> str:
    """Runs a command and gives its output.

    Raises:
        LabError: it ended non-zero.
    """
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=_PATIENCE)
    if done.returncode:
        raise LabError(f"{' '.join(words)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def ip(host: str, words: str) -> str:
    """``ip`` on a host, with the arguments in one text."""
    return command("ip", "-n", host, *words.split())


def ip_json(host: str, words: str) -> list[dict[str, Any]]:
    """What ``ip -json`` says on a host."""
    found: list[dict[str, Any]] = json.loads(command("ip", "-n", host, "-json", *words.split()) or "[]")
    return found


class Lab:
    """The hosts, and the programs that run on them."""

    def __init__(self) -> None:
        self._servers: list[subprocess.Popen[str]] = []

    def build(self) -> None:
        """Hosts, the cable between client and router, and forwarding on router and front-end node."""
        self.add(*HOSTS)
        for host in ("router", "fe1"):
            self.forward(host)
        self.cable("client", "eth0", "router", "clients")
        for near, far in zip(CLIENT, CLIENT_GATEWAY, strict=True):
            self.address("client", "eth0", near)
            self.address("router", "clients", far)
            ip("client", f"route add default via {far.partition('/')[0]}")

    @staticmethod
    def add(*hosts: str) -> None:
        """Makes hosts."""
        for host in hosts:
            command("ip", "netns", "add", host)
            ip(host, "link set lo up")

    @staticmethod
    def forward(host: str) -> None:
        """Lets a host route packets."""
        for switch in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
            command("ip", "netns", "exec", host, "sh", "-c", f"echo 1 > /proc/sys/net/{switch}")

    @staticmethod
    def cable(one: str, one_port: str, other: str, other_port: str) -> None:
        command(*f"ip link add {one_port} netns {one} type veth peer name {other_port} netns {other}".split())
        ip(one, f"link set {one_port} up")
        ip(other, f"link set {other_port} up")

    @staticmethod
    def address(host: str, port: str, address: str) -> None:
        ip(host, f"address add {address} dev {port}{' nodad' if ':' in address else ''}")

    def plug(self, subnet: Mapping[str, Any]) -> None:
        """A hypervisor's part: the service's host gets a port in the subnet, the first address and the gateway."""
        host, name, node = subnet["service"], subnet["name"], subnet["node"]
        self.cable(host, f"{name}0", node, f"to-{name}")
        ip(node, f"link set to-{name} master {subnet['interface']}")
        self.address(host, f"{name}0", f"{subnet['first_host']}/{subnet['prefix_length']}")
        ip(host, f"route add default via {subnet['gateway']}")

    def uplink(self, subnet: Mapping[str, Any], behind: list[str]) -> None:
        """The provider's part: its router gets a port in the subnet, the gateway's address, and routes by the node."""
        name = subnet["name"]
        self.cable("router", f"{name}0", "fe1", f"up-{name}")
        ip("fe1", f"link set up-{name} master {subnet['interface']}")
        self.address("router", f"{name}0", f"{subnet['gateway']}/{subnet['prefix_length']}")
        for prefix in behind:
            if ipaddress.ip_network(prefix).version == ipaddress.ip_address(subnet["ip_address"]).version:
                ip("router", f"route add {prefix} via {subnet['ip_address']}")

    def serve(self, host: str, *ports: int) -> None:
        """Starts servers on a host, and returns when they listen."""
        words = ["ip", "netns", "exec", host, sys.executable, str(PROBE), "serve", *map(str, ports)]
        server = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        self._servers.append(server)
        if server.stdout is None or server.stdout.readline() != "ready\n":
            raise LabError(f"the servers on {host} do not start")

    def probe(self, host: str, *words: str) -> Any:
        """What ``probe.py`` finds when it runs on a host."""
        return json.loads(command("ip", "netns", "exec", host, sys.executable, str(PROBE), *words))

    def close(self) -> None:
        """Ends the servers. The rest goes with the namespaces."""
        for server in self._servers:
            server.kill()
            server.wait()


def marked(host: str) -> list[str]:
    """Everything in a host's kernel that bears the mark of Shadownet, in words."""
    links = [link for link in ip_json(host, "link show") if str(link.get("ifalias", "")).startswith("shadownet:")]
    routes = [
        one for family in ("-4", "-6") for one in ip_json(host, f"{family} route show table all proto {PROTOCOL}")
    ]
    return [f"interface {link['ifname']}" for link in links] + [f"route {route['dst']}" for route in routes]


def inside(host: str, prefixes: list[str]) -> list[str]:
    """The addresses of a host that lie in any of these prefixes."""
    networks = [ipaddress.ip_network(prefix) for prefix in prefixes]
    every = [one["local"] for link in ip_json(host, "address show") for one in link.get("addr_info", [])]
    return [text for text in every if any(ipaddress.ip_address(text) in network for network in networks)]
