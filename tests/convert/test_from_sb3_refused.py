"""Policies that are refused: each refusal names what is not supported, and says what to do instead."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from sb3_contrib import RecurrentPPO
from stable_baselines3 import PPO, SAC, TD3
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize
from torch import nn

import forwardpass as fp
from tests.support.policies import WIDTH, Anything, actions, box, build


class Extractor(BaseFeaturesExtractor):
    def __init__(self, observation_space: Any) -> None:
        super().__init__(observation_space, WIDTH)

    def forward(self, observations: Any) -> Any:
        return torch.cumsum(observations, dim=-1)


class Policy(ActorCriticPolicy):
    pass


class Normalizer(VecNormalize):
    pass


def dictionary() -> spaces.Dict:
    return spaces.Dict({"a": box(), "b": box()})


def with_normalizer(kind: Any, **options: Any) -> tuple[Any, Any]:
    model, _ = build(PPO, box(), actions())
    return model, kind(DummyVecEnv([lambda: Anything(options.get("space", box()), actions())]))


REFUSED: dict[str, tuple[Callable[[], tuple[Any, Any]], str]] = {
    "no model": (lambda: ({}, None), "expected a model of Stable-Baselines3, got dict"),
    "images": (
        lambda: build(PPO, box(0, 255, (3, 36, 36), np.uint8), actions(), policy="CnnPolicy"),
        "observation space: images, (3, 36, 36) of uint8, are not supported: train on flat observations",
    ),
    "flattened images": (
        lambda: build(PPO, box(0, 255, (3, 4, 4), np.uint8), actions()),
        "observation space: images, (3, 4, 4) of uint8, are not supported",
    ),
    "dictionaries": (
        lambda: build(PPO, dictionary(), actions(), policy="MultiInputPolicy"),
        "observation space: Dict is not supported: train on gymnasium.wrappers.FlattenObservation(env); or convert",
    ),
    "dictionaries, off policy": (
        lambda: build(SAC, dictionary(), actions(), policy="MultiInputPolicy"),
        "observation space: Dict is not supported",
    ),
    "policy of one's own": (
        lambda: build(PPO, box(), actions(), policy=Policy),
        f"policy: {__name__}.Policy is not supported",
    ),
    "extractor of one's own": (
        lambda: build(PPO, box(), actions(), policy_kwargs={"features_extractor_class": Extractor}),
        "layer policy.pi_features_extractor: Extractor.forward(): cumsum() is not supported: convert",
    ),
    "extractor of one's own, off policy": (
        lambda: build(TD3, box(), actions(), policy_kwargs={"features_extractor_class": Extractor}),
        "layer policy.actor.features_extractor: Extractor.forward(): cumsum() is not supported",
    ),
    "activation": (
        lambda: build(PPO, box(), actions(), policy_kwargs={"activation_fn": nn.RReLU}),
        "layer policy.mlp_extractor.policy_net.1: RReLU is not supported",
    ),
    "recurrent": (
        lambda: build(RecurrentPPO, box(), actions(), policy="MlpLstmPolicy"),
        "policy: RecurrentActorCriticPolicy is not supported; expected an MlpPolicy, one of ActorCriticPolicy, Mask",
    ),
    "normalizer of one's own": (
        lambda: with_normalizer(Normalizer),
        f"normalizer: {__name__}.Normalizer is not supported; expected a VecNormalize, None for",
    ),
    "no normalizer": (lambda: (build(PPO, box(), actions())[0], 3), "normalizer: builtins.int is not supported"),
    "normalizer of other observations": (
        lambda: with_normalizer(VecNormalize, space=box(shape=(7,))),
        "normalizer: expected statistics of observations of shape (4,), as the model's",
    ),
    "normalizer of dictionaries": (
        lambda: with_normalizer(VecNormalize, space=dictionary()),
        "normalizer: expected statistics of observations of shape (4,), as the model's",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusal_names_what_is_not_supported(case: str) -> None:
    model, normalizer = REFUSED[case][0]()
    with pytest.raises(fp.ConversionError, match=re.escape(REFUSED[case][1])):
        fp.from_sb3(model, normalizer)
