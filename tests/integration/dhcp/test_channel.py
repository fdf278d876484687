# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways to Kea: its unix socket, and its control agent with passwords and certificates; and what they say."""

from __future__ import annotations

import datetime
import ipaddress
import os
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ansible_collections.shadownet.ipam.plugins.module_utils.dhcp.desk import give, take
from ansible_collections.shadownet.ipam.plugins.module_utils.dhcp.registry import open_dhcp
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import DhcpError, InvalidInput
from ansible_collections.shadownet.ipam.tests.integration.dhcp.conftest import Link, owned
from ansible_collections.shadownet.ipam.tests.integration.dhcp.kea_server import ControlAgent, Kea
from ansible_collections.shadownet.ipam.tests.integration.netconf.server import free_port

MAC = "52:54:00:00:00:01"
BASIC = {"type": "basic", "realm": "kea", "clients": [{"user": "shadownet", "password": "se:cret"}]}


@contextmanager
def agent(kea: Kea, **more: object) -> Iterator[ControlAgent]:
    """A running control agent."""
    found = ControlAgent(kea, free_port(), **more)
    found.start()
    try:
        yield found
    finally:
        found.stop()


def certificates(folder: Path) -> dict[str, str]:
    """A certificate for 127.0.0.1, signed by nobody but itself, as the control agent wants it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kea")])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    certificate, secret = folder / "agent.pem", folder / "agent.key"
    certificate.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return {"trust-anchor": str(certificate), "cert-file": str(certificate), "key-file": str(secret)}


@pytest.mark.netns
def test_over_http_with_a_password_the_same_commands_work(link: Link) -> None:
    kea = link.start()
    with agent(kea, authentication=BASIC) as running:
        url = f"http://127.0.0.1:{running.port}/"
        server = open_dhcp("kea", url=url, username="shadownet", password="se:cret")
        assert give(server, owned("10.80.0.20", MAC, "web-1")).changed
        assert not give(server, owned("10.80.0.20", MAC, "web-1")).changed
        assert [lease.address for lease in server.leases()] == ["10.80.0.20"]
        assert server.pools()[0].subnet_id == 1
        assert link.bare(lambda client: client.obtain(MAC)).address == "10.80.0.20"
        running.stop()
        running.start()  # the connection that was kept open is dead now
        assert take(server, "10.80.0.20").changed
        server.close()
        for wrong in ({}, {"username": "shadownet", "password": "guess"}):
            with pytest.raises(DhcpError, match="refuses this user"):
                open_dhcp("kea", url=url, **wrong).lease_of("10.80.0.20")
        kea.stop()
        with pytest.raises(DhcpError, match="unable to forward command"):
            server.lease_of("10.80.0.20")
        server.close()
    with pytest.raises(DhcpError, match=r"control agent at .* cannot be asked"):
        open_dhcp("kea", url=url).lease_of("10.80.0.20")


@pytest.mark.netns
def test_many_threads_may_ask_over_http_at_once(link: Link) -> None:
    kea = link.start()
    with agent(kea) as running, ThreadPoolExecutor(8) as pool:
        server = open_dhcp("kea", url=f"http://127.0.0.1:{running.port}/")

        def work(number: int) -> str | None:
            lease = owned(f"10.80.0.{number}", f"52:54:00:00:03:{number:02x}", f"web-{number}")
            give(server, lease)
            found = server.lease_of(lease.address)
            return found.owner.instance if found is not None and found.owner is not None else None

        assert list(pool.map(work, range(20, 60))) == [f"web-{number}" for number in range(20, 60)]
        running.stop()
        running.start()  # all connections that were kept open are dead now
        assert list(pool.map(work, range(20, 60))) == [f"web-{number}" for number in range(20, 60)]
        server.close()


@pytest.mark.netns
def test_over_tls_only_a_certificate_that_is_known_will_do(link: Link) -> None:
    kea = link.start()
    tls = certificates(link.folder)
    with agent(kea, authentication=BASIC, **{**tls, "cert-required": False}) as running:
        login = {"username": "shadownet", "password": "se:cret"}
        url = f"https://127.0.0.1:{running.port}/"
        server = open_dhcp("kea", url=url, ca_file=tls["cert-file"], **login)
        assert give(server, owned("10.80.0.20", MAC, "web-1")).changed
        server.close()
        with pytest.raises(DhcpError, match=r"certificate of .* is not trusted"):
            open_dhcp("kea", url=url, **login).lease_of("10.80.0.20")
        with pytest.raises(DhcpError, match=r"certificate of .* is not trusted"):
            open_dhcp("kea", url=url.replace("127.0.0.1", "localhost"), ca_file=tls["cert-file"], **login).pools()


@pytest.mark.netns
def test_the_socket_says_what_is_wrong_with_it(link: Link) -> None:
    kea = link.start()
    assert link.server.lease_of("10.80.0.20") is None
    kea.stop()
    with pytest.raises(DhcpError, match=r"there is no socket .*kea4\.sock.* Start Kea"):
        link.server.lease_of("10.80.0.20")
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(kea.socket))
    left.close()
    with pytest.raises(DhcpError, match="nobody listens"):
        link.server.lease_of("10.80.0.20")


@pytest.mark.skipif(os.geteuid() != 0, reason="changes its user")
def test_a_socket_of_another_user(tmp_path: Path) -> None:
    """In a child process, which gives up root: root may use every socket."""
    path = tmp_path / "kea.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        path.chmod(0o600)
        for folder in (tmp_path, *tmp_path.parents):
            if folder.is_relative_to(tmp_path.parents[1]):
                folder.chmod(0o755)
        child = os.fork()
        if child == 0:
            if not _may_change_user():
                os._exit(7)
            os.setgid(65534)
            os.setuid(65534)
            try:
                open_dhcp("kea", socket=str(path)).lease_of("10.80.0.20")
            except DhcpError as error:
                os._exit(0 if "may not be used" in str(error) and "become" in str(error) else 3)
            os._exit(4)
        ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if ended == 7:
        pytest.skip("this user namespace has no other user")
    assert ended == 0


def _may_change_user() -> bool:
    return Path("/proc/self/uid_map").read_text().split()[2] == "4294967295"


@contextmanager
def impostor(path: Path, answer: bytes | None) -> Iterator[None]:
    """Listens at a socket, and gives a fixed answer; with None it never answers."""
    stop = threading.Event()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        listening.settimeout(5)

        def serve() -> None:
            connection, _peer = listening.accept()
            with connection:
                connection.recv(65536)
                if answer is None:
                    stop.wait(5)
                else:
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


@pytest.mark.parametrize("answer", [b"", b"hello", b"[]", b'{"text": "no result"}', b'{"result": "0"}', b"\xff\xfe"])
def test_who_does_not_speak_as_kea_is_no_kea(tmp_path: Path, answer: bytes) -> None:
    path = tmp_path / "sock"
    with impostor(path, answer), pytest.raises(DhcpError, match="does not answer as Kea does"):
        open_dhcp("kea", socket=str(path)).lease_of("10.80.0.20")


def test_a_server_that_hangs_is_not_waited_for_longer_than_was_said(tmp_path: Path) -> None:
    path = tmp_path / "sock"
    with impostor(path, None), pytest.raises(DhcpError, match=r"did not answer lease4-get within 0\.2 s"):
        open_dhcp("kea", socket=str(path), timeout=0.2).lease_of("10.80.0.20")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"url": "ftp://host/"}, "url: is no URL of Kea's control agent"),
        ({"url": "http://user:word@host/"}, "url: has more than host"),
        ({"url": "http://host:99999/"}, "url: is no URL"),
        ({"url": "http://host/", "socket": "/run/x"}, "url: stands beside a socket"),
        ({"url": "https://host/", "ca_file": "/nonexistent"}, "ca_file: /nonexistent cannot be read"),
    ],
)
def test_options_without_meaning(options: dict[str, str], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        open_dhcp("kea", **options)


def test_a_server_that_is_not_known() -> None:
    with pytest.raises(InvalidInput, match=r"server: 'dnsmasq' is not known\. Choose one of kea"):
        open_dhcp("dnsmasq")
