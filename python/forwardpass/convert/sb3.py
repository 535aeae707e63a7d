"""Policies of Stable-Baselines3: what the deterministic actor of a trained model computes."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import nn
from ..environment import undisturbed
from .classes import class_name, full_name
from .errors import ConversionError
from .torch import layer_of
from .verification import rows_for, verify

# For each policy class: what holds the actor, and the class of that; its features extractor; and its modules in turn.
POLICIES = {
    "ActorCriticPolicy": (
        "mlp_extractor",
        "MlpExtractor",
        "pi_features_extractor",
        ("mlp_extractor.policy_net", "action_net"),
    ),
    "SACPolicy": ("actor", "Actor", "actor.features_extractor", ("actor.latent_pi", "actor.mu")),
    "TD3Policy": ("actor", "Actor", "actor.features_extractor", ("actor.mu",)),
    "DQNPolicy": ("q_net", "QNetwork", "q_net.features_extractor", ("q_net.q_net",)),
}
OBSERVATIONS = ("Box", "MultiBinary")
SCORES = ("Discrete", "MultiDiscrete", "MultiBinary")
INSIDE_ROWS = 32


@undisturbed
@np.errstate(all="ignore")  # values that float32 cannot hold become infinite, as in the source
def from_sb3(model: Any, normalizer: Any = None, *, verbose: bool = True) -> nn.Sequential:
    """The deterministic actor of a PPO, A2C, SAC, TD3 or DQN model with an MLP policy.

    Its answers are compared with the model's, for random observations inside the observation space and beyond, and
    the comparison is printed and kept as ``net.verification``.

    Parameters
    ----------
    model : stable_baselines3 model
        With ``MlpPolicy``, live and on the CPU. Its policy is put into eval mode, as ``predict`` always does.
        Neither Stable-Baselines3 nor torch is imported.
    normalizer : stable_baselines3.common.vec_env.VecNormalize, optional
        Its ``normalize_obs`` becomes the first layer, with the statistics of this moment. Without one, the network
        takes what ``model.predict`` takes: observations that are normalised already, if the model learned from such.
    verbose : bool
        Print the line about the comparison.

    Returns
    -------
    Sequential
        Of float32, for observations of shape (..., in_features), flattened in C order where the space has several
        axes. With ``obs`` normalised if there is a normalizer:

        - actions in a Box: ``net(obs)`` is ``model.predict(obs, deterministic=True)[0]``, flattened: squashed and
          brought to the bounds of the space, or clipped to them, as the policy does it;
        - Discrete ones: ``net(obs)`` are the logits (PPO, A2C) or Q values (DQN), and
          ``net(obs).argmax(-1)`` is ``predict``'s answer;
        - MultiDiscrete: the logits of one action after another, each with an argmax of its own;
        - MultiBinary: logits, and ``net(obs) > 0`` is ``predict``'s answer.

    Raises
    ------
    ConversionError
        Another policy, features extractor, space or module, its name in the message; or answers that differ.

    Examples
    --------
    >>> import gymnasium, numpy as np, forwardpass as fp
    >>> from stable_baselines3 import PPO
    >>> model = PPO("MlpPolicy", gymnasium.make("Pendulum-v1"), seed=0, device="cpu")
    >>> net = fp.from_sb3(model)  # doctest: +ELLIPSIS
    from_sb3: 105 rows agree with Stable-Baselines3 PPO, ...
    >>> net
    Sequential(
      (0): Linear(in_features=3, out_features=64, bias=True)
      (1): Tanh()
      (2): Linear(in_features=64, out_features=64, bias=True)
      (3): Tanh()
      (4): Linear(in_features=64, out_features=1, bias=True)
      (5): Clip(num_features=1)
    )
    """
    policy = getattr(model, "policy", None)
    if policy is None:
        raise ConversionError(f"expected a model of Stable-Baselines3, got {full_name(model)}")
    paths = _checked(policy)
    observations, actions = policy.observation_space, policy.action_space
    shape = observations.shape
    width = int(np.prod(shape))
    layers = [] if normalizer is None else _normalizing(normalizer, shape)
    for path in paths:
        part = layer_of(attrgetter(path)(policy), f"policy.{path}.")
        layers += part if isinstance(part, nn.Sequential) else [part]
    layers += _acting(policy)

    def answers(x: nn.FloatArray) -> NDArray[Any]:
        rows: Any = x.reshape(-1, *shape)
        if normalizer is not None:
            rows = normalizer.normalize_obs(rows)
        predicted = np.asarray(model.predict(rows, deterministic=True)[0]).reshape(len(x), -1)
        if class_name(actions, "gymnasium") not in SCORES:
            return predicted
        value = policy.obs_to_tensor(rows)[0].float().flatten(1)
        for path in paths:
            value = attrgetter(path)(policy)(value)
        scores: NDArray[Any] = value.detach().numpy()
        _check_choice(scores, predicted, actions)
        return scores

    net = nn.Sequential(*layers)
    more = [_inside(observations, width)]
    if normalizer is not None and normalizer.norm_obs:
        statistics = normalizer.obs_rms
        typical = rows_for(width, np.dtype(np.float64)) * np.sqrt(statistics.var.ravel()) + statistics.mean.ravel()
        more.append(typical)
    source = f"Stable-Baselines3 {type(model).__name__}"
    verify(net, answers, width, importer="from_sb3", source=source, more=more, verbose=verbose)
    return net


def _checked(policy: Any) -> tuple[str, ...]:
    """Where the modules of the actor are, if all that is around them is known."""
    kind = class_name(policy, "stable_baselines3")
    if kind not in POLICIES:
        raise ConversionError(f"policy: {kind} is not supported; expected an MlpPolicy, one of {', '.join(POLICIES)}")
    holder, holder_class, extractor, paths = POLICIES[kind]
    for path, expected in ((holder, holder_class), (extractor, "FlattenExtractor")):
        found = class_name(attrgetter(path)(policy), "stable_baselines3")
        if found != expected:
            raise ConversionError(f"policy.{path}: {found} is not supported; expected {expected}")
    observations, actions = policy.observation_space, policy.action_space
    found = class_name(observations, "gymnasium")
    if found not in OBSERVATIONS:
        raise ConversionError(f"observation space: {found} is not supported; expected {' or '.join(OBSERVATIONS)}")
    if len(observations.shape) == 3 and observations.dtype == np.uint8:
        raise ConversionError(f"observation space: images, {observations.shape} of uint8, are not supported")
    found = class_name(actions, "gymnasium")
    if found not in ("Box", *SCORES):
        raise ConversionError(f"action space: {found} is not supported; expected Box, {', '.join(SCORES)}")
    return paths


def _normalizing(normalizer: Any, shape: tuple[int, ...]) -> list[nn.Module]:
    found = class_name(normalizer, "stable_baselines3")
    if found != "VecNormalize":
        raise ConversionError(f"normalizer: {found} is not supported; expected a VecNormalize or None")
    if not normalizer.norm_obs:
        return []
    statistics = normalizer.obs_rms
    if getattr(getattr(statistics, "mean", None), "shape", None) != shape:
        raise ConversionError(f"normalizer: expected statistics of observations of shape {shape}, as the model's")
    std = np.sqrt(statistics.var + normalizer.epsilon)
    return [nn.Normalize(statistics.mean.ravel(), std.ravel(), clip=float(normalizer.clip_obs))]


def _acting(policy: Any) -> list[nn.Module]:
    """What becomes of the last module's outputs: actions of the action space."""
    space = policy.action_space
    if class_name(space, "gymnasium") in SCORES:
        return []
    low, high = space.low.ravel(), space.high.ravel()
    if not policy.squash_output:
        return [nn.Clip(low, high)]
    # TD3 has its tanh among its modules; in the others it belongs to the distribution.
    squashing: list[nn.Module] = [] if class_name(policy, "stable_baselines3") == "TD3Policy" else [nn.Tanh()]
    # low + 0.5 (a + 1) (high - low) in two steps: near a = 0, what the first rounds off shows.
    return [*squashing, nn.Affine(np.ones(len(low)), np.ones(len(low))), nn.Affine(0.5 * (high - low), low)]


