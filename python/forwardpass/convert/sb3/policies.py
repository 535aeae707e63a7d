"""Which policies are known: where the modules of their deterministic actors are, and what is around those."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np

from ... import nn
from ..classes import class_name, full_name
from ..errors import ConversionError
from ..torch.chain import Chain
from ..torch.modules import part_of
from ..torch.parts import Part
from ..torch.running import in_eval_mode

PACKAGES = ("stable_baselines3", "sb3_contrib")
LAYERS = "fp.from_torch(model.policy.mlp_extractor.policy_net) and the like convert its layers alone"


@dataclass(frozen=True)
class Known:
    """A policy's class.

    Attributes
    ----------
    holder, holder_class : str
        What holds the actor, and the class of that; nothing where the policy does it.
    extractor : str
        Its features extractor.
    paths : tuple of str
        Its modules in turn.
    bends : bool
        Whether the tanh of squashed actions is among its modules. It belongs to the distribution otherwise.
    """

    holder: str
    holder_class: str
    extractor: str
    paths: tuple[str, ...]
    bends: bool = False


ON_POLICY = Known("mlp_extractor", "MlpExtractor", "pi_features_extractor", ("mlp_extractor.policy_net", "action_net"))
SOFT = Known("actor", "Actor", "actor.features_extractor", ("actor.latent_pi", "actor.mu"))
SEARCH = Known("", "", "features_extractor", ("action_net",), bends=True)
POLICIES = {
    "ActorCriticPolicy": ON_POLICY,
    "MaskableActorCriticPolicy": ON_POLICY,
    "SACPolicy": SOFT,
    "TQCPolicy": SOFT,
    "CrossQPolicy": SOFT,
    "TD3Policy": Known("actor", "Actor", "actor.features_extractor", ("actor.mu",), bends=True),
    "ARSPolicy": SEARCH,
    "ARSLinearPolicy": SEARCH,
    "DQNPolicy": Known("q_net", "QNetwork", "q_net.features_extractor", ("q_net.q_net",)),
    "QRDQNPolicy": Known(
        "quantile_net", "QuantileNetwork", "quantile_net.features_extractor", ("quantile_net.quantile_net",)
    ),
}


def name_in_package(value: Any) -> str:
    """The bare name of a class of Stable-Baselines3 or sb3_contrib; of any other, the name with its module."""
    names = [class_name(value, package) for package in PACKAGES]
    return next((name for name in names if "." not in name), full_name(value))


def known_policy(policy: Any) -> Known:
    """What is known of the policy's class. Raises ConversionError."""
    kind = name_in_package(policy)
    if kind not in POLICIES:
        raise ConversionError(
            f"policy: {kind} is not supported; expected an MlpPolicy, one of {', '.join(POLICIES)}; {LAYERS}"
        )
    known = POLICIES[kind]
    if known.holder:
        found = name_in_package(attrgetter(known.holder)(policy))
        if found != known.holder_class:
            raise ConversionError(
                f"policy.{known.holder}: {found} is not supported; expected {known.holder_class}; {LAYERS}"
            )
    return known


def actor_layers(policy: Any, known: Known, width: int) -> list[nn.Module]:
    """The layers of the actor, for observations of so many numbers."""
    paths = known.paths
    if name_in_package(attrgetter(known.extractor)(policy)) != "FlattenExtractor":
        paths = (known.extractor, *paths)
    parts: list[Part] = []
    for path in paths:
        part = part_of(attrgetter(path)(policy), f"policy.{path}.")
        parts += part.parts if isinstance(part, Chain) else [part]
    layers = Chain("the policy", parts).layers(width)
    count = quantiles(policy)
    return layers if count is None else [*layers[:-1], mean_of_quantiles(layers[-1], count)]


def quantiles(policy: Any) -> int | None:
    """How many quantiles of each action's value a policy predicts, one after another; None where it predicts values."""
    return int(policy.quantile_net.n_quantiles) if name_in_package(policy) == "QRDQNPolicy" else None


def mean_of_quantiles(layer: nn.Module, count: int) -> nn.Module:
    """A Linear that gives the mean of what so many parts of the layer's outputs give."""
    if not isinstance(layer, nn.Linear) or layer.bias is None:
        raise ConversionError(f"policy.quantile_net: expected a Linear with a bias at its end, got {layer}")
    weight = layer.weight.astype(np.float64).reshape(count, -1, layer.in_features)
    bias = layer.bias.astype(np.float64).reshape(count, -1)
    return nn.Linear(weight.mean(axis=0).astype(layer.dtype), bias.mean(axis=0).astype(layer.dtype))


def scores(policy: Any, known: Known, observations: Any) -> Any:
    """What the modules of the policy themselves give: a tensor of logits or of values.

    Parameters
    ----------
    policy, known
        As above.
    observations : torch.Tensor
        As the features extractor takes them.
    """
    with in_eval_mode(policy):
        value = attrgetter(known.extractor)(policy)(observations)
        for path in known.paths:
            value = attrgetter(path)(policy)(value)
    count = quantiles(policy)
    return value if count is None else value.view(len(value), count, -1).mean(dim=1)
