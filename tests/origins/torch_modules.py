"""PyTorch's modules with a forward() of their own: `python -m tests.origins.torch_modules`."""

import sys
from functools import partial
from typing import Any

import numpy as np
import torch

import forwardpass as fp
from tests.origins.outcomes import Converted, report
from tests.support.torch_modules import MODULES
from tests.support.torch_networks import answers


def converted(make: Any, width: int) -> Converted:
    torch.manual_seed(0)
    module, x = make(), np.random.default_rng(1).standard_normal((33, width)).astype(np.float32)
    return fp.from_torch(module, verbose=False), x, answers(module, x)


def main() -> int:
    return report("torch", ((name, partial(converted, make, width)) for name, (make, width, _) in MODULES.items()))


if __name__ == "__main__":
    sys.exit(main())
