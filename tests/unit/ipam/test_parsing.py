# SPDX-License-Identifier: GPL-3.0-or-later
"""What people write becomes checked values, or an error that names the option."""

from __future__ import annotations

import itertools
import re
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.parsing import (
    LONGEST_NAME,
    check_name,
    parse_address,
    parse_excluded,
    parse_prefix,
    parse_time,
)
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.requests import read_keys, read_requests
from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.addresses import format_block, split_range
from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.rows import format_time
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import InvalidInput
from ansible_collections.shadownet.ipam.plugins.module_utils.model.pool import FAMILY_BITS, Block
from ansible_collections.shadownet.ipam.plugins.module_utils.model.units import (
    format_duration,
    format_rate,
    parse_duration,
    parse_rate,
)

# -- units


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("15m", 900),
        ("2h", 7200),
        ("1d", 86400),
        ("1w", 604800),
        ("1h30m", 5400),
        ("1.5h", 5400),
        (600, 600),
        ("600", 600),
        (0, 0),
        ("0s", 0),
        (" 15M ", 900),
    ],
)
def test_durations_read_as_people_write_them(text: Any, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "m",
        "5 m",
        "15x",
        "-5",
        "-5m",
        "1m-",
        "nan",
        "inf",
        "-inf",
        "1e400",
        True,
        None,
        "9" * 400,
        "1e18",
        [],
        "5m\n6m",
    ],
)
def test_what_is_no_duration_is_refused(text: Any) -> None:
    with pytest.raises(InvalidInput, match=r"^quarantine: "):
        parse_duration(text, "quarantine")


@given(st.integers(0, 10**9))
def test_a_duration_is_shown_so_that_it_reads_the_same(seconds: int) -> None:
    assert parse_duration(format_duration(seconds)) == seconds


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("1Gbit", 10**9),
        ("100Mbit/s", 10**8),
        ("64kbps", 64000),
        ("1.5g", 1500000000),
        (1000, 1000),
        ("1 Mbit", 10**6),
        ("100mb", 10**8),
        ("8bit", 8),
    ],
)
def test_rates_read_as_people_write_them(text: Any, rate: int) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["", "0", 0, "-1", "1GB/s", "fast", True, None, "0.4", "9" * 400, "1e3", "1 G bit"])
def test_what_is_no_rate_is_refused(text: Any) -> None:
    with pytest.raises(InvalidInput, match=r"^bandwidth: "):
        parse_rate(text)


@given(st.integers(8, 10**12))
def test_a_rate_is_shown_so_that_it_reads_the_same(rate: int) -> None:
    assert parse_rate(format_rate(rate)) == rate


# -- prefixes and addresses


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("10.0.0.0/24", "10.0.0.0/24"),
        (" 10.0.0.0/24 ", "10.0.0.0/24"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("255.255.255.255/32", "255.255.255.255/32"),
        ("2001:DB8:0:0::/48", "2001:db8::/48"),
        ("::/0", "::/0"),
        ("2001:db8::1/128", "2001:db8::1/128"),
        # An address of IPv6 like any other, though it looks like IPv4's.
        ("::ffff:10.0.0.0/120", "::ffff:10.0.0.0/120"),
    ],
)
def test_prefixes_are_read_strictly_and_shown_in_one_form(text: str, shown: str) -> None:
    assert format_block(parse_prefix(text, "prefix")) == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10.0.0.0",
        "10.0.0.0/",
        "10.0.0.0/33",
        "10.0.0.0/-1",
        "10.0.0/24",
        "10/8",
        "10.0.0.0/255.255.255.0",
        "010.0.0.0/24",
        "0x0a000000/8",
        "10.0.0.0 /24",
        "10.0.0.0/2 4",
        "10.0.0.0/\uff12\uff14",
        "10.0.0.0/24/24",
        "a.b.c.d/24",
        "2001:db8::/129",
        "2001:db8:::/48",
        "fe80::%eth0/64",
        "fe80::/64%eth0",
        "10.0.0.0\x00/24",
        "::/" + "9" * 5000,
        "\uff11\uff10.0.0.0/24",
        None,
        10,
        [],
        "10.0.0.0/24\n10.0.1.0/24",
    ],
)
def test_what_is_no_prefix_is_refused(text: Any) -> None:
    with pytest.raises(InvalidInput, match=r"(?s)^pools\[0\]\.prefixes\[1\]: .* is not a prefix"):
        parse_prefix(text, "pools[0].prefixes[1]")


