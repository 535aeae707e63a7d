"""--plot: a panel with the times of each workload, and how near each comes to what the machine allows."""

from __future__ import annotations

import tempfile
import textwrap
from itertools import groupby
from pathlib import Path
from typing import Any

from .contestants import ALONE, OURS
from .engine import Result
from .report import header, key, microseconds
from .roofline import OUR_COLOUR, PEER_COLOUR, draw_roofline, places
from .tables import title
from .workload import SpecError, Workload

# Inches, and characters in a line of the caption for each inch.
PANEL_WIDTH, LINE_HEIGHT, PLACE_HEIGHT, PANEL_MARGIN, CHARACTERS = 5.2, 0.21, 0.42, 0.9, 15


def check_target(path: str) -> None:
    """Whether a picture can be written there: matplotlib, the folder, the kind of picture. Raises SpecError."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
    except ImportError as error:
        raise SpecError("--plot needs matplotlib: pip install matplotlib") from error
    target = Path(path)
    known = sorted(FigureCanvasAgg.get_supported_filetypes())
    if target.suffix.removeprefix(".") not in known:
        raise SpecError(f"--plot {path}: expected a name that ends in one of {', '.join(known)}")
    if not target.parent.is_dir():
        raise SpecError(f"--plot {path}: there is no folder {target.parent}")
    try:
        with tempfile.TemporaryFile(dir=target.parent):
            pass
    except OSError as error:
        raise SpecError(f"--plot {path}: {error.strerror}") from error


def plot(results: list[Result], workloads: list[Workload], facts: dict[str, Any], path: str) -> None:
    """Write the picture to a file, which check_target() has agreed to."""
    try:
        picture(results, workloads, facts).savefig(path, dpi=120)
    except (OSError, ValueError) as error:
        raise SpecError(f"--plot {path}: {error}") from error


def picture(results: list[Result], workloads: list[Workload], facts: dict[str, Any]) -> Any:
    """The picture, a Figure of matplotlib."""
    from matplotlib.figure import Figure

    groups = [(k, sorted((r for r in group if r.seconds), key=seconds_of)) for k, group in groupby(results, key)]
    groups = [(workload, timed) for workload, timed in groups if timed]
    near = places(results, workloads)
    columns = min(len(groups), 2 if len(groups) <= 4 else 3)
    lines = -(-len(groups) // columns)
    panel = LINE_HEIGHT * max(len(timed) for _, timed in groups) + PANEL_MARGIN
    roofline = PLACE_HEIGHT * len(near) + PANEL_MARGIN
    width = PANEL_WIDTH * max(columns, 2)
    caption = "\n".join(textwrap.fill(line, int(CHARACTERS * width)) for line in header(facts).splitlines())
    height = lines * panel + roofline + 0.16 * (caption.count("\n") + 4)
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.get_layout_engine().set(h_pad=0.12, w_pad=0.12)
    grid = figure.add_gridspec(lines + 1, columns, height_ratios=[panel] * lines + [roofline])
    for number, (workload, timed) in enumerate(groups):
        _draw_times(figure.add_subplot(grid[number // columns, number % columns]), title(workload), timed)
    draw_roofline(figure.add_subplot(grid[lines, :]), near, [textwrap.fill(title(p.workload), 48) for p in near])
    figure.suptitle("Time of a call in microseconds, the median and the quartiles")
    figure.supxlabel(caption, x=0.01, ha="left", fontsize=7, color=PEER_COLOUR)
    return figure


def seconds_of(result: Result) -> float:
    """Of a result that has them."""
    assert result.seconds is not None
    return result.seconds


def _draw_times(axes: Any, name: str, timed: list[Result]) -> None:
    """One workload: the fastest on top, each time beside its point."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    spans = [(1e6 * (r.low or seconds_of(r)), 1e6 * (r.high or seconds_of(r))) for r in timed]
    colours = [OUR_COLOUR if r.contestant in (*OURS, ALONE) else PEER_COLOUR for r in timed]
    for place, (r, span, colour) in enumerate(zip(timed, spans, colours, strict=True)):
        axes.plot(span, [place, place], color=colour, linewidth=1.5, alpha=0.5)
        axes.plot(1e6 * seconds_of(r), place, "o", color=colour, markersize=5)
        beside = {"xytext": (6, 0), "textcoords": "offset points", "va": "center", "fontsize": 8}
        axes.annotate(microseconds(r.seconds), (span[1], place), color=colour, **beside)
    axes.set_yticks(range(len(timed)), [r.contestant for r in timed], fontsize=8)
    for label, colour in zip(axes.get_yticklabels(), colours, strict=True):
        label.set_color(colour)
    axes.set_ylim(len(timed) - 0.4, -0.6)
    axes.set_xscale("log")
    lowest, highest = min(low for low, _ in spans), max(high for _, high in spans)
    room = max(highest / lowest, 2.0) ** 0.2  # for the number beside the last point
    axes.set_xlim(lowest / room**0.4, highest * room)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if highest / lowest < 100 else (1,)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("us", fontsize=8)
    axes.tick_params(axis="x", labelsize=8)
    axes.grid(axis="x", which="both", alpha=0.15)
    axes.set_title(textwrap.fill(name, 56), fontsize=9, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
