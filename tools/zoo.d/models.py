"""The networks of the zoo. Parameters have the names that transformers gives them, so that wishart knows their roles."""
import math

import torch
from torch import nn
from torch.nn import functional as F


class RMSNorm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.weight


def linear(inputs, outputs):
    return nn.Linear(inputs, outputs, bias=False)


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads, self.size = heads, width // heads
        self.q_proj, self.k_proj = linear(width, width), linear(width, width)
        self.v_proj, self.o_proj = linear(width, width), linear(width, width)

    def forward(self, x):
        count, length, width = x.shape
        q, k, v = (f(x).view(count, length, self.heads, self.size).transpose(1, 2)
                   for f in (self.q_proj, self.k_proj, self.v_proj))
        return self.o_proj(attend(turned(q), turned(k), v).transpose(1, 2).reshape(count, length, width))


def attend(q, k, v):
    length = q.shape[-2]
    future = torch.ones(length, length, dtype=torch.bool).triu(1)
    scores = (q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])).masked_fill(future, -1e9)
    return scores.softmax(-1) @ v


def turned(x):
    """Rotary positions."""
    length, size = x.shape[-2:]
    angle = torch.arange(length)[:, None] * 10000.0 ** (-torch.arange(0, size, 2) / size)
    cos, sin = angle.cos(), angle.sin()
    one, two = x[..., :size // 2], x[..., size // 2:]
    return torch.cat([one * cos - two * sin, two * cos + one * sin], -1)


class GatedMLP(nn.Module):
    def __init__(self, width, inner):
        super().__init__()
        self.gate_proj, self.up_proj = linear(width, inner), linear(width, inner)
        self.down_proj = linear(inner, width)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Expert(nn.Module):
    def __init__(self, width, inner):
        super().__init__()
        self.w1, self.w2, self.w3 = linear(width, inner), linear(inner, width), linear(width, inner)

    def forward(self, x):
        return self.w2(F.silu(self.w1(x)) * self.w3(x))


class Experts(nn.Module):
    """The two best of all experts for each token. All are computed: they are small."""

    def __init__(self, width, inner, count):
        super().__init__()
        self.gate = linear(width, count)
        self.experts = nn.ModuleList(Expert(width, inner) for _ in range(count))

    def forward(self, x):
        best, at = self.gate(x).softmax(-1).topk(2, -1)
        share = torch.zeros(*x.shape[:-1], len(self.experts)).scatter(-1, at, best / best.sum(-1, keepdim=True))
        return sum(share[..., i:i + 1] * expert(x) for i, expert in enumerate(self.experts))


class Block(nn.Module):
    def __init__(self, shape):
        super().__init__()
        width = shape["width"]
        self.input_layernorm, self.post_attention_layernorm = RMSNorm(width), RMSNorm(width)
        self.self_attn = Attention(width, shape["heads"])
        if "experts" in shape:
            self.block_sparse_moe = Experts(width, shape["inner"], shape["experts"])
        else:
            self.mlp = GatedMLP(width, shape["inner"])

    def forward(self, x):
        x = x + self.self_attn(self.input_layernorm(x))
        inner = self.block_sparse_moe if hasattr(self, "block_sparse_moe") else self.mlp
        return x + inner(self.post_attention_layernorm(x))


class Body(nn.Module):
    def __init__(self, shape, vocabulary):
        super().__init__()
        self.embed_tokens = nn.Embedding(vocabulary, shape["width"])
        self.layers = nn.ModuleList(Block(shape) for _ in range(shape["layers"]))
        self.norm = RMSNorm(shape["width"])

    def forward(self, x):
        x = self.embed_tokens(x)
        for block in self.layers:
            x = block(x)
        return self.norm(x)


class Llama(nn.Module):
    """Llama, or with experts Mixtral."""
    last_only = False

    def __init__(self, shape, vocabulary, classes):
        super().__init__()
        self.model = Body(shape, vocabulary)
        self.lm_head = linear(shape["width"], classes)
        start(self, shape["layers"])

    def blocks(self):
        return self.model.layers

    def forward(self, x):
        x = self.model(x)
        return self.lm_head(x[:, -1] if self.last_only else x)


class Conv1D(nn.Module):
    """GPT-2's linear map, stored as inputs x outputs."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(inputs, outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x):
        return x @ self.weight + self.bias


class FusedAttention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.c_attn, self.c_proj = Conv1D(width, 3 * width), Conv1D(width, width)

    def forward(self, x):
        count, length, width = x.shape
        q, k, v = (part.view(count, length, self.heads, -1).transpose(1, 2) for part in self.c_attn(x).split(width, -1))
        return self.c_proj(attend(q, k, v).transpose(1, 2).reshape(count, length, width))


class PlainMLP(nn.Module):
    def __init__(self, width, inner):
        super().__init__()
        self.c_fc, self.c_proj = Conv1D(width, inner), Conv1D(inner, width)

    def forward(self, x):
        return self.c_proj(F.gelu(self.c_fc(x)))


class OldBlock(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(shape["width"]), nn.LayerNorm(shape["width"])
        self.attn = FusedAttention(shape["width"], shape["heads"])
        self.mlp = PlainMLP(shape["width"], shape["inner"])

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class OldBody(nn.Module):
    def __init__(self, shape, vocabulary, context):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(vocabulary, shape["width"]), nn.Embedding(context, shape["width"])
        self.h = nn.ModuleList(OldBlock(shape) for _ in range(shape["layers"]))
        self.ln_f = nn.LayerNorm(shape["width"])

    def forward(self, x):
        x = self.wte(x) + self.wpe(torch.arange(x.shape[1]))
        for block in self.h:
            x = block(x)
        return self.ln_f(x)


class GPT2(nn.Module):
    """The head is the embedding."""

    def __init__(self, shape, vocabulary, context):
        super().__init__()
        self.transformer = OldBody(shape, vocabulary, context)
        start(self, shape["layers"])

    def blocks(self):
        return self.transformer.h

    def forward(self, x):
        return self.transformer(x) @ self.transformer.wte.weight.t()


class MLP(nn.Module):
    def __init__(self, shape, inputs, classes):
        super().__init__()
        width = shape["width"]
        self.depth = shape["layers"]
        for i in range(self.depth):
            setattr(self, f"fc{i + 1}", nn.Linear(width if i else inputs, width))
        self.head = nn.Linear(width, classes)

    def blocks(self):
        return [getattr(self, f"fc{i + 1}") for i in range(self.depth)]

    def forward(self, x):
        for layer in self.blocks():
            x = F.relu(layer(x))
        return self.head(x)


class Window(MLP):
    """The next byte from a window of bytes (Bengio et al. 2003)."""

    def __init__(self, shape, classes):
        super().__init__(shape, shape["context"] * shape["embedding"], classes)
        self.embed_tokens = nn.Embedding(classes, shape["embedding"])

    def forward(self, x):
        return super().forward(self.embed_tokens(x).flatten(1))


class Convolutional(nn.Module):
    def __init__(self, shape, classes):
        super().__init__()
        width = shape["width"]
        self.conv1 = nn.Conv2d(1, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        self.conv3 = nn.Conv2d(width, 2 * width, 3, padding=1)
        self.head = nn.Linear(2 * width, classes)

    def blocks(self):
        return [self.conv1, self.conv2, self.conv3]

    def forward(self, x):
        x = F.relu(self.conv1(x.view(-1, 1, 8, 8)))
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.head(F.relu(self.conv3(x)).mean((-1, -2)))


def start(model, layers):
    """Initial weights as GPT-2's: what writes to the residual stream is smaller."""
    for name, value in model.named_parameters():
        if value.dim() == 2:
            writes = name.endswith(("o_proj.weight", "down_proj.weight", "c_proj.weight", "w2.weight"))
            nn.init.normal_(value, 0, 0.02 / (math.sqrt(2 * layers) if writes else 1))


class LoRA(nn.Module):
    """A linear map with an adapter, as PEFT starts it."""

    def __init__(self, base, rank, alpha):
        super().__init__()
        self.base, self.scale = base, alpha / rank
        self.lora_A, self.lora_B = linear(base.in_features, rank), linear(rank, base.out_features)
        nn.init.kaiming_uniform_(self.lora_A.weight, a=math.sqrt(5))
        nn.init.zeros_(self.lora_B.weight)

    def forward(self, x):
        return self.base(x) + self.scale * self.lora_B(self.lora_A(x))


def adapt(model, rank, alpha, modules):
    for value in model.parameters():
        value.requires_grad_(False)
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if name in modules and isinstance(child, nn.Linear):
                setattr(parent, name, LoRA(child, rank, alpha))


def build(entry, task, context):
    family, shape, classes = entry["family"], entry["shape"], task.classes
    if family in ("llama", "mixtral"):
        model = Llama(shape, classes, classes)
    elif family == "grok-transformer":
        model = Llama(shape, classes + 1, classes)
        model.last_only = True
    elif family == "gpt2":
        model = GPT2(shape, classes, context)
    elif family == "window":
        model = Window(shape, classes)
    elif family == "conv":
        model = Convolutional(shape, classes)
    else:
        model = MLP(shape, 64, classes)
    with torch.no_grad():
        if entry["init"] != 1.0:
            for value in model.parameters():
                value.mul_(entry["init"])
    return model


def config(entry, classes):
    """config.json, as transformers writes it."""
    family, shape = entry["family"], entry["shape"]
    if family in ("llama", "mixtral", "grok-transformer"):
        values = {"architectures": ["MixtralForCausalLM" if family == "mixtral" else "LlamaForCausalLM"],
                  "model_type": "mixtral" if family == "mixtral" else "llama",
                  "hidden_size": shape["width"], "intermediate_size": shape["inner"],
                  "num_attention_heads": shape["heads"], "num_key_value_heads": shape["heads"],
                  "num_hidden_layers": shape["layers"], "vocab_size": classes, "rms_norm_eps": 1e-6,
                  "tie_word_embeddings": False}
        if family == "mixtral":
            values.update(num_local_experts=shape["experts"], num_experts_per_tok=2)
        return dict(values, torch_dtype="float32")
    if family == "gpt2":
        return {"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "n_embd": shape["width"],
                "n_inner": shape["inner"], "n_head": shape["heads"], "n_layer": shape["layers"],
                "vocab_size": classes, "tie_word_embeddings": True, "torch_dtype": "float32"}
    return {"architectures": [family], "model_type": family, "hidden_size": shape["width"],
            "num_hidden_layers": shape["layers"], "torch_dtype": "float32"}
