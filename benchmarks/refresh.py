"""How long a policy of 2 x 256 takes to get new weights, beside its conversion: `python benchmarks/refresh.py`.

Needs gymnasium and stable-baselines3. Both times are medians; the second contains the comparison with the model.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import gymnasium
import numpy as np
from stable_baselines3 import SAC

import forwardpass as fp


def median(call: Callable[[], object], repeats: int) -> float:
    """Of so many calls, in milliseconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(1e3 * (time.perf_counter() - start))
    return float(np.median(times))


def main() -> None:
    """Print both times."""
    model = SAC("MlpPolicy", gymnasium.make("Pendulum-v1"), seed=0, device="cpu", buffer_size=10)
    net, actor = fp.from_sb3(model, verbose=False), model.policy.actor
    learned = [name for name in net.state_dict() if name.endswith(("weight", "bias"))]

    def refresh() -> None:
        tensors = [*actor.latent_pi.state_dict().values(), *actor.mu.state_dict().values()]
        net.load_state_dict(net.state_dict() | dict(zip(learned, tensors, strict=True)))

    def convert() -> None:
        net.load_state_dict(fp.from_sb3(model, verbose=False).state_dict())

    print(f"3-256-256-1: refresh {median(refresh, 500):.2f} ms, conversion {median(convert, 20):.0f} ms")


if __name__ == "__main__":
    main()
