# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Prometheus on loopback with weeks of history, behind TLS and a password; it may stop and start again."""

from __future__ import annotations

import ipaddress
import os
import shutil
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from socket import create_connection

import numpy as np
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from numpy.typing import NDArray

from ansible_collections.shadownet.ipam.tests.integration.netconf.server import free_port

USER, PASSWORD = "forecaster", "correct horse"
# bcrypt of the password, of the least cost: only a test server ever sees it.
_HASH = "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e"

BEGIN = int(datetime(2026, 2, 1, tzinfo=UTC).timestamp())
DAYS = 28
MINUTES = DAYS * 1440
RESET, GAP = 10 * 1440 + 30, range(15 * 1440, 15 * 1440 + 300)
"""The minute in which the counter of ``shop`` begins again, and those in which nothing was scraped."""


def why_not() -> str | None:
    """Why there is no Prometheus here, or None."""
    lacking = [name for name in ("prometheus", "promtool") if shutil.which(name) is None]
    return f"needs {' and '.join(lacking)} (Debian package prometheus)" if lacking else None


def requests_by_minute(service: str) -> NDArray[np.int64]:
    """How many requests a service got in the minute that ends then: a day's wave, with a weekend."""
    minute = np.arange(MINUTES)
    wave = 60 + 40 * np.sin(2 * np.pi * minute / 1440) - 20 * (minute // 1440 % 7 == 0)
    return (wave * (1 if service == "shop" else 0.25)).astype(np.int64)


def write_history(folder: Path) -> Path:
    """Blocks of a month: two counters by the minute and instances by five minutes.

    One call a day: promtool reads its whole input again for each block of two hours. Several at once: it mostly waits
    for the disk.
    """
    blocks = folder / "blocks"
    totals = {service: 1000 + np.cumsum(requests_by_minute(service)) for service in ("shop", "blog")}
    totals["shop"][RESET:] -= totals["shop"][RESET - 1]

    def write_day(day: int) -> None:
        lines = ["# TYPE http_requests counter"]
        minutes = range(day * 1440, (day + 1) * 1440)
        for service, total in totals.items():
            name = f'http_requests_total{{service="{service}",zone="a"}}'
            lines += [f"{name} {total[one]} {BEGIN + 60 * one}" for one in minutes if one not in GAP]
        lines.append("# TYPE instances gauge")
        lines += [f'instances{{service="shop"}} {3 + day % 4} {BEGIN + 60 * one}' for one in minutes[::5]]
        text = folder / f"{day}.txt"
        text.write_text("\n".join([*lines, "# EOF"]) + "\n")
        command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "-q", str(text), str(blocks)]
        subprocess.run(command, check=True, capture_output=True)

    with ThreadPoolExecutor(8) as several:
        list(several.map(write_day, range(DAYS)))
    return blocks


def web_configuration(certificates: Certificates, *, client: bool = False) -> dict[str, object]:
    """What ``--web.config.file`` has to say: TLS and a password, or TLS and a certificate of the client."""
    tls = {"cert_file": str(certificates.server), "key_file": str(certificates.server_key)}
    if client:
        tls |= {"client_auth_type": "RequireAndVerifyClientCert", "client_ca_file": str(certificates.authority)}
        return {"tls_server_config": tls}
    return {"tls_server_config": tls, "basic_auth_users": {USER: _HASH}}


class Certificates:
    """An authority, and what it signed for the server and for a client, as PEM files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        certificate = self._sign(self._name, self._key, authority=True)
        self.authority = folder / "ca.pem"
        self.authority.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        self.server, self.server_key = self._issue("server")
        self.client, self.client_key = self._issue("client")

    def _issue(self, name: str) -> tuple[Path, Path]:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), key, authority=False)
        paths = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))
        return paths

    def _sign(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, authority: bool) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if not authority:
            address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
            builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
        return builder.sign(self._key, hashes.SHA256())


class PrometheusServer:
    """One server over a copy of the history.

    Args:
        options: more of its command line.
        web: its web configuration; None for plain HTTP without a password.
    """

    def __init__(self, folder: Path, blocks: Path, web: dict[str, object] | None, *options: str) -> None:
        self.folder = folder
        folder.mkdir()
        shutil.copytree(blocks, folder / "data")
        (folder / "prometheus.yml").write_text("global: {scrape_interval: 1h}\n")
        self._web = ["--web.config.file", str(folder / "web.yml")] if web is not None else []
        (folder / "web.yml").write_text(yaml.safe_dump(web or {}))
        self._options = options
        self.port = free_port()
        self.url = f"{'https' if web and 'tls_server_config' in web else 'http'}://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, wait: bool = True) -> None:
        """Starts it; returns when it answers."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    "prometheus",
                    f"--config.file={self.folder / 'prometheus.yml'}",
                    f"--storage.tsdb.path={self.folder / 'data'}",
                    "--storage.tsdb.retention.time=100y",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                    *self._web,
                    *self._options,
                ],
                stdout=log,
                stderr=log,
                env={**os.environ, "GOMAXPROCS": "2"},
            )
        end = time.monotonic() + 60
        while wait and not self._answers():
            assert self._process.poll() is None, self.log
            assert time.monotonic() < end, self.log
            time.sleep(0.05)

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()[-3000:]

    def _answers(self) -> bool:
        if self.url.startswith("https") or self._web:
            # It listens only when its storage is open.
            with suppress(OSError), create_connection(("127.0.0.1", self.port), 1):
                return "Server is ready to receive web requests" in self.log
            return False
        connection = HTTPConnection("127.0.0.1", self.port, timeout=1)
        try:
            connection.request("GET", "/-/ready")
            return connection.getresponse().status in (200, 404)
        except OSError:
            return False
        finally:
            connection.close()

    def pause(self) -> None:
        """It keeps its connections and answers nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            self._process.wait(30)
            self._process = None
