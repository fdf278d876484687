# SPDX-License-Identifier: GPL-3.0-or-later
"""A dialect of the user's own: a copy works, and a mistake is told by file and line, before a node is contacted."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.diff import transition
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.dialect import Dialect, own_dialects
from ansible_collections.shadownet.ipam.plugins.module_utils.frontend.netconf.transport import NetconfTransport
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import InvalidInput
from ansible_collections.shadownet.ipam.plugins.module_utils.model.node_config import NodeConfig

BRIDGE = NodeConfig.from_dict({"interfaces": [{"name": "irb.7", "type": "bridge"}]})


def payload(folder: Path) -> str:
    transport = NetconfTransport(dialect=Dialect(path=folder))
    return "\n".join(transport.render(transition(NodeConfig(), BRIDGE)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of a dialect of the collection."""
    return Path(shutil.copytree(Dialect("ietf").folder, tmp_path / "mine"))


def change(file: Path, old: str, new: str) -> int:
    """Replaces words, and says in which line."""
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    return text[: text.index(old)].count("\n") + 1


@pytest.mark.parametrize("name", own_dialects())
def test_a_copy_does_the_same(name: str, tmp_path: Path) -> None:
    shutil.copytree(Dialect(name).folder, tmp_path, dirs_exist_ok=True)
    theirs = NetconfTransport(dialect=Dialect(name)).render(transition(NodeConfig(), BRIDGE))
    assert payload(tmp_path) == "\n".join(theirs)


def test_a_change_in_the_copy_counts(folder: Path) -> None:
    change(folder / "dialect.yml", "bridge: bridge", "bridge: propVirtual")
    assert "ianaift:propVirtual" in payload(folder)


def refusal(folder: Path) -> str:
    with pytest.raises(InvalidInput) as caught:
        payload(folder)
    assert caught.value.parameter == "dialect_path"
    assert "\n" not in caught.value.message
    return caught.value.message


def test_an_empty_folder(tmp_path: Path) -> None:
    assert refusal(tmp_path) == f"{tmp_path}/dialect.yml cannot be read: No such file or directory."
    assert "cannot be read" in refusal(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("types:", "types: ]", "{place}:{line}: "),
        ("types:\n", "types:\n\tx: 1\n", "{place}:{after}: "),
        ("namespaces:", "spaces:", "is no dialect"),
        ("types:", "kinds: {}\ntypes:", "is no dialect"),
        ("types:\n  bridge: bridge\n  vlan: l2vlan", "types: [bridge]", "{place}: types is no mapping."),
        ("    name: if:name\n", "", "{place}: read.interfaces needs each, name, type."),
        ("\ncannot:\n", "\ncannot: 7\nname_pattern:\n", "{place}: cannot is no mapping."),
        (
            "interfaces: [ietf-interfaces, iana-if-type]",
            "interfaces: ietf-ip",
            "{place}: modules.interfaces is no list.",
        ),
        ("\ntypes:\n", "\nname_pattern: 'a['\ntypes:\n", "{place}: name_pattern: 'a[' is no regular expression"),
        ("{parent}.{vlan_id}", "{parent}.{vlan}", "{place}: vlan_name: '{{parent}}.{{vlan}}' may hold {{parent}} and"),
        ("prefix: v4:dest", "prefixes: v4:dest", "{place}: read.routes needs each, prefix."),
        ("name: if:name", "name: if:name[", "{place}: read.interfaces.name: 'if:name[' is no XPath expression"),
        ("name: if:name", "name: of:name", "{place}: read.interfaces.name: 'of:name' is no XPath expression"),
        ("name: if:name", "name: 7", "{place}: read.interfaces.name: '7' is no XPath"),
    ],
)
def test_mistakes_in_the_data(folder: Path, old: str, new: str, words: str) -> None:
    place = folder / "dialect.yml"
    line = change(place, old, new)
    assert words.format(place=place, line=line, after=line + 1) in refusal(folder)


@pytest.mark.parametrize("key", ["namespaces", "types", "read", "modules", "cannot"])
def test_a_key_without_a_value(folder: Path, key: str) -> None:
    with (folder / "dialect.yml").open("a") as file:
        file.write(f"\n{key}:\n")
    assert refusal(folder) == f"{folder}/dialect.yml: {key} is no mapping."


def test_data_that_is_no_text(folder: Path) -> None:
    (folder / "dialect.yml").write_bytes(b"\xff\xfe")
    assert refusal(folder).startswith(f"{folder}/dialect.yml is not UTF-8")


@pytest.mark.parametrize("file", ["edit.xml.j2", "filter.xml.j2", "names.xml.j2"])
def test_a_template_that_is_missing(folder: Path, file: str) -> None:
    (folder / file).unlink()
    with pytest.raises(InvalidInput, match="does not exist") as caught:
        Dialect(path=folder)
    assert caught.value.message == f"{folder / file} does not exist."


LOOP = "{% for one in range(90000) %}{% for two in range(90000) %}{% endfor %}{% endfor %}"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("{% if %}", "Expected an expression"),
        ("{% endfor %}{% endfor %}", "unknown tag 'endfor'"),
        ("{{ nothing }}", "'nothing' is undefined"),
        ("{{ interfaces.0.nothing }}", "has no attribute 'nothing'"),
        ("{{ 1 // 0 }}", "zero"),
        ("{{ 'a' + 1 }}", "str"),
        ("{{ interfaces | nothing }}", "No filter named 'nothing'"),
        ("{{ interfaces.__class__.__mro__ }}", "unsafe"),
        ("{% include 'other.j2' %}", "/other.j2 does not exist"),
        ("{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}", "recursion"),
        (LOOP, "range() gave more than 1,000,000 numbers"),
    ],
)
def test_mistakes_in_a_template(folder: Path, wrong: str, words: str) -> None:
    line = change(folder / "edit.xml.j2", "{% if interfaces %}", f"{wrong}{{% if interfaces %}}")
    started = time.process_time()
    said = refusal(folder)
    assert words in said
    assert said.startswith(f"{folder}/edit.xml.j2:{line}: ")
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    ("old", "new"), [("</config>", ""), ("<config", "<!DOCTYPE x><config"), ("<name>", "<name\x00>")]
)
def test_what_a_template_makes_is_well_formed(folder: Path, old: str, new: str) -> None:
    change(folder / "edit.xml.j2", old, new)
    assert refusal(folder).startswith(f"{folder}/edit.xml.j2 makes no well-formed XML: ")


def test_a_template_reads_no_other_files(folder: Path) -> None:
    (folder.parent / "secret").write_text("secret")
    change(folder / "edit.xml.j2", "{% if interfaces %}", "{% include '../secret' %}{% if interfaces %}")
    assert "does not exist" in refusal(folder)


def test_names_of_dialects_are_no_paths() -> None:
    with pytest.raises(InvalidInput, match="Choose one of ietf, junos, openconfig"):
        Dialect("../ietf")
