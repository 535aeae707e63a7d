"""Draws the pictures of the documentation from tables in the repository.

    pip install '.[plot]'
    python docs/figures.py            # writes docs/figures/*.svg
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

ROOT = Path(__file__).resolve().parents[1]
NET = "17-64-64-6"
OURS, PEERS = "forwardpass", ("NumPy", "torch", "onnxruntime", "LiteRT")
Line = tuple[Sequence[int], Sequence[float]]
# Text stays text, and the same table gives the same file.
STYLE = {"svg.fonttype": "none", "svg.hashsalt": "forwardpass", "font.size": 10}


def times(table: Path) -> tuple[str, Mapping[str, Line]]:
    """The commit of a table that benchmarks/table.py wrote, and each contestant's microseconds by rows."""
    first, *lines = table.read_text(encoding="utf-8").splitlines()
    commit = first.split("commit ")[1].split(";")[0]
    points: dict[str, dict[int, float]] = {}
    for line in csv.DictReader(lines):
        if (line["network"], line["dtype"], line["threads"]) == (NET, "float32", "1"):
            points.setdefault(line["contestant"], {})[int(line["rows"])] = float(line["median"])
    return commit, {name: (sorted(by_rows), [by_rows[r] for r in sorted(by_rows)]) for name, by_rows in points.items()}


def batches(table: Path, picture: Path) -> None:
    """The time of one call against the number of rows: ours and four peers."""
    commit, lines = times(table)
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
        axes.set_title(f"{NET}, float32, one thread (commit {commit})", fontsize=10)
        axes.grid(color="0.9")
        axes.spines[["top", "right"]].set_visible(False)
        figure.savefig(picture, metadata={"Date": None, "Creator": None})


def main() -> None:
    """Draw them all."""
    pictures = ROOT / "docs" / "figures"
    pictures.mkdir(exist_ok=True)
    batches(ROOT / "benchmarks" / "zen5.csv", pictures / "batches.svg")


if __name__ == "__main__":
    main()
