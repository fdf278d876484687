# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan as a page that a person looks at: HTML in one file, or Markdown with plots beside it."""

from __future__ import annotations

import html
import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from typing import Any

from .plots import band_plot, overview_plot, replay_plot, slots_plot, trade_off_plot

_STYLE = """\
body{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}
table{border-collapse:collapse;margin:1rem 0}
td,th{border-bottom:1px solid #d8dee4;padding:.25rem .8rem;text-align:right}
td:first-child,th:first-child{text-align:left}svg{max-width:100%;height:auto}.note{color:#57606a}.bad{color:#b3261e}
.wide{overflow-x:auto}summary h2{display:inline}details{border-top:1px solid #d8dee4;padding:.5rem 0}
"""
_SCRIPT = """\
<script>
function show(){var e=document.getElementById(location.hash.slice(1));if(e)e.open=true}
addEventListener("hashchange",show);show()
</script>
"""
_SEVERAL = 2
_SHOWN = 3
"""Up to so many workloads are shown unfolded."""
_FEW = 6
"""So many are drawn sooner than another process has started."""
Step = Callable[[], None]
_COLUMNS = (
    "workload",
    "model",
    "below naive",
    "now",
    "most expected",
    "most in all",
    "most reserved",
    "hits wanted",
    "hits expected",
    "waste expected",
)


def _rows(document: dict[str, Any]) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for name, one in document["workloads"].items():
        signals = one["signals"].values()
        margins = [signal["margin_over_naive"] for signal in signals if signal["margin_over_naive"] is not None]
        found.append(
            (
                name,
                ", ".join(signal["model"] for signal in signals),
                f"{min(margins):.0%}" if margins else "-",
                str(one["current_instances"]),
                str(max(slot["expected_instances"] for slot in one["slots"])),
                str(max(slot["upper_instances"] for slot in one["slots"])),
                str(max(slot["additional_instances"] for slot in one["slots"])),
                f"{one['target_hit_rate']:.1%}",
                f"{one['confidence']:.1%}",
                "-" if one.get("expected_waste") is None else f"{one['expected_waste']:.2f}",
            )
        )
    return found


def _notes(one: dict[str, Any]) -> list[str]:
    found = list(one["notes"])
    for signal, values in one["signals"].items():
        found += [f"{signal}: {text}" for text in (*values["notes"], *values["findings"])]
    return found


def _plots(name: str, one: dict[str, Any], document: dict[str, Any]) -> list[tuple[str, str]]:
    """Plots of a workload, with what each shows."""
    interval, zone = document["interval"], document.get("zone", "UTC")
    found = [("What each slot offers", slots_plot(one, interval, zone))]
    for signal, values in one["signals"].items():
        title = f"{name}: {signal}, history and forecast"
        found.append((title, band_plot(signal, values, interval, one["slots"][0]["starts_at"], zone)))
        if values.get("replay"):
            title = f"{name}: {signal}, the past days with this plan"
            found.append((title, replay_plot(values, interval, zone)))
        if values["trade_off"]:
            found.append((f"{name}: {signal}, hit rate against waste", trade_off_plot(values, one["target_hit_rate"])))
    return found


def _drawn(document: dict[str, Any], step: Step) -> dict[str, list[tuple[str, str]]]:
    """Plots of all workloads, by name; many are drawn on all cores."""
    workloads = document["workloads"]
    rest = {key: value for key, value in document.items() if key != "workloads"}
    found = {}
    for name, plots in zip(workloads, _each(workloads, rest), strict=True):
        found[name] = plots
        step()
    return found


def _each(workloads: dict[str, Any], rest: dict[str, Any]) -> Iterator[list[tuple[str, str]]]:
    workers = min(len(os.sched_getaffinity(0)), len(workloads))
    if len(workloads) < _FEW or workers < 2:
        yield from map(_plots, workloads, workloads.values(), repeat(rest))
        return
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(_plots, workloads, workloads.values(), repeat(rest))


def _overview(document: dict[str, Any]) -> str | None:
    if len(document["workloads"]) < _SEVERAL:
        return None
    return overview_plot(document["workloads"], document["interval"], document.get("zone", "UTC"))


