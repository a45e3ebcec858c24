"""Checkpoints as transformers, its trainer and PEFT write them."""
import json
import os
import struct

import numpy as np


def write_json(path, value):
    with open(path, "w") as file:
        json.dump(value, file, indent=1)
        file.write("\n")


def write_safetensors(path, tensors):
    """`tensors`: name to tensor or array. All are written as float32."""
    header, data, offset = {"__metadata__": {"format": "pt"}}, [], 0
    for name in sorted(tensors):
        value = tensors[name]
        array = np.ascontiguousarray(value.detach().numpy() if hasattr(value, "detach") else value, dtype="<f4")
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
        data.append(array.tobytes())
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(data))


def read_safetensors(path):
    """Name to array of float32."""
    with open(path, "rb") as file:
        size = struct.unpack("<Q", file.read(8))[0]
        header = json.loads(file.read(size))
        data = file.read()
    header.pop("__metadata__", None)
    return {name: np.frombuffer(data[entry["data_offsets"][0]:entry["data_offsets"][1]], "<f4")
            .reshape(entry["shape"]).copy() for name, entry in header.items()}


def write_checkpoint(folder, tensors, config, state, adapter=None):
    os.makedirs(folder)
    if adapter is None:
        write_safetensors(os.path.join(folder, "model.safetensors"), tensors)
        write_json(os.path.join(folder, "config.json"), config)
    else:
        write_safetensors(os.path.join(folder, "adapter_model.safetensors"), tensors)
        write_json(os.path.join(folder, "adapter_config.json"), adapter)
    if state is not None:
        write_json(os.path.join(folder, "trainer_state.json"), state)
