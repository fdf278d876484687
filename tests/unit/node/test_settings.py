# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings file: what it may say, and how it says what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.shadownet.ipam.node.sample import SAMPLE
from ansible_collections.shadownet.ipam.node.settings import Limits, Listen, Settings, load_settings, parse_settings
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import InvalidInput

SMALL = """\
listen: [{address: 127.0.0.1, port: 8300}]
host_keys: [host_key]
users: [{name: ada, access: read-write, authorized_keys_file: ada.pub}]
"""
HERE = Path("/etc/node")


def test_a_small_file_has_the_documented_defaults() -> None:
    settings = parse_settings(SMALL, HERE)
    assert settings.listen == (Listen("127.0.0.1", 8300),)
    assert settings.host_keys == (HERE / "host_key",)
    assert settings.users[0].authorized_keys_file == HERE / "ada.pub"
    assert (settings.user, settings.audit, settings.startup.mode) == (None, "stderr", "automatic")
    assert settings.limits == Limits()


def test_the_sample_is_valid_and_its_limits_are_the_defaults() -> None:
    settings = parse_settings(SAMPLE, HERE)
    assert settings.limits == Limits()
    assert settings.startup == Settings((), (), ()).startup
    assert [user.access for user in settings.users] == ["read-write", "read-only"]


def test_sizes_and_durations_are_read_as_people_write_them() -> None:
    settings = parse_settings(SMALL + "limits: {message_size: 1MiB, idle_time: 1h30m, send_queue: 65536}", HERE)
    assert settings.limits.message_size == 2**20
    assert settings.limits.idle_time == 5400
    assert settings.limits.send_queue == 65536


@pytest.mark.parametrize(
    ("before", "after", "parameter", "said"),
    [
        ("host_keys", "hostkeys", "hostkeys", "no such key"),
        ("host_keys: [host_key]", "", "host_keys", "missing"),
        ("host_keys: [host_key]", "host_keys: []", "host_keys", "at least one"),
        ("host_keys: [host_key]", "host_keys: host_key", "host_keys", "list"),
        ("access: read-write", "access: rw", "users[0].access", "read-write or read-only"),
        ("access: read-write", "acess: read-write", "users[0].acess", "no such key"),
        ("access: read-write, ", "", "users[0].access", "missing"),
        (", authorized_keys_file: ada.pub", "", "users[0]", "no key"),
        ("name: ada", "name: ''", "users[0].name", "no name"),
        ("name: ada", 'name: "a\\nb"', "users[0].name", "no name"),
        ("name: ada", "name: 7", "users[0].name", "no name"),
        ("127.0.0.1", "localhost", "listen[0].address", "not an IP address"),
        ("8300", "83000", "listen[0].port", "1 to 65535"),
        ("8300", "true", "listen[0].port", "not a port"),
        ("host_key]", "7]", "host_keys[0]", "not a path"),
        ("users:", "audit: nowhere\nusers:", "audit", "stderr, syslog"),
        ("users:", "startup: {mode: never}\nusers:", "startup.mode", "automatic or explicit"),
        ("users:", "startup: yes\nusers:", "startup", "mapping"),
        ("users:", "limits: {sessions: 0}\nusers:", "limits.sessions", "at least 1"),
        ("users:", "limits: {sessions: many}\nusers:", "limits.sessions", "not a number"),
        ("users:", "limits: {idle_time: soon}\nusers:", "limits.idle_time", "not a duration"),
        ("users:", "limits: {message_size: 10MB}\nusers:", "limits.message_size", "64MiB"),
        ("users:", "limits: {message_size: 10}\nusers:", "limits.message_size", "at least 4096"),
        ("users:", "user: Root!\nusers:", "user", "system user"),
        ("users:", "host_keys: [other]\nusers:", "--config", "twice (line 3)"),
        ("[host_key]", "[host_key", "--config", "not YAML"),
        ("users: [", "users: [{name: ada, access: read-only, authorized_keys_file: b}, ", "users[1].name", "twice"),
    ],
)
def test_what_is_wrong_is_named(before: str, after: str, parameter: str, said: str) -> None:
    text = SMALL.replace(before, after)
    assert text != SMALL
    with pytest.raises(InvalidInput) as caught:
        parse_settings(text, HERE)
    assert caught.value.parameter == parameter
    assert said in str(caught.value)


@pytest.mark.parametrize("text", ["", "- 1", "7", "!!python/object/apply:os.system [true]", "\x00"])
def test_what_is_no_mapping_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_settings(text, HERE)


@pytest.mark.parametrize("text", ["x: " + "[" * 3000, "x: " + "[" * 3000 + "]" * 3000, "x: " + "{a: " * 3000])
def test_what_is_nested_too_deeply_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="--config: the settings are nested too deeply"):
        parse_settings(SMALL + text, HERE)


@pytest.mark.parametrize("value", ["2026-13-45", "!!int x", "!!bool x", "!!map [a]", "!!timestamp x"])
def test_a_value_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(InvalidInput, match="--config: the settings hold a value that YAML cannot read"):
        parse_settings(f"{SMALL}audit: {value}\n", HERE)


def test_a_file_that_others_may_write_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "config.yml"
    file.write_text(SMALL)
    file.chmod(0o664)
    with pytest.raises(InvalidInput, match="chmod go-w"):
        load_settings(file)
    file.chmod(0o644)
    assert load_settings(file).host_keys == (tmp_path / "host_key",)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"config\.yml cannot be read"):
        load_settings(tmp_path / "config.yml")
