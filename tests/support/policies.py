"""Models of Stable-Baselines3 with weights of some size, and what they answer."""

from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from sb3_contrib import QRDQN, TQC, CrossQ
from stable_baselines3 import DDPG, DQN, SAC, TD3
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

import forwardpass as fp
from forwardpass.error_bound import agreement_bound

WIDTH = 4


class Anything(gymnasium.Env[Any, Any]):
    """Spaces without a world."""

    def __init__(self, observation_space: Any, action_space: Any) -> None:
        self.observation_space, self.action_space = observation_space, action_space

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        return self.observation_space.sample(), {}

    def action_masks(self) -> np.ndarray[Any, Any]:
        """All actions may be taken, of which MaskablePPO asks."""
        return np.ones(int(self.action_space.n), bool)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        return self.observation_space.sample(), 0.0, False, False, {}


def box(low: Any = -1, high: Any = 1, shape: tuple[int, ...] = (WIDTH,), dtype: Any = np.float32) -> spaces.Box:
    return spaces.Box(np.full(shape, low, dtype), np.full(shape, high, dtype), dtype=dtype)


def actions(low: Any = -2, high: Any = 0.5, shape: tuple[int, ...] = (3,)) -> spaces.Box:
    return box(low, high, shape)


def build(
    algorithm: Any, observation_space: Any, action_space: Any, normalized: bool = False, **options: Any
) -> tuple[Any, Any]:
    """A model with weights of some size, and its VecNormalize with the statistics of some observations, if any."""
    for space in (observation_space, action_space):
        space.seed(0)
    env: Any = DummyVecEnv([lambda: Anything(observation_space, action_space)])
    if normalized:
        env = VecNormalize(env)
        env.reset()
        for _ in range(30):
            env.step(np.array([action_space.sample()]))
    if algorithm in (SAC, TD3, DDPG, DQN, TQC, QRDQN, CrossQ):
        options = {"buffer_size": 10, **options}
        options["policy_kwargs"] = {"net_arch": [16, 8], **options.get("policy_kwargs", {})}
    model = algorithm(options.pop("policy", "MlpPolicy"), env, seed=0, device="cpu", **options)
    with torch.no_grad():
        for parameter in model.policy.parameters():
            parameter += 0.3 * torch.randn(parameter.shape)
    return model, env if normalized else None


def rows_of(space: Any, observations: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """What the network takes: numbers as they are, and of each category a 1 where it is."""
    flat = observations.reshape(len(observations), -1)
    if not isinstance(space, spaces.Discrete | spaces.MultiDiscrete):
        return flat.astype(np.float32)
    counts = getattr(space, "nvec", [getattr(space, "n", 0)])
    parts = [np.eye(count, dtype=np.float32)[flat[:, at]] for at, count in enumerate(counts)]
    return np.concatenate(parts, axis=1)


def check(model: Any, normalizer: Any) -> fp.Sequential:
    """The network converted, after a comparison of our own on observations of the space."""
    net: fp.Sequential = fp.from_sb3(model, normalizer)
    space = model.observation_space
    assert net.dtype == np.float32
    assert net.verification.rows >= (space.n if isinstance(space, spaces.Discrete) else 32)
    assert net.verification.largest_share <= 1

    observations = np.array([space.sample() for _ in range(40)])
    x = rows_of(space, observations)
    seen = observations if normalizer is None else normalizer.normalize_obs(observations)
    predicted = model.predict(seen, deterministic=True)[0].reshape(len(x), -1)
    got, bound = net(x), agreement_bound(net, x)
    if isinstance(model.action_space, spaces.Box):
        assert got.shape == predicted.shape
        assert (np.abs(got - predicted.astype(np.float64)) <= bound).all()
        # What is cut off at the bounds must not be all there is to see.
        inside = (predicted > model.action_space.low.ravel()) & (predicted < model.action_space.high.ravel())
        assert inside.any()
    elif isinstance(model.action_space, spaces.MultiBinary):
        np.testing.assert_array_equal(got > 0, predicted)
    else:
        counts = getattr(model.action_space, "nvec", [got.shape[1]])
        parts = np.split(got, np.cumsum(counts)[:-1], axis=-1)
        np.testing.assert_array_equal(np.stack([part.argmax(-1) for part in parts], axis=-1), predicted)
    return net
