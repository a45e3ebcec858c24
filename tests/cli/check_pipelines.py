"""Checks columns and files for other programs against numpy, from the weights themselves.

    check_pipelines.py MODEL BASE ARCHIVE FOLDER

MODEL and BASE are safetensors files of float32 matrices, ARCHIVE the JSON of `export` of the model, of the
difference in ARCHIVE.difference. FOLDER has the files of `export --for` as test_pipelines.cpp names them.
"""

import json
import math
import pathlib
import re
import struct
import sys

import numpy

MODEL, BASE, ARCHIVE, FOLDER = sys.argv[1:]
# Float64 on both sides; the Gram matrix resolves these singular values to nine digits.
CLOSE = 1e-7


def weights(path):
    data = pathlib.Path(path).read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + size])
    header.pop("__metadata__", None)
    out = {}
    for name, one in header.items():
        begin, end = one["data_offsets"]
        values = numpy.frombuffer(data[8 + size + begin:8 + size + end], "<f4")
        out[name] = values.reshape(one["shape"]).astype(float)
    return out


def rank_at(sigma, share):
    energy = numpy.cumsum(sigma**2)
    return int(numpy.searchsorted(energy, share * energy[-1])) + 1


def snr(sigma, shape):
    q75, q25 = numpy.quantile(sigma, [0.75, 0.25])
    edge = (q75 - q25) / 1.349 * (1 + math.sqrt(min(shape) / max(shape)))
    noise = sigma[sigma <= edge]
    return sigma[sigma > edge].sum() / (noise.sum() if len(noise) else 1) / sigma[0]


def intruders(tuned, base):
    u = numpy.linalg.svd(tuned, full_matrices=False)[0][:, :10]
    v = numpy.linalg.svd(base, full_matrices=False)[0]
    return int((abs(u.T @ v).max(axis=1) < 0.5).sum())


def near(found, expected, what):
    assert math.isclose(found, expected, rel_tol=CLOSE), f"{what}: {found}, numpy has {expected}"


model, base = weights(MODEL), weights(BASE)
rows = {row["longname"]: row for row in json.load(open(ARCHIVE))["rows"]}
changes = {row["longname"]: row for row in json.load(open(ARCHIVE + ".difference"))["rows"]}
files = pathlib.Path(FOLDER)
assert set(rows) == set(model) == set(changes)

ratios, counted = {}, 0
for name, matrix in model.items():
    sigma, row = numpy.linalg.svd(matrix, compute_uv=False), rows[name]
    p = sigma / sigma.sum()
    near(row["effective_rank"], math.exp(-(p * numpy.log(p)).sum()), name)
    near(row["participation_ratio"], (sigma**2).sum() ** 2 / (sigma**4).sum(), name)
    near(row["nuclear_norm"], sigma.sum(), name)
    for percent in (90, 95, 99):
        assert row[f"rank_{percent}"] == rank_at(sigma, percent / 100), (name, percent)
    ratios[name] = snr(sigma, matrix.shape)
    near(row["snr"], ratios[name], name)
    assert changes[name]["num_intruders"] == intruders(matrix, base[name]), name
    counted += changes[name]["num_intruders"]
assert counted > 0

# axolotl: the JSON, then what its plugin and its option would train.
scan = json.load(open(files / "snr.json"))
assert len(scan) == len(model)
by_type = {}
for name, ratio in ratios.items():
    module = name.removesuffix(".weight")
    # A name that begins another one ends in a dot.
    entry = scan[module + "." if module.endswith(".gate") else module]
    near(entry["snr"], ratio, module)
    numbered = re.match(r".*?\.\d+\.(.*)", module)
    kind = numbered.group(1) if numbered else module
    assert entry["type"] == kind, module
    if numbered:
        by_type.setdefault(kind, []).append((ratio, name))
expected = {"lm_head.weight", "model.embed_tokens.weight"}
for layers in by_type.values():
    expected |= {name for _, name in sorted(layers, reverse=True)[:int(len(layers) * 0.5)]}
try:
    import yaml
except ImportError:
    yaml = None
if yaml:
    patterns = yaml.safe_load(open(files / "unfrozen.yaml"))["unfrozen_parameters"]
    literal_dots = [re.compile(re.sub(r"\.(?!\+)", "\\.", pattern)) for pattern in patterns]
    trained = {name for name in model if any(pattern.match(name) for pattern in literal_dots)}
    assert trained == expected, trained ^ expected

    # mergekit: the first filter that is part of the name.
    alphas = {name: row["alpha"] for name, row in rows.items() if row["alpha"] is not None}
    low, high = min(alphas.values()), max(alphas.values())
    entries = yaml.safe_load(open(files / "merge.yaml"))["parameters"]["density"]
    for name in model:
        value = next(e["value"] for e in entries if e.get("filter") is None or e["filter"] in name)
        assert isinstance(value, float), value
        if name in alphas:
            near(value, 0.25 + 0.5 * (alphas[name] - low) / (high - low), name)

# PEFT: the first pattern that matches the end of the name.
lora = json.load(open(files / "ranks.json"))
assert lora["rank_pattern"] == lora["alpha_pattern"]
for name, matrix in model.items():
    module, change = name.removesuffix(".weight"), matrix - base[name]
    if not change.any():
        assert module in lora["exclude_modules"], module
        continue
    key = next(k for k in lora["rank_pattern"] if re.match(rf"(.*\.)?({k})$", module))
    sigma = numpy.linalg.svd(change, compute_uv=False)
    assert lora["rank_pattern"][key] == min(rank_at(sigma, 0.8), 12), module
print(f"{len(model)} layers agree, {counted} intruders")
