"""Files and pickles of version 0.1 load as what they were."""

import pickle
from typing import Any

import numpy as np
import pytest

import forwardpass as fp
from tests import ROOT
from tests.support import same_bits

FORMER = ROOT / "tests" / "support"


def saved() -> dict[str, Any]:
    """Networks of every layer of then, one input, their answers, what repr() showed, and their content hashes."""
    kept: dict[str, Any] = pickle.loads((FORMER / "every-layer.pickle").read_bytes())
    return kept


@pytest.mark.parametrize("name", ["float32", "float64"])
def test_a_file_of_before(name: str) -> None:
    """load() itself compares the hash and the answer, and warns of an older order."""
    net, former = fp.load(FORMER / f"every-layer-{name}.npz"), saved()
    assert same_bits(net(former["x"].astype(name)), former["y"][name])
    assert fp.content_hash(net) == former["hash"][name == "float64"]


def test_a_pickle_of_before() -> None:
    former = saved()
    for name in ("float32", "float64"):
        assert same_bits(former["layers"][name](former["x"].astype(name)), former["y"][name])
    assert repr(former["layers"]) == former["repr"]
    assert [fp.content_hash(former["layers"][name]) for name in ("float32", "float64")] == former["hash"]
    for layer in former["layers"]["alone"]:
        again, x = pickle.loads(pickle.dumps(layer)), np.ones(layer.in_features or 3)
        assert repr(again) == repr(layer)
        assert same_bits(again(x), layer(x))
