# SPDX-License-Identifier: GPL-3.0-or-later
"""The YANG modules that this node speaks, loaded once: what clients may say, and what they are told about it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any

import libyang
from _libyang import ffi, lib

OWN_MODULES = Path(__file__).resolve().parent.parent / "yang"

# Module -> its features that this node has. What a feature would bring and the kernel side cannot do is left out here,
# so that clients read it in the yang-library; single nodes are taken out by the module of deviations.
MODULES: dict[str, tuple[str, ...]] = {
    "ietf-yang-library": (),
    "iana-if-type": (),
    "ietf-interfaces": ("arbitrary-names", "if-mib"),
    "ietf-ip": (),
    "ietf-routing": (),
    "ietf-ipv4-unicast-routing": (),
    "ietf-ipv6-unicast-routing": (),
    "ietf-access-control-list": (
        "match-on-eth",  # lists of both families need it; the match itself is deviated away
        "match-on-ipv4",
        "match-on-ipv6",
        "match-on-tcp",
        "match-on-udp",
        "ipv4",
        "ipv6",
        "mixed-eth-ipv4-ipv6",
        "acl-aggregate-stats",
        "interface-attachment",
    ),
    "ietf-netconf": ("candidate", "confirmed-commit", "rollback-on-error", "validate", "xpath"),
    "ietf-netconf-with-defaults": (),
    "ietf-netconf-monitoring": (),
    "notifications": (),
    "nc-notifications": (),
    "ietf-netconf-notifications": (),
    "shadownet-node-deviations": (),
}


_INTERNAL = {"yang", "ietf-yang-metadata", "ietf-yang-schema-mount", "ietf-yang-structure-ext"}


class SchemaMissing(Exception):
    """A YANG module cannot be found or read. The message says which, and what to install."""


@dataclass(frozen=True, slots=True)
class ModuleFacts:
    """One module as the yang-library tells it."""

    name: str
    revision: str
    namespace: str
    prefix: str
    implemented: bool
    yang_1_1: bool
    features: tuple[str, ...]
    deviated_by: tuple[str, ...]


class Schema:
    """The context of all modules. One for the life of the process."""

    def __init__(self, *, startup: bool = False) -> None:
        """
        Args:
            startup: whether ``:startup`` is announced.

        Raises:
            SchemaMissing: see there.
        """
        self.context = libyang.Context(":".join(map(str, [OWN_MODULES, *_folders()])))
        for name, features in MODULES.items():
            wanted = (*features, "startup") if startup and name == "ietf-netconf" else features
            self._load(name, wanted)

    def _load(self, name: str, features: tuple[str, ...]) -> None:
        words = [ffi.new("char []", word.encode()) for word in features]
        # A list without members means none of the features, no list all of them (libyang would then enable them).
        listed = ffi.new("char *[]", [*words, ffi.NULL])
        if not lib.ly_ctx_load_module(self.context.cdata, name.encode(), ffi.NULL, listed):
            reason = self.context.error("libyang")
            raise SchemaMissing(
                f"YANG module '{name}' cannot be loaded: {reason}. Install the extra 'node' (pip install "
                "'shadownet-ipam[node]'), whose package pyang ships the modules."
            )

    @cached_property
    def modules(self) -> tuple[ModuleFacts, ...]:
        """All modules, those only imported too."""
        return tuple(_facts(module.cdata) for module in self.context)

    @cached_property
    def announced(self) -> tuple[ModuleFacts, ...]:
        """The modules that clients are told about: what libyang has inside for itself is not spoken here."""
        return tuple(module for module in self.modules if module.name not in _INTERNAL)

    @cached_property
    def by_namespace(self) -> dict[str, ModuleFacts]:
        """Namespace -> implemented module."""
        return {module.namespace: module for module in self.modules if module.implemented}

    @cached_property
    def by_name(self) -> dict[str, ModuleFacts]:
        """Name -> module."""
        return {module.name: module for module in self.modules}

    @cached_property
    def content_id(self) -> str:
        """Changes when the set of modules does (RFC 8525, 3)."""
        words = "\n".join(sorted(repr(module) for module in self.announced))
        return hashlib.sha256(words.encode()).hexdigest()[:16]

    def source(self, name: str, yin: bool = False) -> bytes:
        """The module's text for <get-schema>: its own file where there is one.

        Raises:
            KeyError: no such module.
        """
        facts = self.by_name[name]
        module = lib.ly_ctx_get_module(self.context.cdata, name.encode(), facts.revision.encode() or ffi.NULL)
        if module.filepath and not yin:
            return Path(ffi.string(module.filepath).decode()).read_bytes()
        made = ffi.new("char **")
        form = lib.LYS_OUT_YIN if yin else lib.LYS_OUT_YANG
        if lib.lys_print_mem(made, module, form, 0) != lib.LY_SUCCESS:
            raise KeyError(name)
        try:
            return bytes(ffi.string(made[0]))
        finally:
            lib.free(made[0])


def _folders() -> list[Path]:
    try:
        listed = files("pyang") or []
    except PackageNotFoundError:
        listed = []
    wanted = {"ietf-interfaces.yang", "iana-if-type.yang"}
    found = {Path(str(file.locate())).resolve().parent for file in listed if file.name in wanted}
    if not found:
        raise SchemaMissing(
            "The package pyang, which ships the YANG modules, is not installed: install the extra 'node'."
        )
    return sorted(found)


def _facts(module: Any) -> ModuleFacts:
    def text(words: Any) -> str:
        return ffi.string(words).decode() if words else ""

    implemented = bool(module.implemented)
    deviated = []
    if module.deviated_by:
        # libyang counts its arrays in front of the first member.
        count = ffi.cast("uint64_t *", module.deviated_by)[-1]
        deviated = [text(module.deviated_by[index].name) for index in range(count)]
    features = []
    if implemented:
        index = ffi.new("uint32_t *")
        feature = lib.lysp_feature_next(ffi.NULL, module.parsed, index)
        while feature:
            if lib.lys_feature_value(module, feature.name) == lib.LY_SUCCESS:
                features.append(text(feature.name))
            feature = lib.lysp_feature_next(feature, module.parsed, index)
    return ModuleFacts(
        name=text(module.name),
        revision=text(module.revision),
        namespace=text(module.ns),
        prefix=text(module.prefix),
        implemented=implemented,
        yang_1_1=bool(module.parsed) and module.parsed.version >= 2,
        features=tuple(features),
        deviated_by=tuple(deviated),
    )
