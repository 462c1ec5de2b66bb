"""ONNX models of a few bytes with the inputs and outputs of the HSEmotion models, written field by field.

Field numbers are those of onnx.proto (github.com/onnx/onnx), opset 11 as the released models have.
"""

import struct
from collections.abc import Sequence
from pathlib import Path

FLOAT, INT = 1, 2


def write_model(
    path: Path,
    weights: Sequence[Sequence[float]],
    bias: Sequence[float],
    size: int = 224,
    bytes_after: bytes = b"",
) -> Path:
    """A model that gives weights @ (mean red, green, blue of its input) + bias.

    Args:
        weights: (outputs, 3).
        bias: (outputs,).
    """
    outputs = len(bias)
    graph = b"".join(
        [
            _node("GlobalAveragePool", ["input"], ["pooled"]),
            _node("Flatten", ["pooled"], ["means"]),
            _node("Gemm", ["means", "weights", "bias"], ["output"], transB=1),
            _text(2, "tiny"),
            _block(5, _tensor("weights", [outputs, 3], [value for row in weights for value in row])),
            _block(5, _tensor("bias", [outputs], bias)),
            _block(11, _value("input", ["batch_size", 3, size, size])),
            _block(12, _value("output", ["batch_size", outputs])),
        ]
    )
    opset = _number(2, 11)
    path.write_bytes(_number(1, 6) + _block(7, graph) + _block(8, opset) + bytes_after)
    return path


def _varint(number: int) -> bytes:
    parts = []
    while True:
        parts.append(number & 127 | (128 if number > 127 else 0))
        number >>= 7
        if not number:
            return bytes(parts)


def _number(field: int, number: int) -> bytes:
    return _varint(field << 3) + _varint(number)


def _block(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _text(field: int, text: str) -> bytes:
    return _block(field, text.encode())


def _node(kind: str, inputs: Sequence[str], outputs: Sequence[str], **integers: int) -> bytes:
    attributes = (_text(1, name) + _number(3, value) + _number(20, INT) for name, value in integers.items())
    content = b"".join(
        [
            *(_text(1, name) for name in inputs),
            *(_text(2, name) for name in outputs),
            _text(3, kind),
            _text(4, kind),
            *(_block(5, attribute) for attribute in attributes),
        ]
    )
    return _block(1, content)


def _tensor(name: str, shape: Sequence[int], values: Sequence[float]) -> bytes:
    sizes = b"".join(_number(1, size) for size in shape)
    return sizes + _number(2, FLOAT) + _text(8, name) + _block(9, struct.pack(f"<{len(values)}f", *values))


def _value(name: str, shape: Sequence[int | str]) -> bytes:
    sizes = (_text(2, size) if isinstance(size, str) else _number(1, size) for size in shape)
    kind = _number(1, FLOAT) + _block(2, b"".join(_block(1, size) for size in sizes))
    return _text(1, name) + _block(2, _block(1, kind))
