# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever a file holds, a reader gives points or an error of ours, and cleaning gives a series or a reason."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.shadownet.ipam.forecaster.inputs.registry import READERS, check_source
from ansible_collections.shadownet.ipam.forecaster.inputs.source import Context
from ansible_collections.shadownet.ipam.forecaster.series_cleaning import Rules, clean_all
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import ShadownetError

NOW = 1_772_409_600.0

scrap = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [
            "time",
            "value",
            "workload",
            "created",
            "deleted",
            "instances",
            "2026-03-01T00:00:00Z",
            "2026-03-01",
            "9999-12-31T23:59:59-23:59",
            "0001-01-01T00:00:00+23:59",
            "1e308",
            "-1",
            "NaN",
            "inf",
            "1772400000",
            "99999999999999999999",
            "\x00",
            "\ufeff",
            '"',
            '""',
            "\r",
            "[01/Mar/2026:00:00:00 +0000]",
            "[99/Foo/0000:99:99:99 +9999]",
            '"GET / HTTP/1.1" 200 5',
            '{"time": "2026-03-01T00:00:00Z"}',
            '{"time": 1e400}',
            "{",
        ]
    ),
)
content = st.one_of(
    st.binary(max_size=200),
    st.lists(st.lists(scrap, max_size=5).map(",".join), max_size=8).map("\n".join).map(str.encode),
    st.lists(st.lists(scrap, max_size=5).map(" ".join), max_size=8).map("\n".join).map(str.encode),
    st.binary(max_size=60).map(gzip.compress).map(lambda packed: packed[:50]),
)
FILES = sorted(set(READERS) - {"prometheus"})


@pytest.mark.parametrize("kind", FILES)
@given(
    data=content,
    more=st.sampled_from([{}, {"zone": "Europe/Berlin"}, {"format": "json", "time_field": "time"}]),
    now=st.sampled_from([NOW, None]),
)
def test_any_file(
    tmp_path_factory: pytest.TempPathFactory, kind: str, data: bytes, more: dict[str, str], now: float | None
) -> None:
    path = tmp_path_factory.mktemp("any") / "file"
    path.write_bytes(data)
    fitting = {name: value for name, value in more.items() if name in READERS[kind].options.__dataclass_fields__}
    try:
        reading = check_source({"type": kind, "path": str(path), **fitting}).read(Context(NOW))
    except ShadownetError:
        return
    cleaned = clean_all(reading.points, Rules(interval=3600, now=now))
    keys = {(one.workload, one.signal) for one in reading.points}
    assert {one.key for one in cleaned.series} | set(cleaned.refused) == keys
    assert all(np.isfinite(one.values).any() for one in cleaned.series)


plain = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8))
anything = st.recursive(plain, lambda deeper: st.one_of(st.lists(deeper), st.dictionaries(st.text(max_size=4), deeper)))


@given(st.data())
def test_any_value_of_any_option(data: Any) -> None:
    kind = data.draw(st.sampled_from(sorted(READERS)))
    given_options = {"type": kind, "path": "x", "url": "http://127.0.0.1:9", "query": "up"}
    given_options = {
        k: v for k, v in given_options.items() if k == "type" or k in READERS[kind].options.__dataclass_fields__
    }
    option = data.draw(st.sampled_from(sorted(READERS[kind].options.__dataclass_fields__)))
    given_options[option] = data.draw(anything)
    where = "sources[0]."
    try:
        check_source(given_options, "sources[0]")
    except ShadownetError as error:
        where = error.parameter or ""
    assert where.startswith("sources[0].")


def test_a_folder_without_rights_is_named(tmp_path: Path) -> None:
    """Root may read everything, so a link that leads to itself stands for a file that cannot be opened."""
    loop = tmp_path / "loop.csv"
    loop.symlink_to(loop)
    with pytest.raises(ShadownetError) as raised:
        check_source({"type": "csv", "path": str(loop)}, "sources[0]").read(Context(NOW))
    assert raised.value.parameter == "sources[0].path"
