""".keras files that were changed at random are refused, or are the very same network."""

import json
from pathlib import Path

import numpy as np
import pytest

import forwardpass as fp
from tests.support.bad_keras_files import config, keras_file, load, weights
from tests.support.mutation import mutated


def check_mutations(count: int, folder: Path) -> None:
    """Of the zip file, of the configuration in it, and of the weights in it, the latter two with right checksums."""
    rng = np.random.default_rng(0)
    good = keras_file()
    expected = fp.content_hash(load(good, folder))
    loaded = 0
    for i in range(count):
        if i % 4 == 3:
            content = keras_file(hdf5=mutated(weights(), rng))
        elif i % 4 == 1:
            content = keras_file(mutated(json.dumps(config()).encode(), rng))
        else:
            content = mutated(good, rng)
        try:
            net = load(content, folder)
        except fp.ConversionError:
            continue
        # Who writes the checksums himself may write other values.
        assert i % 2 or fp.content_hash(net) == expected
        loaded += 1
    assert 0 < loaded < count / 2


def test_mutations(tmp_path: Path) -> None:
    check_mutations(120, tmp_path)


@pytest.mark.full
def test_20_000_mutations(tmp_path: Path) -> None:
    check_mutations(20_000, tmp_path)
