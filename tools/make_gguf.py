"""GGUF files with random blocks of every type that wishart reads, and their values computed by numpy.

Used by make-formats. Layouts: ggml, ggml-common.h and ggml-quants.c. `b` is an array of blocks x bytes.
"""
import struct

import numpy as np

IQ4 = np.array([-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113.0])
FP4 = np.array([0, .5, 1, 1.5, 2, 3, 4, 6, -0., -.5, -1, -1.5, -2, -3, -4, -6])


def half(b, at):
    return np.ascontiguousarray(b[:, at:at + 2]).view(np.float16).astype(np.float64)


def nibbles(q):
    """4-bit codes along the last axis: the low halves of all bytes, then the high halves."""
    return np.concatenate([q & 15, q >> 4], -1).astype(np.int64)


def bits(q, width):
    """Splits each byte into 8 / width codes, on a new axis before the last."""
    shifts = np.arange(0, 8, width)[:, None]
    return ((q[..., None, :] >> shifts) & (2**width - 1)).astype(np.int64)


def fifth_bits(b, at):
    return np.unpackbits(b[:, at:at + 4], axis=1, bitorder="little").astype(np.int64) << 4


def two_bits(q):
    """64 bytes as 256 codes: two halves, in each the four places of 32 bytes."""
    return bits(q.reshape(-1, 2, 32), 2).reshape(-1, 256)


def scales_and_mins(s):
    low = s[:, :4] & 63, s[:, 4:8] & 63
    high = (s[:, 8:] & 15) | ((s[:, :4] >> 6) << 4), (s[:, 8:] >> 4) | ((s[:, 4:8] >> 6) << 4)
    return [np.repeat(np.concatenate(pair, 1).astype(np.int64), 32, 1) for pair in zip(low, high)]


def k_codes(q):
    """128 bytes as 8 runs of 32 codes: low halves, then high halves of each 32 bytes."""
    return nibbles(q.reshape(-1, 4, 32)).reshape(-1, 256)


def q3_k(b):
    s = b[:, 96:108]
    low = nibbles(s[:, :8])
    high = bits(s[:, 8:12], 2).reshape(-1, 16)
    codes = two_bits(b[:, 32:96]) - 4 * (1 - bits(b[:, :32], 1).reshape(-1, 256))
    return half(b, 108) * np.repeat((low | high << 4) - 32, 16, 1) * codes


def k_value(b, codes):
    scales, mins = scales_and_mins(b[:, 4:16])
    return half(b, 0) * scales * codes - half(b, 2) * mins


def q6_k(b):
    ql, qh = b[:, :128].reshape(-1, 2, 64), b[:, 128:192].reshape(-1, 2, 32)
    codes = (nibbles(ql).reshape(-1, 2, 4, 32) | bits(qh, 2) << 4).reshape(-1, 256) - 32
    return half(b, 208) * np.repeat(b[:, 192:208].view(np.int8).astype(np.int64), 16, 1) * codes


def iq4_xs(b):
    high = np.ascontiguousarray(b[:, 2:4]).view(np.uint16).astype(np.int64) >> np.arange(0, 16, 2) & 3
    low = np.stack([b[:, 4:8] & 15, b[:, 4:8] >> 4], -1).reshape(-1, 8).astype(np.int64)
    codes = nibbles(b[:, 8:].reshape(-1, 8, 16)).reshape(-1, 256)
    return half(b, 0) * np.repeat((low | high << 4) - 32, 32, 1) * IQ4[codes]


def nvfp4(b):
    s = b[:, :4].astype(np.int64)
    scale = np.where((s >> 3 & 15) == 0, (s & 7) * 2.0**-9, (1 + (s & 7) / 8) * 2.0**((s >> 3 & 15) - 7))
    scale = np.where((s == 0) | (s == 127), 0, scale)
    return FP4[nibbles(b[:, 4:].reshape(-1, 4, 8)).reshape(-1, 64)] * np.repeat(scale, 16, 1)


def tq1_0(b):
    digits = []
    for begin, end, count in ((0, 32, 5), (32, 48, 5), (48, 52, 4)):
        for n in range(count):
            digits.append((b[:, begin:end].astype(np.int64) * 3**n & 255) * 3 >> 8)
    return half(b, 52) * (np.concatenate(digits, 1) - 1)


