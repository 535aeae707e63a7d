"""Spaces of observations and of actions: what a row of each consists of, and rows that are inside."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ... import nn
from ..classes import class_name
from ..errors import ConversionError

NUMBERS = ("Box", "MultiBinary")
CATEGORIES = ("Discrete", "MultiDiscrete")
SCORES = ("Discrete", "MultiDiscrete", "MultiBinary")
INSIDE_ROWS, MOST_CATEGORIES = 32, 1024


def kind_of(space: Any) -> str:
    """The name of its class in gymnasium."""
    return class_name(space, "gymnasium")


def check_observations(space: Any) -> None:
    """Raises ConversionError for observations that are not one row of numbers or of categories."""
    kind = kind_of(space)
    if kind == "Dict":
        raise ConversionError(
            "observation space: Dict is not supported: train on gymnasium.wrappers.FlattenObservation(env); or convert "
            "the modules behind model.policy.extract_features(), such as model.policy.mlp_extractor.policy_net"
        )
    if kind not in (*NUMBERS, *CATEGORIES):
        raise ConversionError(
            f"observation space: {kind} is not supported; expected {', '.join((*NUMBERS, *CATEGORIES))}: train on "
            "gymnasium.wrappers.FlattenObservation(env)"
        )
    if len(space.shape) == 3 and space.dtype == np.uint8:
        raise ConversionError(
            f"observation space: images, {space.shape} of uint8, are not supported: train on flat observations, "
            "gymnasium.wrappers.FlattenObservation(env)"
        )


def check_actions(space: Any) -> None:
    """Raises ConversionError for actions that are no numbers, categories or bits."""
    if kind_of(space) not in ("Box", *SCORES):
        raise ConversionError(f"action space: {kind_of(space)} is not supported; expected Box, {', '.join(SCORES)}")


def categories(space: Any) -> list[int]:
    """How many each category of an observation has; none where it consists of numbers."""
    if kind_of(space) == "Discrete":
        return [int(space.n)]
    return [int(count) for count in space.nvec.ravel()] if kind_of(space) == "MultiDiscrete" else []


def width_of(space: Any) -> int:
    """How many numbers the policy sees of an observation: of a category, a 1 where it is and 0 elsewhere."""
    return sum(categories(space)) or int(np.prod(space.shape))


def one_hot_rows(counts: list[int]) -> NDArray[np.float32]:
    """Rows of categories: all of one alone, and as many of several, each of which is there."""
    rng = np.random.default_rng(1)
    rows = min(max(*counts, INSIDE_ROWS), MOST_CATEGORIES) if len(counts) > 1 else min(counts[0], MOST_CATEGORIES)
    shifts = rng.integers(0, counts)
    chosen = [(np.arange(rows) + shift) % count for count, shift in zip(counts, shifts, strict=True)]
    return np.concatenate([np.eye(count, dtype=np.float32)[at] for count, at in zip(counts, chosen, strict=True)], 1)


def observations_of(space: Any, x: NDArray[Any]) -> NDArray[Any]:
    """Observations as predict() takes them, from rows of the network's input."""
    counts = categories(space)
    if not counts:
        return x.reshape(-1, *space.shape)
    parts = np.split(x, np.cumsum(counts)[:-1], axis=1)
    return np.stack([part.argmax(axis=1) for part in parts], axis=1).reshape(-1, *space.shape)


def rows_inside(space: Any) -> NDArray[np.float64]:
    """Random observations inside a space of numbers, of some size where it has no end."""
    rng = np.random.default_rng(1)
    low, high = (
        np.broadcast_to(getattr(space, name, end), space.shape).ravel() for name, end in (("low", 0), ("high", 1))
    )
    low, high = np.maximum(low.astype(float), -1e3), np.minimum(high.astype(float), 1e3)
    return rng.uniform(np.minimum(low, high), np.maximum(low, high), (INSIDE_ROWS, len(low)))


def acting(space: Any, squashes: bool, bends: bool) -> list[nn.Module]:
    """What becomes of the last module's outputs: actions of the action space, squashed into it or clipped to it."""
    if kind_of(space) in SCORES:
        return []
    low, high = space.low.ravel(), space.high.ravel()
    if not squashes:
        return [nn.Clip(low, high)]
    squashing: list[nn.Module] = [] if bends else [nn.Tanh()]
    # low + 0.5 (a + 1) (high - low) in two steps: near a = 0, what the first rounds off shows.
    return [*squashing, nn.Affine(np.ones(len(low)), np.ones(len(low))), nn.Affine(0.5 * (high - low), low)]


def check_choice(scores: NDArray[Any], predicted: NDArray[Any], space: Any) -> None:
    """Whether predict's answer is the choice of the highest scores; where rounding decides, either is right."""
    # predict compares float32 probabilities: logits less than about 2^-22 apart may give the same one.
    slack = 2.0**-20 * np.maximum(1.0, np.abs(scores).max(axis=1, keepdims=True))
    if kind_of(space) == "MultiBinary":
        right = ((scores > 0) == (predicted > 0)) | (np.abs(scores) <= slack)
    else:
        ends = np.cumsum(getattr(space, "nvec", [scores.shape[1]]))[:-1]
        chosen = zip(np.split(scores, ends, axis=1), predicted.T, strict=True)
        lost = [part.max(axis=1) - part[np.arange(len(part)), choice.astype(int)] for part, choice in chosen]
        right = np.stack(lost, axis=1) <= slack
    if not right.all():
        raise ConversionError("predict() chooses other actions than those of the highest scores")
