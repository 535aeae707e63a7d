"""Files and pickles of version 0.1 load as what they were."""

import pickle

import numpy as np
import pytest

import forwardpass as fp
from tests import ROOT
from tests.support import same_bits
from tests.support.networks import build_rich

FORMER = ROOT / "tests" / "support"


@pytest.mark.parametrize("name", ["float32", "float64"])
def test_a_file_of_before(name: str) -> None:
    """Every layer of then: load() itself compares the hash and the answer, and warns of an older order."""
    dtype = np.float32 if name == "float32" else np.float64
    net = fp.load(FORMER / f"every-layer-{name}.npz")
    assert repr(net) == repr(build_rich(dtype))
    assert fp.content_hash(net) == fp.content_hash(build_rich(dtype))


def test_a_pickle_of_before() -> None:
    saved = pickle.loads((FORMER / "every-layer.pickle").read_bytes())
    for name, net in saved["layers"].items():
        if name != "alone":
            assert same_bits(net(saved["x"].astype(name)), saved["y"][name])
    assert repr(saved["layers"]) == saved["repr"]
    assert [fp.content_hash(saved["layers"][name]) for name in ("float32", "float64")] == saved["hash"]
    for layer in saved["layers"]["alone"]:
        again = pickle.loads(pickle.dumps(layer))
        assert repr(again) == repr(layer)
        assert same_bits(again(np.array([1.0] * (layer.in_features or 3))), layer([1.0] * (layer.in_features or 3)))