# name: (number, elements and bytes of a block, places of float16 numbers, blocks to values)
TYPES = {
    "Q4_0": (2, 32, 18, [0], lambda b: half(b, 0) * (nibbles(b[:, 2:]) - 8)),
    "Q4_1": (3, 32, 20, [0, 2], lambda b: half(b, 0) * nibbles(b[:, 4:]) + half(b, 2)),
    "Q5_0": (6, 32, 22, [0], lambda b: half(b, 0) * ((nibbles(b[:, 6:]) | fifth_bits(b, 2)) - 16)),
    "Q5_1": (7, 32, 24, [0, 2], lambda b: half(b, 0) * (nibbles(b[:, 8:]) | fifth_bits(b, 4)) + half(b, 2)),
    "Q8_0": (8, 32, 34, [0], lambda b: half(b, 0) * b[:, 2:].view(np.int8)),
    "Q2_K": (10, 256, 84, [80, 82], lambda b: half(b, 80) * np.repeat(b[:, :16] & 15, 16, 1) * two_bits(b[:, 16:80])
             - half(b, 82) * np.repeat(b[:, :16] >> 4, 16, 1)),
    "Q3_K": (11, 256, 110, [108], q3_k),
    "Q4_K": (12, 256, 144, [0, 2], lambda b: k_value(b, k_codes(b[:, 16:]))),
    "Q5_K": (13, 256, 176, [0, 2], lambda b: k_value(b, k_codes(b[:, 48:]) | bits(b[:, 16:48], 1).reshape(-1, 256) << 4)),
    "Q6_K": (14, 256, 210, [208], q6_k),
    "IQ4_NL": (20, 32, 18, [0], lambda b: half(b, 0) * IQ4[nibbles(b[:, 2:])]),
    "IQ4_XS": (23, 256, 136, [0], iq4_xs),
    "TQ1_0": (34, 256, 54, [52], tq1_0),
    "TQ2_0": (35, 256, 66, [64], lambda b: half(b, 64) * (two_bits(b[:, :64]) - 1)),
    "MXFP4": (39, 32, 17, [], lambda b: FP4[nibbles(b[:, 1:])] * 2.0**(b[:, :1].astype(np.int64) - 127)),
    "NVFP4": (40, 64, 36, [], nvfp4),
    "Q1_0": (41, 128, 18, [0], lambda b: half(b, 0) * (2.0 * np.unpackbits(b[:, 2:], axis=1, bitorder="little") - 1)),
    "Q2_0": (42, 64, 18, [0], lambda b: half(b, 0) * (np.stack([b[:, 2:] >> s & 3 for s in (0, 2, 4, 6)], -1)
                                                     .reshape(-1, 64).astype(np.int64) - 1)),
}


def random_blocks(random, type_name, shape):
    """Blocks of a tensor as bytes, and its values."""
    _, elements, size, halves, values = TYPES[type_name]
    count = shape[0] * shape[1] // elements
    b = random.integers(0, 256, (count, size), np.uint8)
    for at in halves:
        b[:, at:at + 2] = (random.standard_normal((count, 1)) / 16).astype(np.float16).view(np.uint8)
    if type_name == "MXFP4":
        b[:, 0] = random.integers(120, 130, count)
    return b.tobytes(), values(b).reshape(shape)


def text(value):
    return struct.pack("<Q", len(value)) + value.encode()


def gguf_bytes(tensors, alignment=32):
    """`tensors`: (name, shape, number of the type, bytes) of each."""
    facts = [text("general.architecture") + struct.pack("<I", 8) + text("llama"),
             text("llama.block_count") + struct.pack("<II", 4, 1),
             text("general.alignment") + struct.pack("<II", 4, alignment),
             text("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, 2) + text("a") + text("b")]
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(facts)) + b"".join(facts)
    data = b""
    for name, shape, number, raw in tensors:
        head += text(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *reversed(shape))
        head += struct.pack("<IQ", number, len(data))
        data += raw + bytes(-len(raw) % alignment)
    return head + bytes(-len(head) % alignment) + data
