# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of sources: every mistake names the option, where the user wrote it."""

from __future__ import annotations

import re
from dataclasses import fields
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from ansible_collections.shadownet.ipam.forecaster.inputs.options import read_secret
from ansible_collections.shadownet.ipam.forecaster.inputs.prometheus_http import Access, PrometheusClient
from ansible_collections.shadownet.ipam.forecaster.inputs.registry import READERS, check_source
from ansible_collections.shadownet.ipam.forecaster.inputs.source import Context
from ansible_collections.shadownet.ipam.forecaster.series import FindingKind
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import InvalidInput, ShadownetError

CHECKOUT = Path(__file__).resolve().parents[3]
PROMETHEUS = {"type": "prometheus", "url": "https://prometheus.example:9090", "query": "up"}


def test_values_become_what_the_option_wants() -> None:
    options = check_source(
        {
            **PROMETHEUS,
            "interval": "15m",
            "start": "2026-03-02T00:00:00+01:00",
            "end": date(2026, 3, 3),
            "ca_file": "~/ca.pem",
            "rename": {"a": "b"},
            "retries": 0,
        }
    ).options
    assert options.interval == 900
    assert options.start == datetime(2026, 3, 1, 23, tzinfo=UTC)
    assert options.end == datetime(2026, 3, 3, tzinfo=UTC)
    assert options.ca_file == Path("~/ca.pem").expanduser()
    assert options.rename == {"a": "b"}
    assert check_source({"type": "csv", "path": "a.csv"}).options.path == ("a.csv",)
    assert check_source({"type": "csv", "path": ["a.csv", "b.csv"]}).options.path == ("a.csv", "b.csv")


@pytest.mark.parametrize(
    ("given", "parameter", "words"),
    [
        ({}, "type", "is required"),
        ({"type": "influx"}, "type", "Choose one of: csv, history, ledger, log, prometheus"),
        ({"type": "csv"}, "path", "is required"),
        ({"type": "csv", "path": "a", "delimeter": ";"}, "delimeter", "Did you mean 'delimiter'"),
        ({"type": "history", "path": "a", "zzz": 1}, "zzz", "There are: path, signals, by_location"),
        ({"type": "csv", "path": []}, "path", "a list of words"),
        ({"type": "csv", "path": [{}]}, "path[0]", "must be text"),
        ({"type": "csv", "path": "a", "layout": "tall"}, "layout", "Choose one of: auto, long, wide, signals"),
        ({"type": "csv", "path": "a", "non_negative": "no"}, "non_negative", "neither true nor false"),
        ({"type": "csv", "path": "a", "workload": " "}, "workload", "is empty"),
        ({"type": "csv", "path": "a", "covered_from": "soon"}, "covered_from", "is no time"),
        ({"type": "csv", "path": "a", "kind": "meter"}, "kind", "gauge, count, events, counter"),
        ({"type": "history", "path": "a", "signals": ["cpu"]}, "signals[0]", "creations, deletions, instances"),
        ({**PROMETHEUS, "retries": -1}, "retries", "no whole number"),
        ({**PROMETHEUS, "retries": 21}, "retries", "more than 20"),
        ({**PROMETHEUS, "retries": True}, "retries", "no whole number"),
        ({**PROMETHEUS, "interval": "often"}, "interval", "not a duration"),
        ({**PROMETHEUS, "interval": "0s"}, "interval", "at least one second"),
        ({**PROMETHEUS, "timeout": 0}, "timeout", "at least one second"),
        ({**PROMETHEUS, "rename": ["a"]}, "rename", "must be a mapping"),
        ({**PROMETHEUS, "rename": {"a": None}}, "rename.a", "must be text"),
        ({**PROMETHEUS, "username": "a"}, "username", "go together"),
        ({**PROMETHEUS, "username": "a", "password": "b", "bearer_token": "c"}, "bearer_token", "Give one"),
        ({**PROMETHEUS, "key_file": "a"}, "key_file", "without certificate_file"),
        ({**PROMETHEUS, "workload": "{service"}, "workload", "'{service'"),
        ({**PROMETHEUS, "workload": "{service.__class__}"}, "workload", "more than labels"),
        ({**PROMETHEUS, "workload": "{service!r}"}, "workload", "more than labels"),
        ({**PROMETHEUS, "workload": "{}"}, "workload", "more than labels"),
    ],
)
def test_mistakes_name_the_option(given: dict[str, Any], parameter: str, words: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        check_source(given, "sources[2]")
    assert raised.value.parameter == f"sources[2].{parameter}"
    assert words in str(raised.value)


@pytest.mark.parametrize("given", [None, "csv", ["csv"]])
def test_a_source_is_a_mapping(given: Any) -> None:
    with pytest.raises(InvalidInput, match="must be a mapping"):
        check_source(given, "sources[0]")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("prometheus.example", "is no URL of a server"),
        ("ftp://prometheus.example", "is no URL of a server"),
        ("http://prometheus.example:port", "is no URL"),
        ("http://user:secret@prometheus.example", "has credentials in it"),
        ("http://prometheus.example/?a=b", "goes on after the path"),
        ("file:///etc/passwd", "is no URL of a server"),
    ],
)
def test_urls_that_are_none(url: str, words: str) -> None:
    with pytest.raises(ShadownetError, match=words) as raised:
        check_source({**PROMETHEUS, "url": url}).read(Context(now=2e9))
    assert raised.value.parameter == "url"
    assert "secret" not in str(raised.value)


