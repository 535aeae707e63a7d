"""Policies of Stable-Baselines3: what the deterministic actor of a trained model computes."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ... import nn
from ...environment import undisturbed
from ..classes import full_name
from ..errors import ConversionError
from ..verification import verify
from .normalizing import normalizer_of, normalizing, typical
from .policies import actor_layers, known_policy, scores
from .spaces import (
    SCORES,
    acting,
    categories,
    check_actions,
    check_choice,
    check_observations,
    kind_of,
    observations_of,
    one_hot_rows,
    rows_inside,
    width_of,
)


@undisturbed
@np.errstate(all="ignore")  # values that float32 cannot hold become infinite, as in the source
def from_sb3(model: Any, normalizer: Any = None, *, verbose: bool = True) -> nn.Sequential:
    """The deterministic actor of a model with an MLP policy: ``net(obs)`` is ``model.predict(obs)`` of what it saw.

    Its answers are compared with the model's, for random observations inside the observation space and beyond, and
    the comparison is printed and kept as ``net.verification``.

    Parameters
    ----------
    model : model of stable_baselines3 or sb3_contrib
        PPO, A2C, SAC, TD3, DDPG, DQN, TQC, QRDQN, ARS, TRPO, MaskablePPO or CrossQ with ``MlpPolicy``, live and on the
        CPU. Its policy is put into eval mode, as ``predict`` always does.
    normalizer : stable_baselines3.common.vec_env.VecNormalize or False, optional
        Its ``normalize_obs`` becomes the first layer, with the statistics of this moment. None is the model's own, if
        it has one. With False the network takes observations that are normalised already, as ``model.predict`` does.
    verbose : bool
        Print the line about the comparison.

    Returns
    -------
    Sequential
        Of float32, for observations of shape (..., in_features), flattened in C order; Discrete and MultiDiscrete ones
        as one-hot rows. Of actions in a Box, ``net(obs)`` are the actions, flattened. Of others it is logits (or Q
        values), and the highest of each choice is ``predict``'s answer; of MultiBinary, those above 0.

    Raises
    ------
    ConversionError
        Another policy, normalizer, space or module, its name in the message; or answers that differ.

    Examples
    --------
    >>> import gymnasium, numpy as np, forwardpass as fp
    >>> from stable_baselines3 import PPO
    >>> model = PPO("MlpPolicy", gymnasium.make("Pendulum-v1"), seed=0, device="cpu")
    >>> net = fp.from_sb3(model)  # doctest: +ELLIPSIS
    from_sb3: 105 rows agree with Stable-Baselines3 PPO, ...
    >>> net[-2:]
    Sequential(
      (0): Linear(in_features=64, out_features=1, bias=True)
      (1): Clip(num_features=1)
    )
    """
    policy = getattr(model, "policy", None)
    if policy is None:
        raise ConversionError(f"expected a model of Stable-Baselines3, got {full_name(model)}")
    return _converted(model, policy, normalizer, verbose)


def _converted(model: Any, policy: Any, given: Any, verbose: bool) -> nn.Sequential:
    observations, actions = policy.observation_space, policy.action_space
    check_observations(observations)
    check_actions(actions)
    known, width, counts = known_policy(policy), width_of(observations), categories(observations)
    normalizer = normalizer_of(model, given, observations.shape)
    layers = [] if normalizer is None else [normalizing(normalizer)]
    layers += actor_layers(policy, known, width)
    layers += acting(actions, policy.squash_output, known.bends)

    def answers(x: nn.FloatArray) -> NDArray[Any]:
        rows: Any = observations_of(observations, x)
        if normalizer is not None:
            rows = normalizer.normalize_obs(rows)
        predicted = np.asarray(model.predict(rows, deterministic=True)[0]).reshape(len(x), -1)
        if kind_of(actions) not in SCORES:
            return predicted
        seen = np.ascontiguousarray(x if counts else rows, np.float32)
        made: NDArray[Any] = scores(policy, known, sys.modules["torch"].from_numpy(seen)).numpy()
        check_choice(made, predicted, actions)
        return made

    net = nn.Sequential(*layers)
    more = [] if counts else [rows_inside(observations)]
    if normalizer is not None:
        more.append(typical(normalizer, width))
    only = one_hot_rows(counts) if counts else None
    source = f"Stable-Baselines3 {type(model).__name__}"
    verify(net, answers, width, importer="from_sb3", source=source, more=more, only=only, verbose=verbose)
    return net
