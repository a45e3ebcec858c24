"""Checkpoints as the ranks of Megatron-LM and DeepSpeed write them; used by make-formats.

Layouts: Megatron-LM, training/checkpointing.py; DeepSpeed, runtime/engine.py and utils/zero_to_fp32.py.
"""
import argparse
import collections

import numpy as np

HIDDEN, HEADS, GROUPS, WIDTH, FFN, LAYERS, VOCABULARY, PADDED = 32, 4, 2, 8, 48, 4, 90, 96


def pieces(name, array, ranks):
    """The piece of a tensor on each tensor-parallel rank."""
    if "linear_fc1" in name:  # a share of the gates and one of the values
        gate, up = np.split(array, 2)
        return [np.concatenate(pair) for pair in zip(np.split(gate, ranks), np.split(up, ranks))]
    if any(part in name for part in ("word_embeddings", "linear_qkv", "output_layer", "query_key_value", "dense_h_to_4h")):
        return np.split(array, ranks)
    if any(part in name for part in ("linear_proj", "linear_fc2", "attention.dense.weight", "dense_4h_to_h.weight")):
        return np.split(array, ranks, 1)
    return [array] * ranks


def megatron_model(random, to_bf16):
    def matrix(*shape):
        return to_bf16(random.standard_normal(shape))

    model = {"embedding.word_embeddings.weight": matrix(PADDED, HIDDEN)}
    for i in range(LAYERS):
        layer = f"decoder.layers.{i}."
        model[layer + "self_attention.linear_qkv.weight"] = matrix((HEADS + 2 * GROUPS) * WIDTH, HIDDEN)
        model[layer + "self_attention.linear_proj.weight"] = matrix(HIDDEN, HEADS * WIDTH)
        model[layer + "mlp.linear_fc1.weight"] = matrix(2 * FFN, HIDDEN)
        model[layer + "mlp.linear_fc2.weight"] = matrix(HIDDEN, FFN)
        model[layer + "input_layernorm.weight"] = matrix(HIDDEN)
    model["output_layer.weight"] = matrix(PADDED, HIDDEN)
    return model