def test_the_api_is_found_below_any_path() -> None:
    for url in ("http://p.example/a", "http://p.example/a/", "http://p.example/a/api/v1"):
        assert PrometheusClient(Access(url))._url == "http://p.example/a/api/v1/query_range"


def test_secrets_are_not_shown_and_headers_cannot_be_smuggled() -> None:
    options = check_source({**PROMETHEUS, "username": "a", "password": "hush", "headers": {"X-Key": "hush"}}).options
    assert "hush" not in repr(options)
    assert "hush" not in repr(Access("http://p.example", password="hush", bearer_token="hush", headers={"a": "hush"}))
    with pytest.raises(InvalidInput, match="no header may have"):
        PrometheusClient(Access("http://p.example", headers={"X": "a\r\nHost: b"}))


def test_secrets_come_from_files(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("abc\n")
    assert read_secret(None, file, "bearer_token") == "abc"
    assert read_secret("abc", None, "bearer_token") == "abc"
    with pytest.raises(InvalidInput, match="both"):
        read_secret("abc", file, "bearer_token")
    file.write_text("\n")
    with pytest.raises(InvalidInput, match="is empty"):
        read_secret(None, file, "bearer_token")
    with pytest.raises(InvalidInput, match="No such file") as raised:
        read_secret(None, tmp_path / "none", "bearer_token")
    assert raised.value.parameter == "bearer_token_file"


@pytest.mark.parametrize("kind", READERS)
def test_every_option_is_documented(kind: str) -> None:
    page = (CHECKOUT / "docs/forecast_inputs.md").read_text()
    section = page.split(f"## Reader `{kind}`")[1].split("\n## ")[0]
    for one in fields(READERS[kind].options):
        assert f"`{one.name}`" in section, one.name


def test_the_examples_of_the_page_are_right() -> None:
    page = (CHECKOUT / "docs/forecast_inputs.md").read_text()
    (example,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    sources = [check_source(one, f"sources[{place}]") for place, one in enumerate(yaml.safe_load(example)["sources"])]
    assert sorted(one.type for one in sources) == sorted(READERS)


def test_every_finding_is_documented() -> None:
    section = (CHECKOUT / "docs/forecast_inputs.md").read_text().split("## What is cleaned")[1].split("\n## ")[0]
    assert set(get_args(FindingKind)) == {
        kind for row in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE) for kind in re.findall(r"`(\w+)`", row)
    }