def _check_choice(scores: NDArray[Any], predicted: NDArray[Any], space: Any) -> None:
    """Whether predict's answer is the choice of the highest scores; where rounding decides, either is right."""
    # predict compares float32 probabilities: logits less than about 2^-22 apart may give the same one.
    slack = 2.0**-20 * np.maximum(1.0, np.abs(scores).max(axis=1, keepdims=True))
    if class_name(space, "gymnasium") == "MultiBinary":
        right = ((scores > 0) == (predicted > 0)) | (np.abs(scores) <= slack)
    else:
        ends = np.cumsum(getattr(space, "nvec", [scores.shape[1]]))[:-1]
        chosen = zip(np.split(scores, ends, axis=1), predicted.T, strict=True)
        lost = [part.max(axis=1) - part[np.arange(len(part)), choice.astype(int)] for part, choice in chosen]
        right = np.stack(lost, axis=1) <= slack
    if not right.all():
        raise ConversionError("predict() chooses other actions than those of the highest scores")


def _inside(space: Any, width: int) -> NDArray[np.float64]:
    """Random observations inside the space, of some size where it has no end."""
    rng = np.random.default_rng(1)
    low, high = (
        np.broadcast_to(getattr(space, name, end), space.shape).ravel() for name, end in (("low", 0), ("high", 1))
    )
    low, high = np.maximum(low.astype(float), -1e3), np.minimum(high.astype(float), 1e3)
    return rng.uniform(np.minimum(low, high), np.maximum(low, high), (INSIDE_ROWS, width))
