# SPDX-License-Identifier: GPL-3.0-or-later
"""NETCONF clients that the server was not written with, each used the way its own users do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import suppress
from typing import Any

from lxml import etree

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.address import Address
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.errors import Lost, Refused
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.session import Session
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.trees import parse

from .front_node import BASE, FrontNode

Errors = list[str]


class Client(ABC):
    """One session. What the server refuses is raised as ``Rejected``."""

    notifications = True

    def __init__(self, node: FrontNode, user: str = "ada") -> None:
        self.node = node
        self.user = user
        self.open()

    @abstractmethod
    def open(self) -> None:
        """Connects."""

    @abstractmethod
    def close(self) -> None:
        """Ends the session as the client does it."""

    @property
    @abstractmethod
    def session_id(self) -> str:
        """The server's number for it."""

    @abstractmethod
    def get_config(self, source: str, subtree: str) -> etree._Element: ...

    @abstractmethod
    def get(self, subtree: str) -> etree._Element: ...

    @abstractmethod
    def edit(self, target: str, config: str) -> None: ...

    @abstractmethod
    def commit(self, **options: Any) -> None:
        """confirmed, timeout, persist, persist_id."""

    @abstractmethod
    def cancel_commit(self, persist_id: str | None = None) -> None: ...

    @abstractmethod
    def discard(self) -> None: ...

    @abstractmethod
    def validate(self, source: str) -> None: ...

    @abstractmethod
    def lock(self, target: str) -> None: ...

    @abstractmethod
    def unlock(self, target: str) -> None: ...

    @abstractmethod
    def kill(self, session_id: str) -> None: ...

    def subscribe(self) -> None:
        """Only where the library has notifications."""
        raise AssertionError("this library has no notifications: no test may ask it for one")

    def notification(self, seconds: float) -> etree._Element | None:
        """The next one, None when none comes in time. Only where the library has notifications."""
        raise AssertionError("this library has no notifications: no test may ask it for one")


class Rejected(Exception):
    """The server's error tags."""

    def __init__(self, tags: Errors) -> None:
        super().__init__(", ".join(tags))
        self.tags = tags


def _tags(reply: Any) -> Errors:
    root = etree.fromstring(reply) if isinstance(reply, (str, bytes)) else reply
    return [one.text for one in root.iter("{*}error-tag")]


class Ncclient(Client):
    """ncclient 0.7 by its manager."""

    def open(self) -> None:
        from ncclient import manager

        self.manager = manager.connect(
            host=self.node.address,
            port=self.node.port,
            username=self.user,
            key_filename=str(self.node.key(self.user)),
            hostkey_verify=False,
            allow_agent=False,
            look_for_keys=False,
            timeout=30,
        )

    def close(self) -> None:
        self.manager.close_session()

    @property
    def session_id(self) -> str:
        return str(self.manager.session_id)

    def _do(self, function: Any, *arguments: Any, **options: Any) -> Any:
        from ncclient.operations import RPCError

        try:
            return function(*arguments, **options)
        except RPCError as error:
            raise Rejected([one.tag for one in (error.errlist or [error])]) from None

    def get_config(self, source: str, subtree: str) -> etree._Element:
        return self._do(self.manager.get_config, source, filter=("subtree", subtree)).data_ele

    def get(self, subtree: str) -> etree._Element:
        return self._do(self.manager.get, filter=("subtree", subtree)).data_ele

    def edit(self, target: str, config: str) -> None:
        self._do(self.manager.edit_config, target=target, config=f'<config xmlns="{BASE}">{config}</config>')

    def commit(self, **options: Any) -> None:
        if "timeout" in options:
            options["timeout"] = str(options["timeout"])
        self._do(self.manager.commit, **options)

    def cancel_commit(self, persist_id: str | None = None) -> None:
        self._do(self.manager.cancel_commit, persist_id)

    def discard(self) -> None:
        self._do(self.manager.discard_changes)

    def validate(self, source: str) -> None:
        self._do(self.manager.validate, source)

    def lock(self, target: str) -> None:
        self._do(self.manager.lock, target)

    def unlock(self, target: str) -> None:
        self._do(self.manager.unlock, target)

    def kill(self, session_id: str) -> None:
        self._do(self.manager.kill_session, session_id)

    def subscribe(self) -> None:
        self._do(self.manager.create_subscription)

    def notification(self, seconds: float) -> etree._Element | None:
        found = self.manager.take_notification(timeout=seconds)
        return None if found is None else found.notification_ele


