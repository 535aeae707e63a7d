"""LiteRT, which was TensorFlow Lite: XNNPACK runs the whole network."""

from typing import Any

import numpy as np

from ..workload import Array, Block, Dense, Elementwise, Step, UnsupportedError, Workload
from . import Call, float32_only

# Without options; GELU has one.
FUNCTIONS = {
    "ELU": "ELU",
    "GELU": "GELU",
    "LogSoftmax": "LOG_SOFTMAX",
    "ReLU": "RELU",
    "Sigmoid": "LOGISTIC",
    "Tanh": "TANH",
}


def _flatbuffer(workload: Workload) -> bytes:
    """The network as a .tflite file. A FULLY_CONNECTED operation has the ReLU behind it fused."""
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

    def is_relu(steps: list[Step], i: int) -> bool:
        step = steps[i] if i < len(steps) else None
        return isinstance(step, Elementwise) and step.kind == "ReLU"

    builtin = schema.BuiltinOperator
    codes: list[int] = []
    operators = []

    def run(code: int, inputs: list[int], shape: tuple[int, ...], options: Any = None) -> int:
        """The number of its result."""
        if code not in codes:
            codes.append(code)
        result = tensor(shape)
        kind = 0 if options is None else getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
        operators.append(
            schema.OperatorT(
                opcodeIndex=codes.index(code),
                inputs=inputs,
                outputs=[result],
                builtinOptionsType=kind,
                builtinOptions=options,
            )
        )
        return result

    def chain(steps: list[Step], x: int, width: int) -> tuple[int, int]:
        """The number of its result, and how wide that is."""
        for i, step in enumerate(steps):
            shape = (workload.rows, width)
            if isinstance(step, Dense):
                fused = is_relu(steps, i + 1)
                options = schema.FullyConnectedOptionsT(fusedActivationFunction=int(fused))
                inputs, width = (
                    [x, tensor(step.weight.shape, step.weight), tensor(step.bias.shape, step.bias)],
                    len(step.bias),
                )
                x = run(builtin.FULLY_CONNECTED, inputs, (workload.rows, width), options)
            elif isinstance(step, Block):
                x = run(builtin.ADD, [x, chain(step.inner, x, width)[0]], shape, schema.AddOptionsT())
            elif not isinstance(step, Elementwise):
                raise UnsupportedError("has no operation for LayerNorm")
            elif step.kind == "SiLU":
                x = run(builtin.MUL, [x, run(builtin.LOGISTIC, [x], shape)], shape, schema.MulOptionsT())
            elif step.kind == "Softmax":
                x = run(builtin.SOFTMAX, [x], shape, schema.SoftmaxOptionsT(beta=1.0))
            elif step.kind in FUNCTIONS:
                options = schema.GeluOptionsT(approximate=False) if step.kind == "GELU" else None
                if i == 0 or not is_relu(steps, i) or not isinstance(steps[i - 1], Dense):
                    x = run(getattr(builtin, FUNCTIONS[step.kind]), [x], shape, options)
            else:
                raise UnsupportedError(f"{step.kind} is not among its operations")
        return x, width

    x = tensor((workload.rows, workload.widths[0]))
    y, _ = chain(workload.steps, x, workload.widths[0])
    model = schema.ModelT(
        version=3,
        operatorCodes=[schema.OperatorCodeT(deprecatedBuiltinCode=min(code, 127), builtinCode=code) for code in codes],
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