def _nothing() -> None:
    """Nobody watches."""


def as_html(document: dict[str, Any], step: Step = _nothing) -> str:
    """One file without links to anywhere else.

    Args:
        step: called after each workload.
    """
    body = [f"<h1>Demand forecast</h1><p class=note>Made at {html.escape(document['made_at'])}</p>"]
    body += [f"<p class=bad>Source not read: {html.escape(text)}</p>" for text in document["failed_sources"]]
    rows = "".join(_row(row) for row in _rows(document))
    body.append(
        f"<div class=wide><table><tr>{''.join(f'<th>{name}</th>' for name in _COLUMNS)}</tr>{rows}</table></div>"
    )
    overview = _overview(document)
    if overview is not None:
        body.append(f"<h2>What is reserved, by workload and slot</h2>{_inline(overview)}")
    if document["refused"]:
        items = "".join(
            f"<li><b>{html.escape(name)}</b>: {html.escape(why)}</li>" for name, why in document["refused"].items()
        )
        body.append(f"<h2>Not predicted</h2><ul class=bad>{items}</ul>")
    drawn = _drawn(document, step)
    unfolded = " open" if len(document["workloads"]) <= _SHOWN else ""
    for name, one in document["workloads"].items():
        notes = "".join(f"<li>{html.escape(text)}</li>" for text in _notes(one))
        head = f"<details id={_anchor(name)}{unfolded}><summary><h2>{html.escape(name)}</h2></summary>"
        body.append(head + (f"<ul class=note>{notes}</ul>" if notes else ""))
        for title, svg in drawn[name]:
            body.append(f"<h3>{html.escape(title)}</h3>{_inline(svg)}")
        body.append("</details>")
    text = "\n".join(part for part in body if part)
    head = f"<!doctype html><html lang=en><meta charset=utf-8><title>Demand forecast</title><style>{_STYLE}</style>"
    return f"{head}\n<body>\n{text}\n{_SCRIPT}</body></html>\n"


def _inline(svg: str) -> str:
    return svg[svg.index("<svg") :]


def _anchor(name: str) -> str:
    return "w-" + re.sub(r"[^A-Za-z0-9]", lambda found: f"-{ord(found.group()):x}-", name)


def _row(row: tuple[str, ...]) -> str:
    name, *rest = row
    cells = "".join(f"<td>{html.escape(cell)}</td>" for cell in rest)
    return f"<tr><td><a href='#{_anchor(name)}'>{html.escape(name)}</a></td>{cells}</tr>"


def as_markdown(document: dict[str, Any], folder: str, step: Step = _nothing) -> tuple[str, dict[str, str]]:
    """The text, and the SVG files that it shows from `folder`, by name.

    Args:
        step: called after each workload.
    """
    lines = ["# Demand forecast", "", f"Made at {document['made_at']}.", ""]
    lines += [f"- Source not read: {text}" for text in document["failed_sources"]]
    lines += ["| " + " | ".join(_COLUMNS) + " |", "|---" * len(_COLUMNS) + "|"]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in _rows(document)]
    if document["refused"]:
        lines += ["", "## Not predicted", ""]
        lines += [f"- **{name}**: {why}" for name, why in document["refused"].items()]
    plots: dict[str, str] = {}
    drawn = _drawn(document, step)
    overview = _overview(document)
    if overview is not None:
        plots["000-overview.svg"] = overview
        lines += ["", "## What is reserved, by workload and slot", "", f"![overview]({folder}/000-overview.svg)"]
    for name, one in document["workloads"].items():
        lines += ["", f"## {name}", "", *(f"- {text}" for text in _notes(one)), ""]
        for title, svg in drawn[name]:
            file = re.sub(r"[^a-z0-9]+", "-", title.lower() if title.startswith(name) else f"{name} {title}".lower())
            file = f"{len(plots):03}-{file.strip('-')}.svg"
            plots[file] = svg
            lines += [f"### {title}", "", f"![{title}]({folder}/{file})", ""]
    return "\n".join(lines).rstrip() + "\n", plots