class NetconfClient(Client):
    """PyPI netconf-client by its own manager."""

    def open(self) -> None:
        from netconf_client.connect import connect_ssh
        from netconf_client.ncclient import Manager

        session = connect_ssh(
            host=self.node.address,
            port=self.node.port,
            username=self.user,
            key_filename=str(self.node.key(self.user)),
            initial_timeout=20,
        )
        self.manager = Manager(session, timeout=30)

    def close(self) -> None:
        self.manager.close_session()
        self.manager.session.close()

    @property
    def session_id(self) -> str:
        return str(self.manager.session_id)

    def _do(self, function: Any, *arguments: Any, **options: Any) -> Any:
        from netconf_client.error import RpcError

        try:
            return function(*arguments, **options)
        except RpcError as error:
            raise Rejected(_tags(error.reply_raw)) from None

    def get_config(self, source: str, subtree: str) -> etree._Element:
        return self._do(self.manager.get_config, source, filter=f'<filter type="subtree">{subtree}</filter>').data_ele

    def get(self, subtree: str) -> etree._Element:
        return self._do(self.manager.get, filter=f'<filter type="subtree">{subtree}</filter>').data_ele

    def edit(self, target: str, config: str) -> None:
        self._do(self.manager.edit_config, f'<config xmlns="{BASE}">{config}</config>', target=target)

    def commit(self, **options: Any) -> None:
        if "timeout" in options:
            options["confirm_timeout"] = options.pop("timeout")
        self._do(self.manager.commit, **options)

    def cancel_commit(self, persist_id: str | None = None) -> None:
        self._do(self.manager.cancel_commit, persist_id)

    def discard(self) -> None:
        self._do(self.manager.discard_changes)

    def validate(self, source: str) -> None:
        self._do(self.manager.validate, source)

    def lock(self, target: str) -> None:
        self._do(self.manager.lock, target)

    def unlock(self, target: str) -> None:
        self._do(self.manager.unlock, target)

    def kill(self, session_id: str) -> None:
        self._do(self.manager.kill_session, session_id)

    def subscribe(self) -> None:
        self._do(self.manager.create_subscription)

    def notification(self, seconds: float) -> etree._Element | None:
        found = self.manager.take_notification(timeout=seconds)
        return None if found is None else found.notification_ele


class Scrapli(Client):
    """scrapli-netconf over paramiko.

    Over OpenSSH's client it wants a terminal, or trips over its own echo where there is none.
    """

    notifications = False

    def open(self) -> None:
        from scrapli_netconf.driver import NetconfDriver

        self.driver = NetconfDriver(
            host=self.node.address,
            port=self.node.port,
            auth_username=self.user,
            auth_private_key=str(self.node.key(f"{self.user}_rsa")),  # the only type that it takes
            auth_strict_key=False,
            transport="paramiko",
            transport_options={"enable_rsa2": True},
        )
        self.driver.open()

    def close(self) -> None:
        self.driver.close()

    @property
    def session_id(self) -> str:
        raise AssertionError("scrapli does not tell the number of its session: no test may ask for it")

    def _do(self, function: Any, *arguments: Any, **options: Any) -> Any:
        response = function(*arguments, **options)
        if tags := _tags(response.xml_result):
            raise Rejected(tags)
        assert not response.failed, response.result
        return response.xml_result

    def get_config(self, source: str, subtree: str) -> etree._Element:
        return self._do(self.driver.get_config, source=source, filter_=subtree)

    def get(self, subtree: str) -> etree._Element:
        return self._do(self.driver.get, filter_=subtree)

    def edit(self, target: str, config: str) -> None:
        self._do(self.driver.edit_config, config=f"<config>{config}</config>", target=target)

    def commit(self, **options: Any) -> None:
        self._do(self.driver.commit, **options)

    def cancel_commit(self, persist_id: str | None = None) -> None:
        inside = "" if persist_id is None else f"<persist-id>{persist_id}</persist-id>"
        self._do(self.driver.rpc, f"<cancel-commit>{inside}</cancel-commit>")

    def discard(self) -> None:
        self._do(self.driver.discard)

    def validate(self, source: str) -> None:
        self._do(self.driver.validate, source)

    def lock(self, target: str) -> None:
        self._do(self.driver.lock, target)

    def unlock(self, target: str) -> None:
        self._do(self.driver.unlock, target)

    def kill(self, session_id: str) -> None:
        self._do(self.driver.rpc, f"<kill-session><session-id>{session_id}</session-id></kill-session>")