def fused_parts(values):
    """Queries, keys and values, and the gates and values of the MLP, as separate matrices: NAME.part."""
    parts = {}
    for name, array in values.items():
        stem = name[:-len(".weight")]
        if "linear_qkv" in name:
            groups = array.reshape(GROUPS, HEADS // GROUPS + 2, WIDTH, HIDDEN)
            parts[stem + ".q"] = groups[:, :-2].reshape(-1, HIDDEN)
            parts[stem + ".k"] = groups[:, -2].reshape(-1, HIDDEN)
            parts[stem + ".v"] = groups[:, -1].reshape(-1, HIDDEN)
        elif "linear_fc1" in name:
            parts[stem + ".gate"], parts[stem + ".up"] = np.split(array, 2)
    return parts


def write_megatron(folder, model, save, tensor_of, write_bytes, tensor_ranks, stages, chunks):
    """`chunks` of a virtual pipeline; layer numbers are local to each chunk of each stage."""
    share = LAYERS // (stages * chunks)
    arguments = argparse.Namespace(num_layers=LAYERS, hidden_size=HIDDEN, num_attention_heads=HEADS, num_query_groups=GROUPS,
                                   group_query_attention=True, kv_channels=WIDTH, ffn_hidden_size=FFN, swiglu=True,
                                   vocab_size=VOCABULARY, padded_vocab_size=PADDED, tensor_model_parallel_size=tensor_ranks,
                                   pipeline_model_parallel_size=stages, num_experts=None)
    for stage in range(stages):
        for rank in range(tensor_ranks):
            state = {"args": arguments, "checkpoint_version": 3.0, "iteration": 100, "optimizer": {"step": 3}}
            for chunk in range(chunks):
                first = (chunk * stages + stage) * share
                part = collections.OrderedDict()
                for name, array in model.items():
                    words = name.split(".")
                    if words[1] == "layers":
                        if not first <= int(words[2]) < first + share:
                            continue
                        words[2] = str(int(words[2]) - first)
                    elif (name.startswith("embedding") and (stage or chunk)) or (
                            name.startswith("output") and (stage, chunk) != (stages - 1, chunks - 1)):
                        continue
                    part[".".join(words)] = tensor_of(pieces(name, array, tensor_ranks)[rank])
                state["model" if chunks == 1 else f"model{chunk}"] = part
            place = f"mp_rank_{rank:02d}" + (f"_{stage:03d}" if stages > 1 else "")
            write_bytes(f"{folder}/{place}/model_optim_rng.pt", save(state))


def write_zero3(folder, exact, save, tensor_of, size, write_bytes, ranks, model_ranks=1):
    """Float32 partitions in two groups; one parameter is frozen, one straddles the groups."""
    for model_rank in range(model_ranks):
        mine = {name: pieces(name, array, model_ranks)[model_rank] for name, array in exact.items()}
        write_zero3_ranks(folder, mine, save, tensor_of, size, write_bytes, ranks, model_rank)


def write_zero3_ranks(folder, exact, save, tensor_of, size, write_bytes, ranks, model_rank):
    """The data-parallel ranks of one model-parallel rank."""
    names = list(exact)
    frozen, trained = names[:1], names[1:]
    flat = [[] for _ in range(ranks)]
    fragments = [{} for _ in range(ranks)]
    for name in names:
        share = -(-exact[name].size // ranks)
        padded = np.zeros(share * ranks, np.float32)
        padded[:exact[name].size] = exact[name].ravel()
        for rank, piece in enumerate(np.split(padded, ranks)):
            if name in frozen:
                fragments[rank][name] = tensor_of(piece)
            else:
                flat[rank].append(piece)
    shapes = [collections.OrderedDict((n, size(exact[n].shape)) for n in part) for part in (trained[:1], trained[1:])]
    for rank in range(ranks):
        whole = np.concatenate(flat[rank])
        cut = flat[rank][0].size + 5
        states = {"module": collections.OrderedDict(), "param_shapes": shapes, "buffer_names": [], "global_steps": 20,
                  "frozen_param_shapes": collections.OrderedDict((n, size(exact[n].shape)) for n in frozen),
                  "frozen_param_fragments": fragments[rank], "shared_params": {"head.weight": names[1]}, "ds_version": "0.15"}
        optimizer = {"optimizer_state_dict": {"zero_stage": 3, "partition_count": ranks,
                                              "fp32_flat_groups": [tensor_of(whole[:cut]), tensor_of(whole[cut:])]}}
        write_bytes(f"{folder}/zero_pp_rank_{rank}_mp_rank_{model_rank:02d}_model_states.pt", save(states))
        write_bytes(f"{folder}/bf16_zero_pp_rank_{rank}_mp_rank_{model_rank:02d}_optim_states.pt", save(optimizer))


def write_zero1(folder, model, save, tensor_of, write_bytes, ranks):
    """The model, whole or in tensor-parallel pieces, as stages 1 and 2 write it."""
    for rank in range(ranks):
        module = collections.OrderedDict((n, tensor_of(pieces(n, a, ranks)[rank])) for n, a in model.items())
        write_bytes(f"{folder}/mp_rank_{rank:02d}_model_states.pt", save({"module": module, "global_steps": 7}))


def write_pipeline(folder, model, save, tensor_of, write_bytes, ranks):
    """A file for each layer: the N in `layer.N.` before the names is the number of the file."""
    layers = collections.defaultdict(dict)
    for name, array in model.items():
        _, number, rest = name.split(".", 2)
        layers[int(number)][rest] = array
    for rank in range(ranks):
        write_bytes(f"{folder}/mp_rank_{rank:02d}_model_states.pt", save({"module": None, "global_steps": 7}))
        for number, part in layers.items():
            state = collections.OrderedDict((n, tensor_of(pieces(n, a, ranks)[rank])) for n, a in part.items())
            write_bytes(f"{folder}/layer_{number:02d}-model_{rank:02d}-model_states.pt", save(state))
