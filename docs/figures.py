"""Draws the pictures of the documentation, and writes the README's speeds, from tables in the repository.

    pip install '.[plot]'
    python docs/figures.py            # writes docs/figures/*.svg, and the speeds between two markers of README.md

A table is a .csv that benchmarks/table.py wrote beside its page; it names the commit that was measured.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
OURS, INTO, PEERS = "forwardpass", "forwardpass out=", ("NumPy", "torch", "onnxruntime", "LiteRT")
NOT_PEERS = (OURS, INTO, "FMA peak", "reading rate")
POLICY, DIGITS = "17-64-64-6", "784-512-256-10"
README_ROWS = ((POLICY, 1), (POLICY, 64), (POLICY, 1024), (DIGITS, 1), (DIGITS, 64), ("4096-16", 1024))
# Text stays text, and the same table gives the same file.
STYLE = {"svg.fonttype": "none", "svg.hashsalt": "forwardpass", "font.size": 10}


class Table(NamedTuple):
    """What benchmarks/table.py wrote of one thread in float32: for each network and number of rows, each contestant's
    microseconds; and the commit that was measured.
    """

    commit: str
    times: dict[tuple[str, int], dict[str, float]]


def read(path: Path) -> Table:
    """A .csv beside a page of benchmarks."""
    first, *lines = path.read_text(encoding="utf-8").splitlines()
    times: dict[tuple[str, int], dict[str, float]] = {}
    for line in csv.DictReader(lines):
        if (line["dtype"], line["threads"]) == ("float32", "1"):
            times.setdefault((line["network"], int(line["rows"])), {})[line["contestant"]] = float(line["median"])
    return Table(first.split("commit ")[1].split(";")[0][:7], times)


def speeds(table: Table) -> str:
    """The README's rows: ours into an array that is there, and the fastest peer."""
    lines = [f"At commit {table.commit}:\n", "| network | rows | forwardpass, us | best peer, us | times faster |"]
    lines.append("|---|---|---|---|---|")
    for net, rows in README_ROWS:
        times = table.times[net, rows]
        ours, (best, peer) = times[INTO], min((us, name) for name, us in times.items() if name not in NOT_PEERS)
        lines.append(f"| {net} | {rows} | {ours:g} | {best:g} ({peer}) | {best / ours:.2f} |")
    return "\n".join(lines)


def with_speeds(page: str, table: Table) -> str:
    """A page with the rows between its markers."""
    between = re.compile(r"(<!-- speeds -->\n).*(\n<!-- end -->)", re.DOTALL)
    return between.sub(lambda found: found[1] + speeds(table) + found[2], page)


def draw_batches(table: Table, picture: Path) -> None:
    """The time of one call against the number of rows: ours and four peers."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    rows = sorted(rows for net, rows in table.times if net == POLICY)
    lines = {name: (rows, [table.times[POLICY, r][name] for r in rows]) for name in (OURS, *PEERS)}
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7, 4), layout="constrained")
        axes = figure.subplots()
        for name in (*PEERS, OURS):
            ours = name == OURS
            axes.loglog(*lines[name], "o-", color="#d95f02" if ours else "0.55", linewidth=2.5 if ours else 1.2)
        # A name stands where its line begins; names that would meet are moved apart.
        lowest = 0.0
        for name in sorted((*PEERS, OURS), key=lambda name: lines[name][1][0]):
            lowest = max(lines[name][1][0], lowest * 1.45)
            axes.annotate(f"{name} ", (1, lowest), ha="right", va="center", color="#d95f02" if name == OURS else "0.3")
        axes.set_xlim(0.25, 1500)
        axes.set_xticks(lines[OURS][0], [str(rows) for rows in lines[OURS][0]])
        axes.set_yticks([0.1, 1, 10, 100], ["0.1", "1", "10", "100"])
        axes.minorticks_off()
        axes.set_xlabel("rows of x")
        axes.set_ylabel("one call, microseconds")
        axes.set_title(f"{POLICY}, float32, one thread (commit {table.commit})", fontsize=10)
        axes.grid(color="0.9")
        axes.spines[["top", "right"]].set_visible(False)
        figure.savefig(picture, metadata={"Date": None, "Creator": None})


def main() -> None:
    """Draw and write them all."""
    table = read(ROOT / "benchmarks" / "zen5.csv")
    pictures = ROOT / "docs" / "figures"
    pictures.mkdir(exist_ok=True)
    draw_batches(table, pictures / "batches.svg")
    readme = ROOT / "README.md"
    readme.write_text(with_speeds(readme.read_text(encoding="utf-8"), table), encoding="utf-8")


if __name__ == "__main__":
    main()
