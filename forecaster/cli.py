# SPDX-License-Identifier: GPL-3.0-or-later
"""The command ``shadownet-forecast``: arguments in, exit status out. Each subcommand's work is in its own file."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ..plugins.module_utils.model.errors import ShadownetError

# Small matrices: threads of a linear algebra library cost more than they save, and workloads run side by side anyway.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

from .cli_backtest import add_backtest  # noqa: E402
from .cli_plan import add_plan  # noqa: E402
from .cli_report import add_report  # noqa: E402
from .cli_values import count, examples, moment, write_text  # noqa: E402
from .say import say  # noqa: E402

_EXAMPLES = """\
examples:
  shadownet-forecast plan --config forecast.yml -o reservations.yml --report plan.json
  shadownet-forecast report plan.json -o plan.html
  shadownet-forecast backtest web.csv vm.csv
  shadownet-forecast quantiles load.csv --origin 2026-01-31T23:00:00 --horizon 24 --interval 1h -o out.csv

The exit status is 0 for success, 1 for an error (said on standard error), 2 for a wrong command line, and 3 if some
workloads could not be predicted while the others were."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; gives its exit status."""
    parser = argparse.ArgumentParser(
        prog="shadownet-forecast",
        description="Forecasts demand from telemetry, and writes the reservations that meet it.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    add_plan(commands)
    add_backtest(commands)
    add_report(commands)
    _add_quantiles(commands)
    given = parser.parse_args(arguments)
    try:
        return int(given.run(given))
    except ShadownetError as error:
        say(str(error))
    except ModuleNotFoundError as error:
        say(f"{error}. Install what forecasts need: pip install 'shadownet-ipam[forecast]'")
    except BrokenPipeError:
        # Whoever read standard output has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        say(f"{error.filename or 'output'}: {error.strerror or error}")
    return 1


def _add_quantiles(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    made = commands.add_parser(
        "quantiles",
        help="quantiles of one series",
        description="Quantiles of the intervals after the origin.",
        **examples(
            "shadownet-forecast quantiles load.csv --origin 2026-01-31T23:00:00 --horizon 24 --interval 1h -o out.csv"
        ),
    )
    made.add_argument("input", type=Path, metavar="INPUT.csv", help="times and values; an empty value is a gap")
    made.add_argument("--origin", required=True, type=moment, help="the last interval that is known (ISO 8601)")
    made.add_argument("--horizon", type=count, default=24, metavar="N", help="how many intervals (%(default)s)")
    made.add_argument("--interval", default="1h", metavar="TIME", help="of one value, like 15m (%(default)s)")
    made.add_argument("--zone", default="UTC", help="IANA name, of times without a zone (%(default)s)")
    made.add_argument("--models", default="fast", help="names of models, or fast or all (%(default)s)")
    made.add_argument("--levels", default="0.5,0.9,0.95,0.99", help="probabilities (%(default)s)")
    made.add_argument("-o", "--output", type=Path, metavar="OUT.csv", help="where to (standard output)")
    made.add_argument("--explain", action="store_true", help="say on standard error how it was forecast")
    made.set_defaults(run=_quantiles)


def _quantiles(given: argparse.Namespace) -> int:
    from ..plugins.module_utils.model.units import parse_duration  # noqa: PLC0415  # numpy comes with these
    from .explain import explain  # noqa: PLC0415
    from .inputs.source import zone_of  # noqa: PLC0415
    from .models.registry import chosen_names  # noqa: PLC0415
    from .quantiles import QuantilesRequest, as_csv, check_levels, forecast_file  # noqa: PLC0415

    zone_of(given.zone, "--zone")
    levels = check_levels([_probability(one) for one in given.levels.split(",")])
    request = QuantilesRequest(
        path=given.input,
        origin=given.origin,
        horizon=given.horizon,
        interval=parse_duration(given.interval, "--interval"),
        zone=given.zone,
        models=chosen_names(given.models.split(",")),
        levels=levels,
    )
    forecast, found = forecast_file(request)
    write_text(as_csv(forecast, request), given.output)
    if given.explain:
        for line in [*(one.message for one in found), *explain(forecast)]:
            say(line)
    return 0


def _probability(text: str) -> float:
    from ..plugins.module_utils.model.errors import InvalidInput  # noqa: PLC0415

    try:
        return float(text)
    except ValueError:
        raise InvalidInput(f"'{text}' is no number.", parameter="--levels") from None


if __name__ == "__main__":
    sys.exit(main())