def test_host_bits_are_refused_with_the_prefix_that_was_meant() -> None:
    with pytest.raises(
        InvalidInput, match=r"^prefix: '10\.0\.0\.5/24' has host bits set\. Did you mean 10\.0\.0\.0/24\?"
    ):
        parse_prefix("10.0.0.5/24", "prefix")


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [("10.0.0.1-10.0.0.9", 1, 9), ("10.0.0.1 - 10.0.0.9", 1, 9), ("10.0.0.4", 4, 4), ("10.0.0.8/29", 8, 15)],
)
def test_exclusions_are_prefixes_addresses_or_ranges(text: str, first: int, last: int) -> None:
    base = 10 << 24
    assert parse_excluded(text, "excluded") == (4, base + first, base + last)


@pytest.mark.parametrize("text", ["10.0.0.9-10.0.0.1", "10.0.0.1-", "-10.0.0.1", "10.0.0.1-::2", "10.0.0.1-9", "x"])
def test_what_is_no_exclusion_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"^excluded: "):
        parse_excluded(text, "excluded")


@pytest.mark.parametrize("text", ["10.0.0.0/32", "fe80::1%lo", "", None, "1.2.3", "1.2.3.04"])
def test_what_is_no_address_is_refused(text: Any) -> None:
    with pytest.raises(InvalidInput, match=r"^address: "):
        parse_address(text, "address")


@given(st.sampled_from([4, 6]), st.data())
def test_a_range_is_cut_into_the_fewest_aligned_blocks(family: int, data: st.DataObject) -> None:
    top = (1 << FAMILY_BITS[family]) - 1
    base = data.draw(st.sampled_from([0, top - 255, 1 << 20]))
    first = base + data.draw(st.integers(0, 255))
    last = data.draw(st.integers(first, base + 255))
    blocks = list(split_range(family, first, last))
    assert [n for block in blocks for n in range(block.start, block.last + 1)] == list(range(first, last + 1))
    assert all(block.start % block.size == 0 for block in blocks)
    # Buddies would have been one block.
    assert not any(
        low.size == high.size and low.start % (2 * low.size) == 0 for low, high in itertools.pairwise(blocks)
    )


@pytest.mark.parametrize("family", [4, 6])
def test_the_whole_address_space_is_one_block(family: int) -> None:
    assert list(split_range(family, 0, (1 << FAMILY_BITS[family]) - 1)) == [Block(family, 0, 0)]


# -- names


@pytest.mark.parametrize(
    "name", ["web", "a", "büro-süd", "базы данных", "数据库", "خدمة", "עברית", "🚀 launch", "a/b:c", "e" * LONGEST_NAME]
)
def test_names_may_be_of_any_script(name: str) -> None:
    assert check_name(name, "name") == name


@pytest.mark.parametrize("name", [7, 7.5, True])
def test_plain_scalars_become_text(name: Any) -> None:
    assert check_name(name, "name") == str(name)


def test_the_two_spellings_of_one_character_are_the_same_name() -> None:
    assert check_name("cafe\u0301", "name") == check_name("caf\u00e9", "name") == "caf\u00e9"


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        " a",
        "a ",
        "a\tb",
        "a\nb",
        "a\x00b",
        "\x7f",
        "a\u2028b",
        "a\u2029b",
        "\ud800",
        "a\udfffb",
        "\xa0a",
        None,
        "e" * (LONGEST_NAME + 1),
        "é" * (LONGEST_NAME // 2 + 1),
        "a\x85b",
        "a\n",
    ],
)
def test_what_is_no_name_is_refused(name: Any) -> None:
    with pytest.raises(InvalidInput, match=r"^requests\[0\]\.name: ") as caught:
        check_name(name, "requests[0].name")
    # The message itself can be written anywhere.
    str(caught.value).encode()


