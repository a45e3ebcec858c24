"""The zoo without its weights: every checkpoint with each matrix replaced by the diagonal of its singular values.

Such a checkpoint has the names, shapes and spectra of the trained one, so whatever wishart concludes from spectra it
concludes from this one too; what depends on singular vectors or on single elements (--base, --randomize) is gone.

A file is xz: a line of JSON for each entry, with its checkpoints' tensors in order, then all singular values as
float32: the highest bytes of all of them, the next, and so on, which packs better.
"""
import json
import lzma
import os

import numpy as np

import files

MAGIC = "wishart zoo 1"
BYTES = 3, 2, 1, 0


def slices(array):
    """The matrices of a tensor, as wishart pools them: of a convolution one for each offset of the kernel."""
    return np.moveaxis(array.reshape(*array.shape[:2], -1), -1, 0) if array.ndim > 2 else array[None]


def diagonal(shape, values):
    """A tensor of the shape whose matrices have the singular values."""
    result = np.zeros(shape, np.float32)
    parts = slices(result)  # views
    for part, own in zip(parts, values.reshape(len(parts), -1)):
        np.fill_diagonal(part, own)
    return result


def singular_values(array):
    if not np.isfinite(array).all():
        return np.full(len(slices(array)) * min(array.shape[:2]), np.nan, "<f4")
    return np.linalg.svd(slices(array).astype(np.float64), compute_uv=False).astype("<f4").ravel()


def factors(tensors):
    """Of an adapter: the singular values of each change as the factor B, the factor A without them."""
    result = {}
    for name, low in tensors.items():
        if ".lora_A." not in name:
            continue
        high = tensors[name.replace(".lora_A.", ".lora_B.")].astype(np.float64)
        finite = np.isfinite(low).all() and np.isfinite(high).all()
        values = (np.linalg.svd(np.linalg.qr(high)[1] @ low, compute_uv=False) if finite
                  else np.full(len(low), np.nan))
        result[name.replace(".lora_A.", ".lora_B.")] = (high.shape, values[:len(low)].astype("<f4"))
        result[name] = (low.shape, np.ones(len(low), "<f4"))
    return result


def read_json(path):
    with open(path) as file:
        return json.load(file)


def pack_checkpoint(folder):
    """A description for the head of the file, and the singular values."""
    sides = {name: read_json(os.path.join(folder, name)) for name in
             ("config.json", "adapter_config.json", "trainer_state.json") if os.path.exists(os.path.join(folder, name))}
    weights = "adapter_model.safetensors" if "adapter_config.json" in sides else "model.safetensors"
    tensors = files.read_safetensors(os.path.join(folder, weights))
    if "adapter_config.json" in sides:
        spectra = factors(tensors)
    else:
        spectra = {name: (array.shape, singular_values(array)) for name, array in tensors.items() if array.ndim > 1}
    head = {"id": os.path.basename(folder), "sides": sides,
            "tensors": [[name, list(shape)] for name, (shape, _) in sorted(spectra.items())]}
    return head, [values for _, (_, values) in sorted(spectra.items())]


def checkpoints(folder):
    names = [name for name in os.listdir(folder) if os.path.isdir(os.path.join(folder, name))]
    return sorted(names, key=lambda name: (int(name.rsplit("-", 1)[1]) if name.startswith("checkpoint-") else 0, name))


def keep(out, names, path):
    """Packs the entries. Writes the file whole or not at all; returns its size."""
    heads, values = [], []
    for name in names:
        folder = os.path.join(out, name)
        head = {"entry": name, "zoo": read_json(os.path.join(folder, "zoo.json")), "checkpoints": []}
        log = None
        for checkpoint in checkpoints(folder):
            one, spectra = pack_checkpoint(os.path.join(folder, checkpoint))
            state = one["sides"].get("trainer_state.json")
            if state:  # each log begins with the one before
                head["log"] = log = state.pop("log_history")
                one["records"] = len(log)
            head["checkpoints"].append(one)
            values += spectra
        heads.append(head)
    data = np.concatenate(values).astype("<f4").view(np.uint8).reshape(-1, 4)
    text = "\n".join([MAGIC, str(len(heads)), *(json.dumps(head, separators=(",", ":")) for head in heads)]) + "\n"
    content = text.encode() + b"".join(np.ascontiguousarray(data[:, i]).tobytes() for i in BYTES)
    packed = lzma.compress(content, preset=9 | lzma.PRESET_EXTREME)
    with open(path + ".tmp", "wb") as file:
        file.write(packed)
    os.rename(path + ".tmp", path)
    return len(packed)


def length(shape):
    """The number of singular values of a tensor."""
    return min(shape[:2]) * int(np.prod(shape[2:], dtype=np.int64))


def restore(path, out, wanted=lambda name: True):
    """Writes the folders that `keep` read, with diagonal matrices: those of the wanted entries. Returns their
    number."""
    with lzma.open(path) as file:
        content = file.read()
    magic, count, rest = content.split(b"\n", 2)
    if magic.decode(errors="replace") != MAGIC:
        raise SystemExit(f"zoo: {path}: expected '{MAGIC}'")
    heads = []
    for _ in range(int(count)):
        line, rest = rest.split(b"\n", 1)
        heads.append(json.loads(line))
    data = np.empty((len(rest) // 4, 4), np.uint8)
    for place, i in enumerate(BYTES):
        data[:, i] = np.frombuffer(rest, np.uint8)[place * len(data):(place + 1) * len(data)]
    values, at = data.reshape(-1).view("<f4"), 0
    written = 0
    for head in heads:
        if not wanted(head["entry"]):
            at += sum(length(shape) for one in head["checkpoints"] for _, shape in one["tensors"])
            continue
        written += 1
        folder = os.path.join(out, head["entry"])
        os.makedirs(folder)
        for one in head["checkpoints"]:
            tensors, adapter = {}, one["sides"].get("adapter_config.json")
            for name, shape in one["tensors"]:
                count = length(shape)
                tensors[name] = diagonal(shape, values[at:at + count])
                at += count
            state = one["sides"].get("trainer_state.json")
            if state:
                state["log_history"] = head["log"][:one["records"]]
            files.write_checkpoint(os.path.join(folder, one["id"]), tensors, one["sides"].get("config.json"), state,
                                   adapter)
        files.write_json(os.path.join(folder, "zoo.json"), head["zoo"])
    return written
