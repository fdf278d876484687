# SPDX-License-Identifier: GPL-3.0-or-later
"""The yang-library (RFC 8525), its older form modules-state (RFC 7895), and the capabilities of <hello>."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from .message import BASE_1_0, BASE_1_1
from .schema import ModuleFacts, Schema

_SET = "shadownet-node"
_CAPABILITY = "urn:ietf:params:netconf:capability:"


def capabilities(schema: Schema, *, startup: bool) -> list[str]:
    """What <hello> and netconf-state announce. Modules of YANG 1.1 are in the yang-library only (RFC 7950, 5.6.4)."""
    found = [BASE_1_0, BASE_1_1]
    found += [
        f"{_CAPABILITY}{name}"
        for name in (
            "candidate:1.0",
            "confirmed-commit:1.0",
            "confirmed-commit:1.1",
            "rollback-on-error:1.0",
            "validate:1.0",
            "validate:1.1",
            "xpath:1.0",
            "notification:1.0",
            "interleave:1.0",
            "with-defaults:1.0?basic-mode=explicit&also-supported=report-all,report-all-tagged,trim",
        )
    ]
    if startup:
        found.append(f"{_CAPABILITY}startup:1.0")
    library = schema.by_name["ietf-yang-library"].revision
    found.append(f"{_CAPABILITY}yang-library:1.1?revision={library}&content-id={schema.content_id}")
    found += [_module_uri(module) for module in schema.announced if module.implemented and not module.yang_1_1]
    return found


def library(schema: Schema, *, startup: bool) -> dict[str, Any]:
    """Both forms, as JSON values of RFC 7951."""
    implemented = [module for module in schema.announced if module.implemented]
    imported = [module for module in schema.announced if not module.implemented]
    names = ["running", "candidate", "operational", *(["startup"] if startup else [])]
    return {
        "ietf-yang-library:yang-library": {
            "module-set": [
                {
                    "name": _SET,
                    "module": [_described(module) for module in implemented],
                    "import-only-module": [_basic(module) for module in imported],
                }
            ],
            "schema": [{"name": _SET, "module-set": [_SET]}],
            "datastore": [{"name": f"ietf-datastores:{name}", "schema": _SET} for name in names],
            "content-id": schema.content_id,
        },
        "ietf-yang-library:modules-state": {
            "module-set-id": schema.content_id,
            "module": [
                *({**_older(module), "conformance-type": "implement"} for module in implemented),
                *({**_basic(module), "conformance-type": "import"} for module in imported),
            ],
        },
    }


def _basic(module: ModuleFacts) -> dict[str, Any]:
    return {"name": module.name, "revision": module.revision, "namespace": module.namespace}


def _described(module: ModuleFacts) -> dict[str, Any]:
    found = _basic(module)
    if not module.revision:
        del found["revision"]
    if module.features:
        found["feature"] = list(module.features)
    if module.deviated_by:
        found["deviation"] = list(module.deviated_by)
    return found


def _older(module: ModuleFacts) -> dict[str, Any]:
    found = _basic(module)
    if module.features:
        found["feature"] = list(module.features)
    if module.deviated_by:
        # The older form names the revision of the deviating module too; "" is one without.
        found["deviation"] = [{"name": name, "revision": ""} for name in module.deviated_by]
    return found


def _module_uri(module: ModuleFacts) -> str:
    words = [f"module={module.name}"]
    if module.revision:
        words.append(f"revision={module.revision}")
    if module.features:
        words.append(f"features={','.join(module.features)}")
    if module.deviated_by:
        words.append(f"deviations={','.join(module.deviated_by)}")
    return f"{quote(module.namespace, safe=':/')}?{'&'.join(words)}"
