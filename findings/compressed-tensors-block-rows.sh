#!/usr/bin/env bash
# compressed-tensors 0.18.0: a weight in FP8 or INT8 blocks whose rows are no multiple of the block is decoded with wrong scales.
#
#   findings/compressed-tensors-block-rows.sh [GIT]      GIT: a clone of vllm-project/compressed-tensors; else it is cloned
#
# Such weights are valid: the compressor pads them to whole blocks, quantises, and cuts them again, so 192 rows in blocks of
# 128 have two rows of scales, the first for rows 0 to 127. NaiveQuantizationCompressor.decompress calls dequantize without
# the scheme, which then takes rows / rows of scales for the block: 96 instead of 128. Rows 96 to 127 get the scale of the
# second block, without an error. 320 rows fail; 256 are right.
#
# Needs git and a Python with PyTorch (PYTHON). dequantize itself is run, from the files of the release. What those import and
# dequantize does not use (pydantic models, Triton kernels) is stood in for, so that nothing else has to be installed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
clone=${1:-}
if [ -z "$clone" ]; then
    clone=$work/clone
    git clone --quiet --depth 1 --branch 0.18.0 https://github.com/vllm-project/compressed-tensors "$clone"
fi
release=ac8e2ba82f4e0d5eaa40069f8fc642738f124cd4
folder=src/compressed_tensors/quantization
git -C "$clone" show "$release:$folder/lifecycle/forward.py" > "$work/forward.py"
git -C "$clone" show "$release:$folder/lifecycle/forward_helpers.py" > "$work/forward_helpers.py"
git -C "$clone" show "$release:$folder/utils/helpers.py" > "$work/helpers.py"
cat > "$work/run.py" <<'PYTHON'
import enum, re, sys, types
import torch

folder = sys.argv[1]


def module(name, **content):
    made = types.ModuleType(name)
    made.__dict__.update(content)
    made.__path__ = []
    sys.modules[name] = made


def run_file(name, text=None):
    names = {"torch": torch}
    exec(compile(text or open(f"{folder}/{name}").read(), name, "exec"), names)
    return {key: value for key, value in names.items() if not key.startswith("__")}


class Args:  # of QuantizationArgs, what dequantize asks for
    def __init__(self, strategy=None, group_size=None, block_structure=None):
        self.strategy, self.group_size, self.block_structure = strategy, group_size, block_structure


class Decorators:  # kernels for other devices
    def __getattr__(self, name):
        return lambda *a, **k: a[0] if a and callable(a[0]) else lambda function: function


Strategy = enum.Enum("Strategy", {name.upper(): name for name in ("tensor", "channel", "group", "block", "tensor_group")})
padding = "\n".join(re.search(rf"def {name}\(.*?(?=\n(?:def|class|@)|\Z)", open(f"{folder}/helpers.py").read(), re.S).group(0)
                    for name in ("calculate_block_padding", "maybe_pad_tensor_for_block_quant"))
base, parts = "compressed_tensors", {"QuantizationArgs": Args, "QuantizationStrategy": Strategy, "QuantizationScheme": object,
                                     "QuantizationStatus": None, "QuantizationType": None, "DynamicType": None,
                                     "round_to_quantized_type_args": None}
module(base)
module(f"{base}.utils", patch_attr=None)
module(f"{base}.utils.impl_backend", ImplBackend=Decorators())
module(f"{base}.utils.triton", tl=types.SimpleNamespace(constexpr=int, tensor=int), triton=Decorators(), triton_req=Decorators())
module(f"{base}.quantization", **parts)
for name in ("quant_args", "quant_config", "quant_scheme", "lifecycle"):
    module(f"{base}.quantization.{name}", **parts)
module(f"{base}.quantization.utils", calculate_range=lambda args, device: (torch.tensor(-128.0), torch.tensor(127.0)),
       compute_dynamic_scales_and_zp=None, **run_file("helpers.py", padding))
module(f"{base}.quantization.utils.fp4_utils", _round_to_fp4=None)
module(f"{base}.quantization.lifecycle.forward_helpers", **run_file("forward_helpers.py"))
dequantize = run_file("forward.py")["dequantize"]

for rows in (192, 256, 320):
    blocks = -(-rows // 128)
    scale = torch.arange(1.0, blocks + 1)[:, None].repeat(1, 2)  # 1 for the first block of rows, 2 for the second, ...
    codes = torch.ones(rows, 256, dtype=torch.int8)
    right = [row // 128 + 1 for row in range(0, rows, 32)]
    try:
        found = dequantize(x_q=codes, scale=scale)[::32, 0].int().tolist()
    except RuntimeError as error:
        found = type(error).__name__
    print(f"{rows} rows: every 32nd is {found}, right is {right}")
PYTHON
"${PYTHON:-python3}" "$work/run.py" "$work" | tee "$work/seen"
diff "$work/seen" - <<'TEXT'
192 rows: every 32nd is [1, 1, 1, 2, 2, 2], right is [1, 1, 1, 1, 2, 2]
256 rows: every 32nd is [1, 1, 1, 1, 2, 2, 2, 2], right is [1, 1, 1, 1, 2, 2, 2, 2]
320 rows: every 32nd is RuntimeError, right is [1, 1, 1, 1, 2, 2, 2, 2, 3, 3]
TEXT
