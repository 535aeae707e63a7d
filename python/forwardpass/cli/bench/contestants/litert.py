"""LiteRT, which was TensorFlow Lite: XNNPACK runs the whole network."""

from typing import Any

import numpy as np

from ..workload import Array, Workload
from . import Call, float32_only


def _flatbuffer(workload: Workload) -> bytes:
    """The network as a .tflite file: FULLY_CONNECTED operations, with ReLU fused into all but the last."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    buffers = [schema.BufferT()]  # number 0 is empty by definition: the tensors that are computed use it
    tensors: list[Any] = []

    def tensor(shape: tuple[int, ...], values: Array | None = None) -> int:
        """Its number."""
        if values is not None:
            buffers.append(schema.BufferT(data=np.frombuffer(values.tobytes(), np.uint8)))
        number = 0 if values is None else len(buffers) - 1
        tensors.append(
            schema.TensorT(shape=list(shape), type=schema.TensorType.FLOAT32, buffer=number, name=f"t{len(tensors)}")
        )
        return len(tensors) - 1

    activations = schema.ActivationFunctionType
    x = y = tensor((workload.rows, workload.widths[0]))
    operators = []
    for i, (w, b) in enumerate(workload.layers):
        activation = activations.RELU if i + 1 < len(workload.layers) else activations.NONE
        inputs = [y, tensor(w.shape, w), tensor(b.shape, b)]
        y = tensor((workload.rows, len(b)))
        operators.append(
            schema.OperatorT(
                opcodeIndex=0,
                inputs=inputs,
                outputs=[y],
                builtinOptionsType=schema.BuiltinOptions.FullyConnectedOptions,
                builtinOptions=schema.FullyConnectedOptionsT(fusedActivationFunction=activation),
            )
        )
    code = schema.BuiltinOperator.FULLY_CONNECTED
    model = schema.ModelT(
        version=3,
        operatorCodes=[schema.OperatorCodeT(deprecatedBuiltinCode=code, builtinCode=code)],
        subgraphs=[schema.SubGraphT(tensors=tensors, inputs=[x], outputs=[y], operators=operators)],
        buffers=buffers,
    )
    # A builder that grows copies what it has, so it begins with room for all weights.
    builder = flatbuffers.Builder(4 * (workload.work + sum(workload.widths)) + (1 << 16))
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def litert(workload: Workload, threads: int) -> Call:
    """Views of the input and output tensors, held for good."""
    float32_only(workload)
    from ai_edge_litert.interpreter import Interpreter

    network = Interpreter(model_content=_flatbuffer(workload), num_threads=threads)
    network.allocate_tensors()
    given = network.tensor(network.get_input_details()[0]["index"])()
    result = network.tensor(network.get_output_details()[0]["index"])()
    # Interpreter.invoke() refuses to run while such views exist. They stay valid until tensors are allocated anew.
    invoke, x = network._interpreter.Invoke, workload.x

    def run() -> Array:
        given[...] = x
        invoke()
        y: Array = result
        return y

    # The views keep no memory alive, so the network is a name too.
    return Call("run()", {"run": run, "network": network})
