"""The tests; README.md is their map."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
