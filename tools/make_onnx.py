"""ONNX models with initializers only, written in the wire format of Protocol Buffers.

Used by make-formats. Field and type numbers: onnx.proto3.
"""
TYPES = {"float32": 1, "float64": 11, "float16": 10, "bfloat16": 16}


def varint(value):
    out = b""
    while value > 127:
        out += bytes([128 | (value & 127)])
        value >>= 7
    return out + bytes([value])


def number(field, value):
    return varint(field << 3) + varint(value)


def run(field, value):
    return varint(field << 3 | 2) + varint(len(value)) + value


def fact(key, value):
    return run(13, run(1, key.encode()) + run(2, value.encode()))


def initializer(name, shape, dtype, raw, data=None, in_list=False):
    """`data`: name and content of a data file, to which the tensor is appended. `in_list`: write float_data, or
    int32_data with the bits of bfloat16 as numbers."""
    head = b"".join(number(1, size) for size in shape) + number(2, TYPES[dtype]) + run(8, name.encode())
    if data is None:
        if in_list and dtype == "bfloat16":
            return head + run(5, b"".join(varint(bits) for bits in memoryview(raw).cast("H")))
        return head + run(4 if in_list else 9, raw)
    file, content = data
    content += b"\0" * (-len(content) % 64)
    head += number(14, 1) + fact("location", file) + fact("offset", str(len(content))) + fact("length", str(len(raw)))
    content += raw
    return head


def model(initializers):
    graph = run(2, b"main") + b"".join(run(5, one) for one in initializers)
    return number(1, 8) + run(2, b"make_onnx") + run(7, graph) + run(8, run(1, b"") + number(2, 13))
