"""Models whose experts, or latent attention, a program stores otherwise than the hub: mlx-lm, mlx-vlm, llm-compressor.

`conversions(folder, rng)` writes folder/FAMILY-hub and folder/FAMILY-COPY, and yields for each copy its name, that of the
hub's, and {weight: its values}. Every copy has the values of the hub's model.
"""
import json
import struct

import numpy as np

EXPERTS, WIDTH, INNER = 3, 96, 64  # 50 singular values at least, for `check`
FP4 = np.array([0, .5, 1, 1.5, 2, 3, 4, 6, -0., -.5, -1, -1.5, -2, -3, -4, -6])
KINDS = {"<f4": "F32", "<u2": "BF16", "|u1": "U8", "<u4": "U32"}
MLX, PT = {"format": "mlx"}, {"format": "pt"}


def write(folder, config, tensors, metadata=PT):
    folder.mkdir()
    header, at, data = {"__metadata__": metadata}, 0, []
    for name, values in tensors.items():
        header[name] = {"dtype": KINDS[values.dtype.str], "shape": list(values.shape), "data_offsets": [at, at + values.nbytes]}
        at += values.nbytes
        data.append(np.ascontiguousarray(values).tobytes())
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + b"".join(data))
    (folder / "config.json").write_text(json.dumps(config))


def bf16(values):
    """Exact for the values made here: few bits, times a power of two."""
    words = values.astype("<f4").view("<u4")
    assert not (words & 0xFFFF).any()
    return (words >> 16).astype("<u2")


def random_values(rng, *shape):
    return rng.integers(-127, 128, shape) / 64


def packed(codes):
    return (codes[..., 0::2] | codes[..., 1::2] << 4).astype("|u1")


def turned(values):
    return np.ascontiguousarray(np.swapaxes(values, -1, -2))


