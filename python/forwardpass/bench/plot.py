"""--plot: a panel for each workload, and all of them under this machine's own measured ceilings."""

from __future__ import annotations

import os
import textwrap
from itertools import groupby
from pathlib import Path
from typing import Any

from .contestants import OURS
from .engine import Result
from .report import header, key, microseconds
from .roofline import OUR_COLOUR, PEER_COLOUR, ROOF_COLOUR, draw_roofline
from .tables import title
from .workload import SpecError, Workload

# Inches, and characters in a line of the caption for each inch.
PANEL_WIDTH, LINE_HEIGHT, PANEL_MARGIN, ROOFLINE_HEIGHT, CHARACTERS = 5.2, 0.21, 0.9, 5.0, 15


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
    if not os.access(target if target.exists() else target.parent, os.W_OK) or target.is_dir():
        raise SpecError(f"--plot {path}: cannot be written")


def plot(results: list[Result], workloads: list[Workload], facts: dict[str, Any], path: str) -> None:
    """Write the picture to a file, which check_target() has agreed to."""
    try:
        picture(results, workloads, facts).savefig(path, dpi=120)
    except (OSError, ValueError) as error:
        raise SpecError(f"--plot {path}: {error}") from error


def picture(results: list[Result], workloads: list[Workload], facts: dict[str, Any]) -> Any:
    """The picture, a Figure of matplotlib."""
    from matplotlib.figure import Figure

    groups = [(k, [r for r in group if r.seconds]) for k, group in groupby(results, key)]
    columns = min(len(groups), 1 if len(groups) == 1 else 2 if len(groups) <= 4 else 3)
    lines = -(-len(groups) // columns)
    panel = LINE_HEIGHT * max(len(members) for _, members in groups) + PANEL_MARGIN
    width = PANEL_WIDTH * max(columns, 2)
    caption = "\n".join(textwrap.fill(line, int(CHARACTERS * width)) for line in header(facts).splitlines())
    dtypes = sorted({r.dtype for r in results})
    height = lines * panel + len(dtypes) * ROOFLINE_HEIGHT + 0.16 * (caption.count("\n") + 3)
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.get_layout_engine().set(h_pad=0.12, w_pad=0.12)
    heights = [panel] * lines + [ROOFLINE_HEIGHT] * len(dtypes)
    grid = figure.add_gridspec(len(heights), columns, height_ratios=heights)
    for number, (workload, members) in enumerate(groups):
        _times(figure.add_subplot(grid[number // columns, number % columns]), title(workload), members)
    for line, dtype in enumerate(dtypes, lines):
        of_dtype = [r for r in results if r.dtype == dtype]
        draw_roofline(figure.add_subplot(grid[line, :]), of_dtype, workloads, dtype)
    figure.suptitle("Microseconds of a call, the median and its quartiles: forwardpass and its peers")
    figure.supxlabel(caption, x=0.01, ha="left", fontsize=7, color=PEER_COLOUR)
    return figure


def _times(axes: Any, name: str, members: list[Result]) -> None:
    """One workload: the fastest on top, each time beside its point."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    ordered = sorted(members, key=lambda r: r.seconds or 0)
    for place, r in enumerate(ordered):
        colour = OUR_COLOUR if r.contestant in OURS else PEER_COLOUR
        low, median, high = (1e6 * (seconds or 0) for seconds in (r.low, r.seconds, r.high))
        axes.plot([low, high], [place, place], color=colour, linewidth=1.5, alpha=0.5)
        axes.plot(median, place, "o", color=colour, markersize=5)
        axes.annotate(
            microseconds(r.seconds),
            (high, place),
            (6, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color=colour,
        )
    axes.set_yticks(range(len(ordered)), [r.contestant for r in ordered], fontsize=8)
    for label, r in zip(axes.get_yticklabels(), ordered, strict=True):
        label.set_color(OUR_COLOUR if r.contestant in OURS else ROOF_COLOUR)
    axes.set_ylim(len(ordered) - 0.4, -0.6)
    axes.set_xscale("log")
    lowest, highest = min(1e6 * (r.low or 0) for r in ordered), max(1e6 * (r.high or 0) for r in ordered)
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