@given(st.text(max_size=60))
def test_a_name_once_read_stays_the_same(text: str) -> None:
    try:
        name = check_name(text, "name")
    except InvalidInput:
        return
    assert check_name(name, "name") == name
    assert len(name.encode()) <= LONGEST_NAME


# -- requests


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"prefix_length": 28}, r"requests\[0\]\.name: is required"),
        ({"name": "a"}, r"requests\[0\]: says no size\. Give one of addresses, prefix_length, prefix"),
        ({"name": "a", "addresses": 1, "prefix_length": 28}, "addresses and prefix_length exclude each other"),
        ({"name": "a", "addresses": 0}, r"requests\[0\]\.addresses: "),
        ({"name": "a", "addresses": -1}, r"requests\[0\]\.addresses: "),
        ({"name": "a", "addresses": 2**64 + 1}, r"requests\[0\]\.addresses: "),
        ({"name": "a", "addresses": 10**30}, r"requests\[0\]\.addresses: "),
        ({"name": "a", "addresses": 6.5}, r"requests\[0\]\.addresses: "),
        ({"name": "a", "addresses": True}, r"requests\[0\]\.addresses: "),
        ({"name": "a", "addresses": "many"}, r"requests\[0\]\.addresses: "),
        ({"name": "a", "prefix_length": 129}, r"requests\[0\]\.prefix_length: "),
        ({"name": "a", "prefix_length": -1}, r"requests\[0\]\.prefix_length: "),
        ({"name": "a", "prefix_length": 33, "family": "ipv4"}, r"requests\[0\]\.prefix_length: "),
        ({"name": "a", "prefix": "10.0.0.1/24"}, r"requests\[0\]\.prefix: .*host bits"),
        ({"name": "a", "prefix": "10.0.0.0/24", "family": "ipv6"}, r"requests\[0\]\.family: "),
        ({"name": "a", "prefix_length": 28, "family": "ipx"}, r"requests\[0\]\.family: .*Choose one of ipv4, ipv6"),
        ({"name": "a", "prefix_length": 28, "family": ["ipv4"]}, r"requests\[0\]\.family: "),
        ({"name": "a", "prefix_length": 28, "strategy": "worst_fit"}, r"requests\[0\]\.strategy: "),
        ({"name": "a", "prefix_length": 28, "bandwidth": 0}, r"requests\[0\]\.bandwidth: "),
        ({"name": "a", "prefix_length": 28, "bandwidth": "-1Mbit"}, r"requests\[0\]\.bandwidth: "),
        ({"name": "a", "prefix_length": 28, "ttl": 0}, r"requests\[0\]\.ttl: "),
        ({"name": "a", "prefix_length": 28, "ttl": "-5m"}, r"requests\[0\]\.ttl: "),
        ({"name": "a", "prefix_length": 28, "ttl": 10**18}, r"requests\[0\]\.ttl: "),
        ({"name": "a", "prefix_length": 28, "renew": True}, r"requests\[0\]\.renew: needs ttl"),
        ({"name": "a", "prefix_length": 28, "renew": "perhaps", "ttl": 5}, r"requests\[0\]\.renew: "),
        ({"name": "a", "prefix_length": 28, "pools": ["p", "p"]}, r"requests\[0\]\.pools: 'p' is there twice"),
        ({"name": "a", "prefix_length": 28, "pools": 5}, r"requests\[0\]\.pools: "),
        ({"name": "a", "prefix_length": 28, "labels": ["x"]}, r"requests\[0\]\.labels: expected a dictionary"),
        ({"name": "a", "prefix_length": 28, "labels": {"x": {}}}, r"requests\[0\]\.labels\.x: expected text"),
        ({"name": "a", "prefix_length": 28, "labels": {"x": "a\nb"}}, r"requests\[0\]\.labels\.x: "),
        ({"name": "a", "prefix_length": 28, "labels": dict.fromkeys(range(65))}, "more than 64 entries"),
        ({"name": "a", "prefix_lenght": 28}, r"requests\[0\]: unknown option prefix_lenght\. Known are: name, "),
        ("a", r"requests\[0\]: expected a dictionary, not str"),
        (None, r"requests\[0\]: expected a dictionary, not NoneType"),
        ({"name": ["a"], "prefix_length": 28}, r"requests\[0\]\.name: "),
        ({"name": {"a": 1}, "prefix_length": 28}, r"requests\[0\]\.name: "),
    ],
)
def test_a_bad_request_is_refused_by_the_name_of_its_option(request_: Any, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        read_requests([request_])


def test_a_misspelt_option_is_guessed() -> None:
    with pytest.raises(InvalidInput, match=r"unknown option prefix_lenght\..* Did you mean prefix_length\?$"):
        read_requests([{"name": "a", "prefix_lenght": 28}])
    with pytest.raises(InvalidInput, match=r"unknown option colour\. Known are: [a-z_, ]*\.$"):
        read_requests([{"name": "a", "colour": "red"}])


def test_a_misspelt_option_is_not_taken_for_the_name_of_the_item() -> None:
    given = [{"workload": "web", "instance": 3}]
    error = InvalidInput("unknown option instance.", parameter="reservations[0]")
    error.name_item({"reservations": given})
    assert str(error).endswith("(reservations[0] is 'web'.)")


def test_the_second_request_is_counted_from_zero() -> None:
    with pytest.raises(InvalidInput, match=r"^requests\[1\]\.addresses: '-3' is not a whole number"):
        read_requests([{"name": "a", "addresses": 1}, {"name": "b", "addresses": -3}])


@pytest.mark.parametrize(("one", "other"), [("a", "a"), ("caf\u00e9", "cafe\u0301"), (1, "1")])
def test_the_same_key_twice_in_one_call_is_refused(one: Any, other: Any) -> None:
    with pytest.raises(InvalidInput, match=r"^requests: '.*' is there twice"):
        read_requests([{"name": one, "addresses": 1}, {"name": other, "addresses": 1}])
    with pytest.raises(InvalidInput, match=r"^requests: '.*' is there twice"):
        read_keys([{"name": one}, {"name": other}])


@pytest.mark.parametrize(
    ("options", "family"),
    [
        ({"prefix_length": 24}, 4),
        ({"prefix_length": 33}, 6),
        ({"addresses": 5}, 4),
        ({"prefix": "2001:db8::/64"}, 6),
        ({"prefix_length": 24, "family": "ipv6"}, 6),
        ({"prefix": "10.0.0.0/24", "family": "ipv4"}, 4),
    ],
)
def test_the_family_follows_from_what_is_asked(options: dict[str, Any], family: int) -> None:
    assert read_requests([{"name": "a", **options}])[0].family == family


@pytest.mark.parametrize("item", [{}, {"name": "a", "id": 1}, {"id": 0}, {"id": "x"}, {"id": -1}, {"id": 2**70}, "a"])
def test_a_release_names_one_subnet_by_name_or_id(item: Any) -> None:
    with pytest.raises(InvalidInput, match=r"^requests\[0\]"):
        read_keys([item])


@pytest.mark.parametrize("text", ["9999-12-31T00:00:00Z", "9999-12-31T23:59:59Z", "1970-01-01T00:00:00Z"])
def test_a_time_as_far_away_as_it_can_be_shown_is_taken(text: str) -> None:
    assert format_time(parse_time(text, "t")) == text.replace("Z", ".000Z")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("9999-12-31", "has no zone"),
        (date(9999, 12, 31), "is a day, and no time"),
        ("9999-12-31T23:59:59-01:00", "is outside the years from 1970 to 9999"),
        ("9999-12-31T23:59:59.9999Z", "is outside the years from 1970 to 9999"),
        ("1969-12-31T23:59:59Z", "is outside the years from 1970 to 9999"),
        ("0001-01-01T00:00:00+05:00", "is outside the years from 1970 to 9999"),
        ("99999-12-31T00:00:00Z", "is not a time"),
        ("soon", "is not a time"),
    ],
)
def test_a_time_that_is_refused_says_why(value: Any, reason: str) -> None:
    with pytest.raises(InvalidInput, match=f"^t: '{re.escape(str(value))}' {reason}"):
        parse_time(value, "t")
