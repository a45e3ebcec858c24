#!/usr/bin/python3
"""Writes a folder with the tensors of DeepSeek-V3, about 90 000, in 163 sparse files: headers and no data.

  make_deepseek_index.py DIR

Shapes: deepseek-ai/DeepSeek-V3, config.json. The files are as long as they say, but have no bytes on disk.
"""
import json
import os
import struct
import sys

HIDDEN, LAYERS, DENSE, EXPERTS, VOCAB = 7168, 61, 3, 256, 129280
FFN, EXPERT_FFN, Q, KV, HEADS = 18432, 2048, 1536, 512, 128
SIZES = {"BF16": 2, "F8_E4M3": 1, "F32": 4}


def tensors():
    def linear(name, out, columns):
        yield name + ".weight", "F8_E4M3", (out, columns)
        yield name + ".weight_scale_inv", "F32", (-(-out // 128), -(-columns // 128))

    def mlp(name, width):
        yield from linear(name + ".gate_proj", width, HIDDEN)
        yield from linear(name + ".up_proj", width, HIDDEN)
        yield from linear(name + ".down_proj", HIDDEN, width)

    yield "model.embed_tokens.weight", "BF16", (VOCAB, HIDDEN)
    for i in range(LAYERS):
        layer = f"model.layers.{i}"
        yield layer + ".input_layernorm.weight", "BF16", (HIDDEN,)
        yield layer + ".post_attention_layernorm.weight", "BF16", (HIDDEN,)
        yield from linear(layer + ".self_attn.q_a_proj", Q, HIDDEN)
        yield layer + ".self_attn.q_a_layernorm.weight", "BF16", (Q,)
        yield from linear(layer + ".self_attn.q_b_proj", HEADS * 192, Q)
        yield from linear(layer + ".self_attn.kv_a_proj_with_mqa", KV + 64, HIDDEN)
        yield layer + ".self_attn.kv_a_layernorm.weight", "BF16", (KV,)
        yield from linear(layer + ".self_attn.kv_b_proj", HEADS * 256, KV)
        yield from linear(layer + ".self_attn.o_proj", HIDDEN, HEADS * 128)
        if i < DENSE:
            yield from mlp(layer + ".mlp", FFN)
            continue
        yield layer + ".mlp.gate.weight", "BF16", (EXPERTS, HIDDEN)
        yield layer + ".mlp.gate.e_score_correction_bias", "F32", (EXPERTS,)
        yield from mlp(layer + ".mlp.shared_experts", EXPERT_FFN)
        for e in range(EXPERTS):
            yield from mlp(f"{layer}.mlp.experts.{e}", EXPERT_FFN)
    yield "model.norm.weight", "BF16", (HIDDEN,)
    yield "lm_head.weight", "BF16", (VOCAB, HIDDEN)


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    everything, files = list(tensors()), 163
    weight_map = {}
    per_file = -(-len(everything) // files)
    for f in range(files):
        name = f"model-{f + 1:05d}-of-{files:06d}.safetensors"
        header, offset = {}, 0
        for tensor, dtype, shape in everything[f * per_file:(f + 1) * per_file]:
            size = SIZES[dtype]
            for extent in shape:
                size *= extent
            header[tensor] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + size]}
            weight_map[tensor] = name
            offset += size
        text = json.dumps(header, separators=(",", ":")).encode()
        with open(os.path.join(folder, name), "wb") as file:
            file.write(struct.pack("<Q", len(text)) + text)
            file.truncate(8 + len(text) + offset)
    with open(os.path.join(folder, "model.safetensors.index.json"), "w") as file:
        json.dump({"metadata": {}, "weight_map": weight_map}, file)
    with open(os.path.join(folder, "config.json"), "w") as file:
        json.dump({"model_type": "deepseek_v3", "num_hidden_layers": LAYERS, "hidden_size": HIDDEN, "n_routed_experts": EXPERTS,
                   "quantization_config": {"quant_method": "fp8", "fmt": "e4m3", "weight_block_size": [128, 128]}}, file)
    print(len(everything))


if __name__ == "__main__":
    main()
