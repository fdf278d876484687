# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan as a page that a person looks at: HTML in one file, or Markdown with plots beside it."""

from __future__ import annotations

import html
import re
from typing import Any

from .plots import band_plot, slots_plot, trade_off_plot

_STYLE = """\
body{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}
table{border-collapse:collapse;margin:1rem 0}
td,th{border-bottom:1px solid #d8dee4;padding:.25rem .8rem;text-align:right}
td:first-child,th:first-child{text-align:left}svg{max-width:100%;height:auto}.note{color:#57606a}.bad{color:#b3261e}
"""
_COLUMNS = ("workload", "model", "below naive", "now", "most expected", "most reserved for", "confidence")


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
                f"{one['confidence']:.1%}",
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
    found = [("Instances by slot", slots_plot(one))]
    for signal, values in one["signals"].items():
        title = f"{name}: {signal}, history and forecast"
        found.append((title, band_plot(values, document["interval"], one["slots"][0]["starts_at"])))
        if values["trade_off"]:
            found.append((f"{name}: {signal}, hit rate against waste", trade_off_plot(values, one["target_hit_rate"])))
    return found


def as_html(document: dict[str, Any]) -> str:
    """One file without links to anywhere."""
    body = [f"<h1>Demand forecast</h1><p class=note>Made at {html.escape(document['made_at'])}</p>"]
    body += [f"<p class=bad>Source not read: {html.escape(text)}</p>" for text in document["failed_sources"]]
    rows = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in _rows(document))
    body.append(f"<table><tr>{''.join(f'<th>{name}</th>' for name in _COLUMNS)}</tr>{rows}</table>")
    if document["refused"]:
        items = "".join(
            f"<li><b>{html.escape(name)}</b>: {html.escape(why)}</li>" for name, why in document["refused"].items()
        )
        body.append(f"<h2>Not predicted</h2><ul class=bad>{items}</ul>")
    for name, one in document["workloads"].items():
        body.append(f"<h2>{html.escape(name)}</h2>")
        notes = "".join(f"<li>{html.escape(text)}</li>" for text in _notes(one))
        body.append(f"<ul class=note>{notes}</ul>" if notes else "")
        for title, svg in _plots(name, one, document):
            body.append(f"<h3>{html.escape(title)}</h3>{svg[svg.index('<svg') :]}")
    text = "\n".join(part for part in body if part)
    head = f"<!doctype html><html lang=en><meta charset=utf-8><title>Demand forecast</title><style>{_STYLE}</style>"
    return f"{head}\n<body>\n{text}\n</body></html>\n"


def as_markdown(document: dict[str, Any], folder: str) -> tuple[str, dict[str, str]]:
    """The text, and the SVG files that it shows from `folder`, by name."""
    lines = ["# Demand forecast", "", f"Made at {document['made_at']}.", ""]
    lines += [f"- Source not read: {text}" for text in document["failed_sources"]]
    lines += ["| " + " | ".join(_COLUMNS) + " |", "|---" * len(_COLUMNS) + "|"]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in _rows(document)]
    if document["refused"]:
        lines += ["", "## Not predicted", ""]
        lines += [f"- **{name}**: {why}" for name, why in document["refused"].items()]
    plots: dict[str, str] = {}
    for name, one in document["workloads"].items():
        lines += ["", f"## {name}", "", *(f"- {text}" for text in _notes(one)), ""]
        for title, svg in _plots(name, one, document):
            file = re.sub(r"[^a-z0-9]+", "-", title.lower() if title.startswith(name) else f"{name} {title}".lower())
            file = f"{len(plots):03}-{file.strip('-')}.svg"
            plots[file] = svg
            lines += [f"![{title}]({folder}/{file})", ""]
    return "\n".join(lines).rstrip() + "\n", plots
