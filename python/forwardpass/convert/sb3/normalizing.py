"""The normaliser that a model was trained with, as a layer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ... import nn
from ..classes import class_name
from ..errors import ConversionError
from ..verification import rows_for


def normalizer_of(model: Any, given: Any, shape: tuple[int, ...]) -> Any:
    """The VecNormalize to use: the one that was given, or the model's own; None where none changes observations.

    Raises
    ------
    ConversionError
        No plain VecNormalize, or one for observations of another shape.
    """
    if given is False:
        return None
    normalizer = model.get_vec_normalize_env() if given is None else given
    if normalizer is None:
        return None
    found = class_name(normalizer, "stable_baselines3")
    if found != "VecNormalize":
        raise ConversionError(
            f"normalizer: {found} is not supported; expected a VecNormalize, None for the model's own or False for none"
        )
    if not normalizer.norm_obs:
        return None
    got = getattr(getattr(normalizer.obs_rms, "mean", None), "shape", None)
    if got != shape:
        raise ConversionError(
            f"normalizer: expected statistics of observations of shape {shape}, as the model's, got {got}: pass the "
            "VecNormalize of the model's training, or False for none"
        )
    return normalizer


def normalizing(normalizer: Any) -> nn.Module:
    """Its normalize_obs(), with the statistics of this moment."""
    statistics = normalizer.obs_rms
    std = np.sqrt(statistics.var + normalizer.epsilon)
    return nn.Normalize(statistics.mean.ravel(), std.ravel(), clip=float(normalizer.clip_obs))


def typical(normalizer: Any, width: int) -> NDArray[np.float64]:
    """Rows that it makes ordinary ones: of all others, it may make one and the same."""
    statistics = normalizer.obs_rms
    rows = rows_for(width, np.dtype(np.float64)).astype(np.float64, copy=False)
    rows *= np.sqrt(statistics.var.ravel())
    rows += statistics.mean.ravel()
    return rows
