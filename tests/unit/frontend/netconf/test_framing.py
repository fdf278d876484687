# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages survive however the stream is cut, and a stream that is wrong or endless ends the session."""

from __future__ import annotations

import itertools
import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.framing import (
    Framer,
    FramingError,
    framed,
)

MESSAGES = st.lists(
    st.text(max_size=40).map(lambda text: f"<a>{text}</a>".encode()).filter(lambda one: b"]]>]]>" not in one),
    min_size=1,
    max_size=4,
)


def fed(framer: Framer, stream: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    found: list[bytes] = []
    for start, end in itertools.pairwise(places):
        found += framer.feed(stream[start:end])
    return found


@given(messages=MESSAGES, chunked=st.booleans(), cuts=st.lists(st.integers(0, 10_000), max_size=20))
def test_messages_arrive_whatever_the_packets(messages: list[bytes], chunked: bool, cuts: list[int]) -> None:
    framer = Framer(1000)
    framer.chunked = chunked
    stream = b"".join(framed(one, chunked) for one in messages)
    assert fed(framer, stream, cuts) == messages


@given(text=st.text(min_size=1, max_size=60), sizes=st.lists(st.integers(1, 7), min_size=1))
def test_a_chunk_may_end_inside_a_character(text: str, sizes: list[int]) -> None:
    message = text.encode("utf-8", "surrogatepass")
    parts, at, turn = [], 0, 0
    while at < len(message):
        size = sizes[turn % len(sizes)]
        parts.append(message[at : at + size])
        at, turn = at + size, turn + 1
    framer = Framer(1000)
    framer.chunked = True
    stream = b"".join(b"\n#%d\n%s" % (len(part), part) for part in parts) + b"\n##\n"
    assert list(framer.feed(stream)) == [message]


@pytest.mark.parametrize(
    "stream",
    [b"<a/>", b"\n#0\n", b"\n#x\n", b"\n#12345678901\n", b"\n# 5\nabcde", b"#5\nabcde", b"\n#-5\nabcde", b"\n##\n"],
)
def test_what_is_no_chunk_is_refused(stream: bytes) -> None:
    framer = Framer(10**12)
    framer.chunked = True
    with pytest.raises(FramingError):
        list(framer.feed(stream + b" " * 20))


@pytest.mark.parametrize("chunked", [False, True])
def test_a_message_beyond_the_limit_is_refused_before_it_is_kept(chunked: bool) -> None:
    framer = Framer(1000)
    framer.chunked = chunked
    stream = b"\n#600\n" + b"a" * 600 + b"\n#600\n" if chunked else b"a" * 1001
    with pytest.raises(FramingError, match="longer than 1,000"):
        list(framer.feed(stream))


@pytest.mark.parametrize("chunked", [False, True])
def test_ten_megabytes_in_small_packets_take_no_square_of_time(chunked: bool) -> None:
    message = b"<a>" + b"x" * 10_000_000 + b"</a>"
    stream = framed(message, chunked)
    framer = Framer(20_000_000)
    framer.chunked = chunked
    started = time.process_time()
    found = []
    for at in range(0, len(stream), 4096):
        found += framer.feed(stream[at : at + 4096])
    assert found == [message]
    assert time.process_time() - started < 5


def test_a_message_in_tiny_chunks_costs_no_more_memory_than_its_length() -> None:
    framer = Framer(2_000_000)
    framer.chunked = True
    stream = b"\n#2\nab" * 500_000
    tracemalloc.start()
    for at in range(0, len(stream), 32768):
        assert list(framer.feed(stream[at : at + 32768])) == []
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert list(framer.feed(b"\n##\n")) == [b"ab" * 500_000]
    assert peak < 3_000_000
