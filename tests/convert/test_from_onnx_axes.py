"""Networks of ONNX models with x of other ranks: the answer of the model, or a refusal."""

import numpy as np
import onnx
import pytest

import forwardpass as fp

MODELS = {
    "flatten, softmax": ("N, 2, 3", 6, "h = Flatten(x) y = Softmax<axis=1>(h)", (5, 2, 3)),
    "relu, flatten": ("N, 2, 3", 6, "h = Relu(x) y = Flatten(h)", (5, 2, 3)),
    "flatten, residual": ("N, 2, 3", 6, "h = Flatten(x) s = Softmax<axis=1>(h) y = Add(h, s)", (5, 2, 3)),
    "flatten of rows": ("N, 3", 3, "h = Flatten(x) y = MatMul(h, w)", (5, 1, 3)),
    "softmax": ("N, 3", 3, "y = Softmax<axis=1>(x)", (5, 3, 3)),
    "softmax behind a layer": ("N, 3", 3, "h = MatMul(x, w) y = LogSoftmax<axis=1>(h)", (5, 3, 3)),
    "layer norm": ("N, 3", 3, "y = LayerNormalization<axis=1>(x, v)", (5, 3, 3)),
    "last axes": ("N, 3", 3, "h = Softmax<axis=-1>(x) y = LayerNormalization<axis=-1>(h, v)", (5, 3, 3)),
}


@pytest.mark.parametrize("name", MODELS)
def test_same_answer_or_refused(name: str) -> None:
    dims, width, nodes, shape = MODELS[name]
    model = onnx.parser.parse_model(
        f'<ir_version: 8, opset_import: ["": 17]> agraph (float[{dims}] x) => (float[N, {width}] y) '
        f"<float[3, 3] w = {{1, 2, 3, 4, 5, 6, 7, 8, 9}}, float[3] v = {{1, 2, 3}}> {{ {nodes} }}"
    )
    net, x = fp.from_onnx(model, verbose=False), np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    source = onnx.reference.ReferenceEvaluator(model)
    try:
        got = net(x)
    except ValueError:
        assert name not in ("flatten, softmax", "relu, flatten", "flatten of rows", "last axes")
        return
    np.testing.assert_allclose(got, source.run(None, {"x": x})[0], rtol=1e-5)