class Stack:
    """The experts' gate, up and down as [experts, out, in], with codes of 4 bits."""
    def __init__(self, rng, inner):
        self.codes = {part: rng.integers(0, 16, (EXPERTS, *shape)).astype("|u1") for part, shape in
                      (("gate", (inner, WIDTH)), ("up", (inner, WIDTH)), ("down", (WIDTH, inner)))}
        self.scales = {part: rng.integers(124, 130, (*codes.shape[:2], codes.shape[2] // 32)).astype("|u1") for part, codes in self.codes.items()}
        self.values = {part: FP4[codes] * np.repeat(2.0 ** (self.scales[part].astype(float) - 127), 32, -1) for part, codes in self.codes.items()}

    def singles(self, prefix, names=("gate_proj", "up_proj", "down_proj")):
        return {f"{prefix}experts.{e}.{name}.weight": self.values[part][e] for e in range(EXPERTS)
                for part, name in zip(("gate", "up", "down"), names)}

    def mlx(self, prefix):
        return {f"{prefix}{part}_proj.weight": bf16(values) for part, values in self.values.items()}

    def mlx_codes(self, prefix):
        tensors = {}
        for part, codes in self.codes.items():
            tensors[f"{prefix}{part}_proj.weight"] = packed(codes).view("<u4")
            tensors[f"{prefix}{part}_proj.scales"] = self.scales[part]
        return tensors


def both(values):
    return {name: bf16(value) for name, value in values.items()}


NUMBERED = ("w1", "w3", "w2")
LAYER = "model.layers.0."
MXFP4 = {"quantization": {"group_size": 32, "bits": 4, "mode": "mxfp4"}}
# Family: (what is before `experts.` in the hub, names of gate, up, down there, what is before `gate_proj` in MLX).
SINGLE = {
    "qwen3_moe": (LAYER + "mlp.", None, LAYER + "mlp.switch_mlp."),
    "mixtral": (LAYER + "block_sparse_moe.", NUMBERED, LAYER + "block_sparse_moe.switch_mlp."),
    "minimax_m2": (LAYER + "block_sparse_moe.", NUMBERED, LAYER + "block_sparse_moe.switch_mlp."),
    "kimi_linear": (LAYER + "block_sparse_moe.", NUMBERED, LAYER + "mlp.switch_mlp."),
    "lfm2_moe": (LAYER + "feed_forward.", NUMBERED, LAYER + "feed_forward.switch_mlp."),
    "dots1": (LAYER + "mlp.", None, LAYER + "mlp.experts."),
    "not_known": (LAYER + "mlp.", None, LAYER + "mlp.switch_mlp."),
}


def single_experts(folder, rng):
    """The hub has a tensor for each expert."""
    for family, (hub, names, mlx) in SINGLE.items():
        # Square ones too, whose sizes do not tell which axis is which.
        for inner in (INNER, WIDTH) if family in ("dots1", "not_known") else (INNER,):
            name = family if inner != WIDTH else family + "-square"
            stack = Stack(rng, inner)
            weights = stack.singles(hub, names or ("gate_proj", "up_proj", "down_proj"))
            query = {LAYER + "self_attn.q_proj.weight": random_values(rng, WIDTH, WIDTH)}
            router = random_values(rng, EXPERTS, WIDTH)
            config = {"model_type": family, "hidden_size": WIDTH, "num_experts": EXPERTS}
            values = {**query, **weights, hub + "gate.weight": router}
            at_mlx = mlx.rsplit(".", 2)[0] + "."
            write(folder / f"{name}-hub", config, both(values))
            write(folder / f"{name}-mlx", config, {**both({**query, at_mlx + "gate.weight": router}), **stack.mlx(mlx)}, MLX)
            write(folder / f"{name}-mlx-mxfp4", {**config, **MXFP4}, {**both({**query, at_mlx + "gate.weight": router}), **stack.mlx_codes(mlx)}, MLX)
            copies = ["mlx", "mlx-mxfp4"]
            if names == NUMBERED and family != "lfm2_moe":
                singles = stack.singles(LAYER + "mlp.")
                write(folder / f"{name}-singles", config, both({**query, **singles, LAYER + "mlp.gate.weight": router}))
                copies.append("singles")
            for copy in copies:
                yield f"{name}-{copy}", f"{name}-hub", values


def gpt_oss(folder, rng):
    """Hidden and intermediate sizes are alike. Plain stacks are [in, out], blocks and MLX's stacks [out, in]."""
    stack, at = Stack(rng, WIDTH), LAYER + "mlp.experts."
    query = {LAYER + "self_attn.q_proj.weight": random_values(rng, WIDTH, WIDTH)}
    config = {"model_type": "gpt_oss", "hidden_size": WIDTH, "intermediate_size": WIDTH, "num_local_experts": EXPERTS}

    def alternating(gate, up):
        return np.stack([gate, up], 2).reshape(EXPERTS, -1, *gate.shape[2:])

    gate_up = alternating(stack.values["gate"], stack.values["up"])
    write(folder / "gpt_oss-hub", config, both({**query, at + "gate_up_proj": turned(gate_up), at + "down_proj": turned(stack.values["down"])}))

    def blocks(codes, scales):
        return packed(codes).reshape(*codes.shape[:2], -1, 16), scales

    codes = {}
    codes[at + "gate_up_proj_blocks"], codes[at + "gate_up_proj_scales"] = blocks(
        alternating(stack.codes["gate"], stack.codes["up"]), alternating(stack.scales["gate"], stack.scales["up"]))
    codes[at + "down_proj_blocks"], codes[at + "down_proj_scales"] = blocks(stack.codes["down"], stack.scales["down"])
    write(folder / "gpt_oss-mxfp4", {**config, "quantization_config": {"quant_method": "mxfp4"}}, {**both(query), **codes})
    write(folder / "gpt_oss-mlx", config, {**both(query), **stack.mlx(at)}, MLX)
    write(folder / "gpt_oss-mlx-mxfp4", {**config, **MXFP4}, {**both(query), **stack.mlx_codes(at)}, MLX)
    for copy in ("mxfp4", "mlx", "mlx-mxfp4"):
        yield f"gpt_oss-{copy}", "gpt_oss-hub", {**query, **stack.singles(LAYER + "mlp.")}


def gemma4(folder, rng):
    stack, hub, mlx = Stack(rng, INNER), "model.language_model.layers.0.", "language_model.model.layers.0."
    query = random_values(rng, WIDTH, WIDTH)
    config = {"model_type": "gemma4", "text_config": {"model_type": "gemma4_text", "hidden_size": WIDTH, "num_experts": EXPERTS}}
    gate_up = np.concatenate([stack.values["gate"], stack.values["up"]], 1)
    write(folder / "gemma4-hub", config, both({hub + "self_attn.q_proj.weight": query, hub + "experts.gate_up_proj": gate_up,
                                               hub + "experts.down_proj": stack.values["down"]}))
    write(folder / "gemma4-mlx", config, {mlx + "self_attn.q_proj.weight": bf16(query), **stack.mlx(mlx + "experts.switch_glu.")}, MLX)
    yield "gemma4-mlx", "gemma4-hub", {hub + "self_attn.q_proj.weight": query, **stack.singles(hub)}


def nemotron(folder, rng):
    """Experts without a gate."""
    up, down = random_values(rng, EXPERTS, INNER, WIDTH), random_values(rng, EXPERTS, WIDTH, INNER)
    at = "backbone.layers.0.mixer."
    config = {"model_type": "nemotron_h", "hidden_size": WIDTH, "n_routed_experts": EXPERTS}
    values = {f"{at}experts.{e}.{part}_proj.weight": stack[e] for e in range(EXPERTS) for part, stack in (("up", up), ("down", down))}
    write(folder / "nemotron_h-hub", config, both(values))
    write(folder / "nemotron_h-mlx", config, both({at + "switch_mlp.fc1.weight": up, at + "switch_mlp.fc2.weight": down}), MLX)
    yield "nemotron_h-mlx", "nemotron_h-hub", values


def stacks_of_the_hub(folder, rng):
    """Families whose stacks have names of their own: one matrix an expert, as stored."""
    stack = Stack(rng, INNER)
    query = {LAYER + "self_attn.q_proj.weight": random_values(rng, WIDTH, WIDTH)}
    router = random_values(rng, EXPERTS, WIDTH)
    config = {"model_type": "step3p5", "hidden_size": WIDTH, "moe_num_experts": EXPERTS}
    names = {part: f"{LAYER}moe.{part}_proj.weight" for part in stack.values}
    write(folder / "step3p5-hub", config, both({**query, **{names[part]: values for part, values in stack.values.items()}, LAYER + "moe.gate.weight": router}))
    write(folder / "step3p5-mlx", config, {**both({**query, LAYER + "mlp.gate.gate.weight": router}), **stack.mlx(LAYER + "mlp.switch_mlp.")}, MLX)
    yield "step3p5-mlx", "step3p5-hub", {**query, LAYER + "moe.gate.weight": router,
                                         **{f"{names[part]}[{e}]": values[e] for part, values in stack.values.items() for e in range(EXPERTS)}}
    at = LAYER + "block_sparse_moe."
    config = {"model_type": "granitemoe", "hidden_size": WIDTH, "num_local_experts": EXPERTS}
    gate_up = np.concatenate([stack.values["gate"], stack.values["up"]], 1)
    write(folder / "granitemoe-hub", config, both({**query, at + "input_linear.weight": gate_up, at + "output_linear.weight": stack.values["down"]}))
    write(folder / "granitemoe-mlx", config, {**both(query), **stack.mlx(at + "switch_mlp.")}, MLX)
    write(folder / "granitemoe-mlx-mxfp4", {**config, **MXFP4}, {**both(query), **stack.mlx_codes(at + "switch_mlp.")}, MLX)
    values = {**query, **{f"{at}{name}.weight[{e}]": part[e] for name, part in (("input_linear", gate_up), ("output_linear", stack.values["down"])) for e in range(EXPERTS)}}
    for copy in ("mlx", "mlx-mxfp4"):
        yield f"granitemoe-{copy}", "granitemoe-hub", values


def latent_attention(folder, rng):
    """MLX stores the keys' part of kv_b_proj turned, and the values' part by itself."""
    heads, nope, value, rank = 4, 32, 64, 96
    at = LAYER + "self_attn."
    codes = {"embed_q": rng.integers(0, 16, (heads, rank, nope)).astype("|u1"), "unembed_out": rng.integers(0, 16, (heads, value, rank)).astype("|u1")}
    scales = {name: rng.integers(124, 130, (*part.shape[:2], part.shape[2] // 32)).astype("|u1") for name, part in codes.items()}
    parts = {name: FP4[part] * np.repeat(2.0 ** (scales[name].astype(float) - 127), 32, -1) for name, part in codes.items()}
    whole = np.concatenate([turned(parts["embed_q"]), parts["unembed_out"]], 1).reshape(-1, rank)
    query = {at + "q_proj.weight": random_values(rng, WIDTH, WIDTH)}
    values = {**query, at + "kv_b_proj.weight": whole}
    config = {"model_type": "deepseek_v3", "hidden_size": WIDTH, "num_attention_heads": heads}
    write(folder / "deepseek_v3-hub", config, both(values))
    write(folder / "deepseek_v3-mlx", config, both({**query, **{f"{at}{name}.weight": part for name, part in parts.items()}}), MLX)
    tensors = both(query)
    for name, part in codes.items():
        tensors[f"{at}{name}.weight"], tensors[f"{at}{name}.scales"] = packed(part).view("<u4"), scales[name]
    write(folder / "deepseek_v3-mlx-mxfp4", {**config, **MXFP4}, tensors, MLX)
    for copy in ("mlx", "mlx-mxfp4"):
        yield f"deepseek_v3-{copy}", "deepseek_v3-hub", values


def conversions(folder, rng):
    for family in (single_experts, gpt_oss, gemma4, nemotron, stacks_of_the_hub, latent_attention):
        yield from family(folder, rng)
