# SPDX-License-Identifier: GPL-3.0-or-later
"""XPath expressions that would keep all sessions waiting are refused, those that people write are not."""

from __future__ import annotations

import pytest

pytest.importorskip("libyang", reason="needs the extra node")

from ansible_collections.shadownet.ipam.node.engine.errors import Fault
from ansible_collections.shadownet.ipam.node.engine.xpath_cost import check_cost


@pytest.mark.parametrize(
    "expression",
    [
        "/if:interfaces/if:interface[if:name='eth0']/if:enabled",
        "//*",
        "/*",
        "/",
        "//if:interface[if:name = 'a/b//c..']",
        "/rt:routing//v4:route[v4:destination-prefix='10.0.0.0/8'][v4:next-hop/*/v4:special-next-hop]",
        "/if:interfaces/if:interface[*/if:a or count(if:b/if:c) * 2 > 3 and not(if:d)]",
        "/a/b | /c/d[e] | //f/..",
        "//a[2 * 3 = b/c]/../d",
        "/a[b = 'x' and c = \"y\"]",
        "/a[.='x']",
    ],
)
def test_what_people_write_is_evaluated(expression: str) -> None:
    check_cost(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "//*[//*]",
        "//*[//*[//*]]",
        "//*[/a/b]",
        "//*[/ a]",
        "//*[2*/a]",
        "//*[count(/a) > 1]",
        "//*[a = /b]",
        "//*[a or /b]",
        "//*[../*]",
        "//*[a[../b]]",
        "//*[ancestor::*/b]",
        "//*[descendant :: a]",
        "//*[current()/a]",
        "//*[deref(a)/b]",
        "//*/following::*",
        "//*[preceding-sibling::a]",
        "//a" * 9,
        "|".join(["/a"] * 40),
        "/a" * 70,
        "/a" + "[b]" * 70,
    ],
)
def test_what_costs_more_than_the_data_is_refused(expression: str) -> None:
    with pytest.raises(Fault):
        check_cost(expression)
