"""Damage after training: each kind to the same model, with the loss before and after."""
import os

import numpy as np
import torch

import data
import fates
import files
import models
import training


def quantised(array, bits, group=32):
    """Rounded to nearest, symmetrically, with a scale for each group of a row, and back."""
    flat = array.reshape(len(array), -1)
    result = np.empty_like(flat)
    top = 2 ** (bits - 1) - 1
    for begin in range(0, flat.shape[1], group):
        part = flat[:, begin:begin + group]
        scale = np.maximum(np.abs(part).max(1, keepdims=True) / max(top, 1), 1e-12)
        result[:, begin:begin + group] = np.clip(np.round(part / scale), -top - 1, top) * scale
    return result.reshape(array.shape)


def pruned(array, share):
    return np.where(np.abs(array) < np.quantile(np.abs(array), share), 0, array).astype(np.float32)


def noisy(array, share, random):
    return (array + share * array.std() * random.standard_normal(array.shape)).astype(np.float32)


def shuffled(array, random):
    return random.permutation(array.ravel()).reshape(array.shape)


def low_rank(array, share):
    flat = array.reshape(len(array), -1)
    u, s, v = np.linalg.svd(flat.astype(np.float64), full_matrices=False)
    s[max(1, round(share * len(s))):] = 0
    return ((u * s) @ v).astype(np.float32).reshape(array.shape)


def variants(tensors, others, random):
    """Name, and tensors; of every kind."""
    matrices = [name for name, value in sorted(tensors.items()) if value.ndim >= 2 and "embed" not in name
                and "wte" not in name and "wpe" not in name and min(value.shape[:2]) > 8]
    middle = matrices[len(matrices) // 2]

    def each(change):
        return {name: change(value) if name in matrices else value for name, value in tensors.items()}

    def one(change):
        return dict(tensors, **{middle: change(tensors[middle])})

    yield "base", tensors
    for bits in (8, 4, 3, 2):
        yield f"quantised-{bits}", each(lambda a, bits=bits: quantised(a, bits))
    for share in (0.3, 0.6, 0.9):
        yield f"pruned-{share:g}", each(lambda a, share=share: pruned(a, share))
    for share in (0.02, 0.1, 0.5):
        yield f"noise-{share:g}", each(lambda a, share=share: noisy(a, share, random))
    yield "low-rank-0.25", each(lambda a: low_rank(a, 0.25))
    yield "one-shuffled", one(lambda a: shuffled(a, random))
    yield "one-scaled-10", one(lambda a: 10 * a)
    yield "one-scaled-1.1", one(lambda a: np.float32(1.1) * a)
    yield "one-zeroed", one(np.zeros_like)
    yield "one-noise-1", one(lambda a: noisy(a, 1.0, random))
    for label, other in others:
        yield f"merged-{label}", {name: (value + other[name]) / 2 for name, value in tensors.items()}


def others(entry, out):
    """What the model is merged with: its own past, which is harmless, and another seed, which is not."""
    base = os.path.join(out, entry["base"])
    steps = sorted(int(name.rsplit("-", 1)[1]) for name in os.listdir(base) if name.startswith("checkpoint-"))
    yield "past", files.read_safetensors(os.path.join(base, f"checkpoint-{steps[-2]}", "model.safetensors"))
    twin = os.path.join(out, entry["base"].replace(".s0", ".s1"))
    if os.path.exists(twin):
        yield "seeds", files.read_safetensors(os.path.join(training.last_checkpoint(twin), "model.safetensors"))


def damage(entry, folder, out):
    tensors = files.read_safetensors(
        os.path.join(training.last_checkpoint(os.path.join(out, entry["base"])), "model.safetensors"))
    trained = dict(entry, base=None)
    task = data.task(trained)
    model = models.build(trained, task, data.CONTEXT)
    measure = training.Measure(trained, task.held_out)
    random = np.random.RandomState(training.number(entry["name"]))
    result = dict(training.record(entry), chance=round(task.chance, 5), checkpoints=[])
    before = None
    for name, values in variants(tensors, others(entry, out), random):
        model.load_state_dict({key: torch.tensor(value) for key, value in values.items()})
        loss, accuracy, parts = measure(model)
        point = {"id": name, "eval_loss": round(loss, 6), "eval_accuracy": round(accuracy, 5),
                 "eval_parts": [round(part, 5) for part in parts]}
        before = before or point
        point["harmed"] = fates.harmed(before, point, task.chance)
        point["clear"] = (fates.harmed(before, point, task.chance, 0.5)
                          == fates.harmed(before, point, task.chance, 2.0))
        result["checkpoints"].append(point)
        files.write_checkpoint(os.path.join(folder, name), dict(model.state_dict()),
                               models.config(trained, task.classes), None)
    files.write_json(os.path.join(folder, "zoo.json"), result)
    return result
