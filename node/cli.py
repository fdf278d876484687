# SPDX-License-Identifier: GPL-3.0-or-later
"""The command ``shadownet-node``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ..plugins.module_utils.model.errors import ShadownetError
from .host_keys import read_host_keys
from .preflight import check_writable
from .privileges import PrivilegeError
from .sample import SAMPLE
from .say import answer, say
from .settings import load_settings
from .supervise import check_folder, owner_of, run
from .unit import USER, unit
from .version import ShowVersion

_CONFIG = Path("/etc/shadownet-node/config.yml")
_EXAMPLES = """\
examples:
  shadownet-node sample-config > /etc/shadownet-node/config.yml
  shadownet-node check --config /etc/shadownet-node/config.yml
  shadownet-node systemd-unit > /etc/systemd/system/shadownet-node.service
  shadownet-node run --config /etc/shadownet-node/config.yml

signals of a running node:
  SIGTERM  ends the sessions, takes back a pending confirmed commit, and stops
  SIGHUP   reads users and keys again, and opens the audit log's file again

The exit status is 0 for success, 1 for an error (said on standard error), 2 for a wrong command line."""


_ADOPT = """\
adopt: show as startup configuration what Shadownet has configured on this host.

For a host that shadownet.ipam.frontend_config has configured by netlink, or whose startup file was lost. Changes
nothing in the kernel. What the IETF models cannot say (rate limits, ports of bridges, metrics, other types of
interfaces) is named on standard error; the agent would remove it.

  shadownet-node adopt --config /etc/shadownet-node/config.yml           # look at it
  shadownet-node adopt --config /etc/shadownet-node/config.yml --write
  shadownet-node run --config /etc/shadownet-node/config.yml --takeover  # once; then the service as ever"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; gives its exit status."""
    parser = argparse.ArgumentParser(
        prog="shadownet-node",
        description="A NETCONF server for Linux: its commit is the configuration of the kernel it runs on.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=ShowVersion)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in (("run", "serve until SIGTERM"), ("check", "check the settings and keys, change nothing")):
        made = commands.add_parser(name, help=text, description=f"{name}: {text}")
        made.add_argument("--config", type=Path, required=True, metavar="FILE", help="the settings file (YAML)")
        if name == "run":
            made.add_argument(
                "--takeover",
                action="store_true",
                help="replace what shadownet.ipam.frontend_config, or an agent whose startup file is gone, has "
                "configured on this host",
            )
    text = "show as startup configuration what Shadownet has configured on this host"
    made = commands.add_parser(
        "adopt", help=text, description=_ADOPT, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--config", type=Path, required=True, metavar="FILE", help="the settings file (YAML)")
    made.add_argument(
        "--write", action="store_true", help="write it to the startup file, if that is not there or empty"
    )
    made.add_argument(
        "--accept-loss", action="store_true", help="write it even where not all of it can be said in YANG"
    )
    commands.add_parser("sample-config", help="print a settings file to start with")
    made = commands.add_parser("systemd-unit", help="print a systemd unit that runs this program")
    made.add_argument("--config", type=Path, default=_CONFIG, metavar="FILE", help="the settings file (%(default)s)")
    made.add_argument("--user", default=USER, help="the system user to run as (%(default)s)")
    given = parser.parse_args(arguments)
    try:
        if given.command == "sample-config":
            answer(SAMPLE)
            return 0
        if given.command == "systemd-unit":
            answer(unit(Path(sys.argv[0]).absolute(), given.config.absolute(), given.user))
            return 0
        if given.command == "adopt":
            return _adopt(given.config, write=given.write, accept_loss=given.accept_loss)
        if given.command == "check":
            return _check(given.config)
        return run(given.config, takeover=given.takeover)
    except (ShadownetError, PrivilegeError) as error:
        say(str(error))
    except ModuleNotFoundError as error:
        say(f"{error}. Install what the node needs: pip install 'shadownet-ipam[node]'")
    return 1


def _adopt(config: Path, *, write: bool, accept_loss: bool) -> int:
    from .adoption import adopt  # noqa: PLC0415  # needs the extra; the other commands can say so

    settings = load_settings(config)
    return adopt(settings, owner_of(settings.user), write=write, accept_loss=accept_loss)


def _check(config: Path) -> int:
    from .keys import accounts, server_keys  # noqa: PLC0415  # needs the extra; the other commands can say so

    settings = load_settings(config)
    owner = owner_of(settings.user)
    server_keys(read_host_keys(settings.host_keys, owner.uid if owner else None))
    users = accounts(settings.users)
    check_folder(settings)
    check_writable(settings, owner)
    words = ", ".join(
        f"{user.name} ({user.access}, {len(user.keys)} key{'s'[: len(user.keys) > 1]})" for user in users.values()
    )
    answer(f"{config} is good. Users: {words}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
