"""One case of a kernel: a way into it, a shape and a seed. A test that fails prints the command that runs it alone:

python -m tests.support.case --isa avx2 --dtype float32 --entry linear --shape 3 7 129 --seed 7129 --bias --relu
"""

import argparse
import sys

import numpy as np

from forwardpass import _core
from tests.support import ENTRIES, Array, Float, normal, reference, same_bits


def data(rows: int, outputs: int, depth: int, dtype: Float, seed: int) -> tuple[Array, Array, Array]:
    """x, W and b. Fewer rows of the same seed are the first ones of more."""
    return (
        normal(seed, (rows, depth), dtype),
        normal(seed + 1, (outputs, depth), dtype),
        normal(seed + 2, (outputs,), dtype),
    )


def again(entry: str, shape: tuple[int, int, int], dtype: Float, seed: int, bias: bool, activation: str | None) -> str:
    """The command for a case of rows, outputs and depth on the instruction set of this moment."""
    options = f"--isa {_core.current_isa()} --dtype {np.dtype(dtype)} --entry {entry}"
    sizes = " ".join(map(str, shape))
    switches = " --bias" * bias + " --relu" * (activation == "relu")
    return f"again: python -m tests.support.case {options} --shape {sizes} --seed {seed}{switches}"


def main() -> int:
    """Run the case; 1 where its bits are not the reference kernel's."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.case", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--isa", required=True)
    parser.add_argument("--dtype", required=True, choices=("float32", "float64"))
    parser.add_argument("--entry", required=True, choices=ENTRIES)
    parser.add_argument("--shape", required=True, type=int, nargs=3, metavar=("ROWS", "OUTPUTS", "DEPTH"))
    parser.add_argument("--seed", required=True, type=int)
    parser.add_argument("--bias", action="store_true")
    parser.add_argument("--relu", action="store_true")
    args = parser.parse_args()
    _core.choose_isa(args.isa)
    rows, outputs, depth = args.shape
    x, W, b = data(rows, outputs, depth, np.dtype(args.dtype).type, args.seed)
    case = x, W, b if args.bias else None, "relu" if args.relu else None
    got, expected = ENTRIES[args.entry](*case), reference(*case)
    wrong = [(r, j) for r, j in np.ndindex(expected.shape) if not same_bits(got[r, j], expected[r, j])]
    for place in wrong[:10]:
        print(f"{place}: {got[place].item().hex()} instead of {expected[place].item().hex()}")
    print(f"{len(wrong)} of {expected.size} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