class Ours(Client):
    """The client of the collection itself."""

    notifications = False

    def open(self) -> None:
        self.session = Session(
            Address(
                host=self.node.address,
                port=self.node.port,
                username=self.user,
                private_key_file=str(self.node.key(self.user)),
                known_hosts_file=str(self.node.known_hosts),
                timeout=30.0,
            )
        )

    def close(self) -> None:
        self.session.close()

    @property
    def session_id(self) -> str:
        return self.session.id

    def _do(self, operation: str) -> etree._Element:
        root = parse(f'<rpc xmlns="{BASE}">{operation}</rpc>'.encode())[0]
        try:
            return self.session.call(root)
        except Refused as error:
            raise Rejected([one.tag for one in error.errors]) from None

    def get_config(self, source: str, subtree: str) -> etree._Element:
        inside = f'<source><{source}/></source><filter type="subtree">{subtree}</filter>'
        return self._do(f"<get-config>{inside}</get-config>")

    def get(self, subtree: str) -> etree._Element:
        return self._do(f'<get><filter type="subtree">{subtree}</filter></get>')

    def edit(self, target: str, config: str) -> None:
        self._do(f"<edit-config><target><{target}/></target><config>{config}</config></edit-config>")

    def commit(self, **options: Any) -> None:
        names = {"timeout": "confirm-timeout", "persist_id": "persist-id"}
        inside = "<confirmed/>" if options.pop("confirmed", False) else ""
        for key, value in options.items():
            inside += f"<{names.get(key, key)}>{value}</{names.get(key, key)}>"
        self._do(f"<commit>{inside}</commit>")

    def cancel_commit(self, persist_id: str | None = None) -> None:
        inside = "" if persist_id is None else f"<persist-id>{persist_id}</persist-id>"
        self._do(f"<cancel-commit>{inside}</cancel-commit>")

    def discard(self) -> None:
        self._do("<discard-changes/>")

    def validate(self, source: str) -> None:
        self._do(f"<validate><source><{source}/></source></validate>")

    def lock(self, target: str) -> None:
        self._do(f"<lock><target><{target}/></target></lock>")

    def unlock(self, target: str) -> None:
        self._do(f"<unlock><target><{target}/></target></unlock>")

    def kill(self, session_id: str) -> None:
        self._do(f"<kill-session><session-id>{session_id}</session-id></kill-session>")


CLIENTS: dict[str, type[Client]] = {
    "ncclient": Ncclient,
    "netconf-client": NetconfClient,
    "scrapli-netconf": Scrapli,
    "ours": Ours,
}
PACKAGES = {"ncclient": "ncclient", "netconf-client": "netconf_client", "scrapli-netconf": "scrapli_netconf"}


def gone(client: Client) -> bool:
    """Whether the session was ended by the server; the client's own way of noticing."""
    with suppress(Rejected):
        try:
            client.get_config("running", "<none/>")
        except Rejected:
            raise
        except Lost:
            return True
        except Exception:  # noqa: BLE001  # each client has its own word
            return True
    return False
