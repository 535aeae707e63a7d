"""Algorithms of Stable-Baselines3 and sb3_contrib, each for five spaces: `python -m tests.origins.policies`."""

import sys
from functools import partial
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from sb3_contrib import ARS, QRDQN, TQC, TRPO, CrossQ, MaskablePPO
from stable_baselines3 import A2C, DDPG, DQN, PPO, SAC, TD3

import forwardpass as fp
from tests.origins.outcomes import Converted, report
from tests.support.policies import actions, box, build, rows_of

CHOOSING = (DQN, QRDQN, MaskablePPO)
ALGORITHMS = (PPO, A2C, SAC, TD3, DDPG, *CHOOSING, TQC, ARS, TRPO, CrossQ)
WITHOUT_DICT = (ARS, CrossQ)  # they refuse it themselves
SPACES: dict[str, Any] = {
    "Box": box(),
    "MultiBinary": spaces.MultiBinary(6),
    "Discrete": spaces.Discrete(7),
    "MultiDiscrete": spaces.MultiDiscrete([3, 2, 4]),
    "Dict": spaces.Dict({"a": box(), "b": box()}),
}


def converted(algorithm: Any, space: Any) -> Converted:
    policy = "MultiInputPolicy" if isinstance(space, spaces.Dict) else "MlpPolicy"
    choosing = algorithm in CHOOSING
    model, _ = build(algorithm, space, spaces.Discrete(4) if choosing else actions(), policy=policy)
    net = fp.from_sb3(model, verbose=False)
    observations = np.array([space.sample() for _ in range(40)])
    x = rows_of(space, observations)
    predicted = model.predict(observations, deterministic=True)[0]
    if not choosing:
        return net, x, predicted
    # The highest score is right where it is the one of predict(): all else of a row is compared with itself.
    scores = net(x)
    expected = np.where(scores.argmax(axis=1)[:, np.newaxis] == predicted[:, np.newaxis], scores, np.nan)
    return net, x, expected


def main() -> int:
    torch.set_num_threads(1)  # two threads of networks this small wait for each other
    cases = (
        (f"{algorithm.__name__}, {name}", partial(converted, algorithm, space))
        for algorithm in ALGORITHMS
        for name, space in SPACES.items()
        if name != "Dict" or algorithm not in WITHOUT_DICT
    )
    return report("Stable-Baselines3", cases)


if __name__ == "__main__":
    sys.exit(main())
