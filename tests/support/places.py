"""Where the project lies, and what tests read from it."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# What a library of the order before fma-v2 saved.
FMA_V1 = Path(__file__).with_name("fma-v1.npz")
