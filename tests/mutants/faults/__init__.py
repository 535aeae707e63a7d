"""The faults: what is written instead of what, and why it would matter."""

from tests.mutants.faults import (
    boundary,
    files,
    functions,
    importers,
    labels,
    layers,
    machine,
    neighbours,
    networks,
    order,
    rows,
    sums,
)
from tests.mutants.faults.mutant import CORE, Mutant

__all__ = ["CORE", "MUTANTS", "Mutant"]

MUTANTS = (
    *order.FAULTS,
    *neighbours.FAULTS,
    *sums.FAULTS,
    *networks.FAULTS,
    *functions.FAULTS,
    *rows.FAULTS,
    *layers.FAULTS,
    *machine.FAULTS,
    *boundary.FAULTS,
    *files.FAULTS,
    *importers.FAULTS,
    *labels.FAULTS,
)
