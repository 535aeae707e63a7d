"""classes= makes a Classifier of an ONNX model."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import forwardpass as fp

MODEL = onnx.parser.parse_model("""
    <ir_version: 10, opset_import: ["": 21]>
    agraph (float[N, 2] x) => (float[N, 3] y)
    <float[3, 2] weight = {1, 0, 0, 1, 1, 1}> { h = Gemm <transB = 1> (x, weight)  y = Softmax(h) }
""")


def test_labels(tmp_path: Path) -> None:
    onnx.save(MODEL, tmp_path / "net.onnx")
    for source in (MODEL, tmp_path / "net.onnx"):
        net: Any = fp.from_onnx(source, classes=["first", "second", "both"], verbose=False)
        assert net.verification.rows > 0
        assert net.predict([[1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]]).tolist() == ["first", "second", "both"]
        assert np.array_equal(net.predict_proba([[1.0, 2.0]]), net([[1.0, 2.0]]))


def test_labels_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match=r"^classes: expected 3 labels for 3 outputs, got 2") as caught:
        fp.from_onnx(MODEL, classes=["a", "b"], verbose=False)
    assert not isinstance(caught.value, fp.ConversionError)
