# SPDX-License-Identifier: GPL-3.0-or-later
"""Reader ``prometheus`` against a real server: long ranges, passwords, TLS, and a server that is away for a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ansible_collections.shadownet.ipam.forecaster.inputs.prometheus import MOST_POINTS
from ansible_collections.shadownet.ipam.forecaster.inputs.prometheus_http import Access, PrometheusClient
from ansible_collections.shadownet.ipam.forecaster.inputs.registry import check_source
from ansible_collections.shadownet.ipam.forecaster.inputs.source import Context, Reading, SourceFailed
from ansible_collections.shadownet.ipam.forecaster.series_cleaning import Rules, clean_all
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import InvalidInput
from ansible_collections.shadownet.ipam.tests.integration.forecaster.prometheus_server import (
    BEGIN,
    DAYS,
    GAP,
    MINUTES,
    PASSWORD,
    USER,
    Certificates,
    PrometheusServer,
    requests_by_minute,
    web_configuration,
    why_not,
    write_history,
)

pytestmark = [pytest.mark.skipif(why_not() is not None, reason=str(why_not())), pytest.mark.slow]

END = BEGIN + DAYS * 86400
HOURLY = "sum by (service) (increase(http_requests_total[$interval]))"


@pytest.fixture(scope="module")
def blocks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_history(tmp_path_factory.mktemp("history"))


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("tls") / "certificates")


def running(server: PrometheusServer) -> Iterator[PrometheusServer]:
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def open_server(blocks: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusServer]:
    """Plain HTTP, few samples at once, and below a path."""
    folder = tmp_path_factory.mktemp("open") / "server"
    options = ("--query.max-samples=30000", "--web.route-prefix=/metrics-of/fra1/")
    yield from running(PrometheusServer(folder, blocks, None, *options))


@pytest.fixture(scope="module")
def closed_server(
    blocks: Path, certificates: Certificates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PrometheusServer]:
    folder = tmp_path_factory.mktemp("closed") / "server"
    yield from running(PrometheusServer(folder, blocks, web_configuration(certificates)))


@pytest.fixture
def credentials(certificates: Certificates, tmp_path: Path) -> dict[str, str]:
    secret = tmp_path / "password"
    secret.write_text(f"{PASSWORD}\n")
    return {"username": USER, "password_file": str(secret), "ca_file": str(certificates.authority)}


def read(url: str, query: str = HOURLY, **options: Any) -> Reading:
    context = Context(now=END, interval=3600, history=DAYS * 86400)
    return check_source({"type": "prometheus", "url": url, "query": query, **options}, "sources[0]").read(context)


def below(server: PrometheusServer) -> str:
    return f"{server.url}/metrics-of/fra1/"


def hours_of(service: str) -> np.ndarray[Any, Any]:
    """Requests of each whole hour: the sample of a minute counts what came before it."""
    minutes = requests_by_minute(service)[1:]
    return minutes[: minutes.size // 60 * 60].reshape(-1, 60).sum(axis=1)


def test_weeks_behind_tls_and_a_password_are_read_exactly(
    closed_server: PrometheusServer, credentials: dict[str, str]
) -> None:
    reading = read(closed_server.url, **credentials)
    assert {(one.workload, one.signal, one.kind) for one in reading.points} == {
        ("shop", "requests", "count"),
        ("blog", "requests", "count"),
    }
    cleaned = clean_all(reading.points, Rules(interval=3600, now=END))
    lost = range(GAP.start // 60, GAP.stop // 60)
    for series in cleaned.series:
        assert series.start == datetime.fromtimestamp(BEGIN, UTC)
        expected = hours_of(series.workload).astype(float)
        expected[lost.start : lost.stop] = np.nan
        before = lost.start - 1  # lacks its last minute: the server extrapolates
        assert series.values[before] == pytest.approx(expected[before], rel=0.02)
        expected[before] = series.values[before]
        # The last hour's last sample would be of END itself.
        np.testing.assert_allclose(series.values[: expected.size], expected)
        assert cleaned.findings[series.key].count("gaps") == len(lost)


def test_more_points_than_one_answer_may_have(open_server: PrometheusServer) -> None:
    client = PrometheusClient(Access(below(open_server)))
    longest = client.query_range("instances", BEGIN, BEGIN + 60 * (MOST_POINTS - 1), 60)
    assert len(longest["data"]["result"][0]["values"]) == MOST_POINTS
    with pytest.raises(InvalidInput, match="exceeded maximum resolution of 11,000 points"):
        client.query_range("instances", BEGIN, BEGIN + 60 * (MOST_POINTS + 1), 60)
    (points,) = read(below(open_server), "instances", signal="instances", interval="1m").points
    expected = BEGIN + 60 * np.arange(points.times.size)
    np.testing.assert_array_equal(points.times, expected)
    assert points.times.size >= MINUTES
    np.testing.assert_array_equal(points.values[:MINUTES:1440], 3 + np.arange(DAYS) % 4)


def test_a_piece_that_is_too_much_for_the_server_is_halved(open_server: PrometheusServer) -> None:
    query = "sum by (service) (http_requests_total) + on (service) group_left () sum by (service) (http_requests_total)"
    client = PrometheusClient(Access(below(open_server)))
    with pytest.raises(SourceFailed, match="too many samples"):
        client.query_range(query, BEGIN, BEGIN + 60 * (MOST_POINTS - 1), 60)
    reading = read(below(open_server), query, interval="1m", kind="gauge")
    (shop,) = (one for one in reading.points if one.workload == "shop")
    assert np.unique(shop.times).size == shop.times.size > MINUTES - len(GAP)
    assert shop.values[0] == 2 * (1000 + requests_by_minute("shop")[0])


def test_labels_become_workloads(open_server: PrometheusServer) -> None:
    url = below(open_server)
    names = {one.workload for one in read(url, "http_requests_total", workload="{zone}/{service}", kind="gauge").points}
    assert names == {"a/shop", "a/blog"}
    renamed = read(url, HOURLY, rename={"shop": "web"}).points
    assert {one.workload for one in renamed} == {"web", "blog"}
    (everything,) = read(url, "sum(instances)", workload="all", signal="instances").points
    assert (everything.workload, everything.aggregate) == ("all", "max")


@pytest.mark.parametrize(
    ("query", "options", "parameter", "words"),
    [
        ("http_requests_total", {}, "workload", "series have 2 labels: service, zone"),
        ("sum(instances)", {}, "workload", "series have no labels"),
        ("http_requests_total", {"workload": "{zone}"}, "workload", "two series are 'a'"),
        ("http_requests_total", {"workload": "{host}"}, "workload", "no label host"),
        ("sum by (service (", {}, "query", "parse error"),
        ("no_such_metric", {}, "query", "gives nothing"),
        ("instances", {"start": "2026-02-02T00:10:00Z", "end": "2026-02-02T00:50:00Z"}, "start", "no whole interval"),
    ],
)
def test_queries_that_cannot_be_used(
    open_server: PrometheusServer, query: str, options: dict[str, Any], parameter: str, words: str
) -> None:
    with pytest.raises((InvalidInput, SourceFailed), match=words) as raised:
        read(below(open_server), query, **options)
    assert raised.value.parameter == f"sources[0].{parameter}"


def test_a_range_that_is_not_the_interval_is_said(open_server: PrometheusServer) -> None:
    reading = read(below(open_server), "sum by (service) (increase(http_requests_total[5m]))")
    assert "looks back 5m every 1h" in next(iter(reading.findings)).message


def test_a_path_that_is_none(open_server: PrometheusServer) -> None:
    with pytest.raises(SourceFailed, match="Does its path need a prefix"):
        read(open_server.url)


def test_a_wrong_password_is_refused_at_once(closed_server: PrometheusServer, credentials: dict[str, str]) -> None:
    begin = time.monotonic()
    del credentials["password_file"]
    with pytest.raises(SourceFailed, match="refuses the credentials") as raised:
        read(closed_server.url, **credentials, password="wrong")
    assert raised.value.parameter == "sources[0].username"
    assert time.monotonic() - begin < 5
    with pytest.raises(SourceFailed, match="refuses the credentials") as raised:
        read(closed_server.url, ca_file=credentials["ca_file"], bearer_token="token")
    assert raised.value.parameter == "sources[0].bearer_token"


def test_a_certificate_that_nobody_signed_is_not_trusted(
    closed_server: PrometheusServer, credentials: dict[str, str]
) -> None:
    del credentials["ca_file"]
    with pytest.raises(SourceFailed, match="certificate is not trusted") as raised:
        read(closed_server.url, **credentials)
    assert raised.value.parameter == "sources[0].ca_file"
    # 127.0.0.1 is in the certificate, this name is not.
    credentials["ca_file"] = str(Path(closed_server.folder) / "ca.pem")
    with pytest.raises(InvalidInput, match="cannot read"):
        read(closed_server.url, **credentials)


def test_a_name_that_the_certificate_has_not(closed_server: PrometheusServer, credentials: dict[str, str]) -> None:
    with pytest.raises(SourceFailed, match="certificate is not trusted: Hostname mismatch"):
        read(f"https://localhost:{closed_server.port}", **credentials)


def test_http_and_https_taken_for_each_other(
    open_server: PrometheusServer, closed_server: PrometheusServer, credentials: dict[str, str]
) -> None:
    with pytest.raises(SourceFailed, match="does not speak TLS"):
        read(below(open_server).replace("http:", "https:"), retries=0)
    with pytest.raises((SourceFailed, InvalidInput), match="400 Bad Request") as raised:
        read(closed_server.url.replace("https:", "http:"), username=USER, password=PASSWORD, retries=0)
    assert raised.value.parameter == "sources[0].url"


def test_a_certificate_of_the_client(blocks: Path, certificates: Certificates, tmp_path: Path) -> None:
    server = PrometheusServer(tmp_path / "server", blocks, web_configuration(certificates, client=True))
    server.start()
    try:
        ours = {"certificate_file": str(certificates.client), "key_file": str(certificates.client_key)}
        assert len(read(server.url, ca_file=str(certificates.authority), **ours).points) == 2
        # As a rule the server says why; sometimes the connection is gone before its words are read.
        with pytest.raises(SourceFailed, match=r"certificate required|bad certificate|EOF occurred|reset by peer"):
            read(server.url, ca_file=str(certificates.authority), retries=0)
        ours["key_file"] = str(certificates.server_key)
        with pytest.raises(InvalidInput, match="cannot use"):
            read(server.url, ca_file=str(certificates.authority), **ours)
    finally:
        server.stop()


def test_a_server_that_starts_again_is_waited_for(closed_server: PrometheusServer, credentials: dict[str, str]) -> None:
    closed_server.stop()
    later = threading.Timer(1.5, closed_server.start)
    begin = time.monotonic()
    later.start()
    try:
        assert len(read(closed_server.url, **credentials).points) == 2
        assert time.monotonic() - begin > 1.4
    finally:
        later.join()


def test_a_server_that_hangs_is_asked_again(closed_server: PrometheusServer, credentials: dict[str, str]) -> None:
    closed_server.pause()
    later = threading.Timer(2.5, closed_server.go_on)
    later.start()
    try:
        assert len(read(closed_server.url, timeout="1s", **credentials).points) == 2
    finally:
        later.join()


def test_a_server_that_stays_away_is_given_up(closed_server: PrometheusServer, credentials: dict[str, str]) -> None:
    closed_server.stop()
    try:
        with pytest.raises(SourceFailed, match="no answer after 2 tries: Connection refused"):
            read(closed_server.url, retries=1, **credentials)
    finally:
        closed_server.start()


def test_an_answer_of_something_else(certificates: Certificates, open_server: PrometheusServer) -> None:
    """Prometheus's own pages are no API."""
    client = PrometheusClient(Access(f"{open_server.url}/metrics-of/fra1/"))
    client._url = f"{open_server.url}/metrics-of/fra1/-/healthy"
    with pytest.raises(SourceFailed, match="Method Not Allowed"):
        client.query_range("up", BEGIN, END, 3600)
