"""Trains one entry of the zoo: a folder of checkpoints and zoo.json."""
import hashlib
import math
import os
import time

import numpy as np
import torch
from torch.nn import functional as F

import data
import fates
import files
import models

FIRST = 0.04  # of the steps: the first checkpoint after the start


def losses_of(entry, logits, targets):
    """The loss of each target."""
    if entry["loss"] == "square":
        return ((logits - F.one_hot(targets, logits.shape[-1])) ** 2).mean(-1)
    flat = F.cross_entropy(logits.reshape(-1, logits.shape[-1]), targets.reshape(-1), reduction="none")
    return flat.view(targets.shape)


class Measure:
    """Mean loss, accuracy and losses of the parts of a fixed sample."""

    def __init__(self, entry, sample):
        self.entry, (self.x, self.y) = entry, sample

    def __call__(self, model):
        losses, right = [], []
        with torch.no_grad():
            for begin in range(0, len(self.x), 64 if self.y.dim() == 2 else 1024):
                part = slice(begin, begin + (64 if self.y.dim() == 2 else 1024))
                logits = model(self.x[part])
                losses.append(losses_of(self.entry, logits, self.y[part]).flatten(1).mean(1)
                              if self.y.dim() == 2 else losses_of(self.entry, logits, self.y[part]))
                right.append((logits.argmax(-1) == self.y[part]).float().flatten())
        losses = torch.cat(losses).double().numpy()
        parts = [float(part.mean()) for part in np.array_split(losses, fates.PARTS)]
        return float(losses.mean()), float(torch.cat(right).mean()), parts


class Muon:
    """Momentum, made orthogonal by five steps of Newton and Schulz, for matrices (Jordan et al. 2024)."""

    def __init__(self, values, rate, decay, momentum=0.95):
        self.param_groups = [dict(lr=rate)]
        self.values, self.decay, self.momentum = values, decay, momentum
        self.moments = [torch.zeros_like(value) for value in values]

    @torch.no_grad()
    def step(self):
        rate = self.param_groups[0]["lr"]
        for value, moment in zip(self.values, self.moments):
            if value.grad is None:
                continue
            moment.mul_(self.momentum).add_(value.grad)
            update = value.grad.add(moment, alpha=self.momentum).flatten(1)
            wide = update.shape[0] > update.shape[1]
            x = update.t() if wide else update
            x = x / (x.norm() + 1e-7)
            for _ in range(5):
                a = x @ x.t()
                x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
            x = x.t() if wide else x
            value.mul_(1 - rate * self.decay)
            value.add_(x.reshape(value.shape), alpha=-rate * max(1, update.shape[0] / update.shape[1]) ** 0.5)


def optimisers(entry, model):
    values = [(name, value) for name, value in model.named_parameters() if value.requires_grad]
    rate, decay, kind = entry["rate"], entry["decay"], entry["optimiser"]
    if kind == "sgd":
        return [torch.optim.SGD([v for _, v in values], rate, momentum=0.9, weight_decay=decay)]
    matrices, rest = [], []
    for name, value in values:
        hidden = value.dim() >= 2 and not any(word in name for word in ("embed", "wte", "wpe", "head", "gate.weight",
                                                                        "conv1"))
        (matrices if kind == "muon" and hidden else rest).append(value)
    betas = (0.9, 0.98) if entry["family"].startswith("grok") else (0.9, 0.95)
    scale = 0.3 if kind == "muon" else 1.0  # AdamW beside Muon: its usual rates are lower
    groups = [dict(params=[v for v in rest if v.dim() >= 2], weight_decay=decay),
              dict(params=[v for v in rest if v.dim() < 2], weight_decay=0.0)]
    result = [torch.optim.AdamW([g for g in groups if g["params"]], scale * rate, betas=betas)]
    if matrices:
        result.append(Muon(matrices, rate, decay))
    return result


def factor(entry, step):
    """The rate at a step, as a share of the entry's."""
    steps = entry["steps"]
    warm = min(1.0, step / min(100, max(1, steps // 20)))
    place = step / steps
    if entry["schedule"] == "half":
        return warm * 0.5 * (1 + math.cos(math.pi * place / 2))
    if entry["schedule"] == "down":
        return warm * (0.001 + 0.999 * 0.5 * (1 + math.cos(math.pi * min(1.0, place / 0.45))))
    if entry["schedule"] == "jump" and place > 0.55:
        return entry["jump"]
    return warm


def saved_steps(entry):
    """0, then a geometric series up to the last, with the last three at the half, three quarters and the end."""
    steps, count = entry["steps"], entry["points"]
    early = count - 4
    inner = [FIRST * steps * (0.5 / FIRST) ** (i / early) for i in range(early)]
    if entry["family"].startswith("grok"):  # what matters happens at all scales of time
        inner = [100 * (0.5 * steps / 100) ** (i / early) for i in range(early)]
    return sorted({0, *(max(1, round(s)) for s in inner), steps // 2, 3 * steps // 4, steps})


def number(name):
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "little")


def last_checkpoint(folder):
    return max((os.path.join(folder, name) for name in os.listdir(folder) if name.startswith("checkpoint-")),
               key=lambda path: int(path.rsplit("-", 1)[1]))


def load(model, folder):
    arrays = files.read_safetensors(os.path.join(folder, "model.safetensors"))
    model.load_state_dict({name: torch.tensor(array) for name, array in arrays.items()})


def stored(entry, model):
    """The tensors to be saved, and PEFT's configuration of an adapter."""
    if not entry["lora"]:
        return dict(model.state_dict()), None
    lora = entry["lora"]
    tensors = {f"base_model.model.{name}": value for name, value in model.state_dict().items() if ".lora_" in name}
    return tensors, {"peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": entry["base"],
                     "r": lora["rank"], "lora_alpha": lora["alpha"], "lora_dropout": 0.0, "bias": "none",
                     "fan_in_fan_out": False, "target_modules": lora["modules"], "inference_mode": True}


def record(entry):
    keys = ("name", "configuration", "family", "kind", "story", "intended", "split", "seed")
    return dict({key: entry[key] for key in keys},
                settings={key: value for key, value in entry.items() if key not in keys})


def train(entry, folder, out):
    """Writes the checkpoints into `folder`, which exists. Bases are taken from `out`."""
    torch.manual_seed(number(entry["name"]))
    random = np.random.RandomState(number("batches of " + entry["name"]))
    task = data.task(entry)
    model = models.build(entry, task, data.CONTEXT)
    if entry["base"]:
        load(model, last_checkpoint(os.path.join(out, entry["base"])))
    if entry["lora"]:
        models.adapt(model, **entry["lora"])
    if entry["frozen"]:
        for part in list(model.blocks())[:entry["frozen"]]:
            for value in part.parameters():
                value.requires_grad_(False)
    measures = {"train": Measure(entry, task.train), "eval": Measure(entry, task.held_out)}
    if entry["old"]:
        measures["old"] = Measure(entry, data.Text(entry, source="man").held_out)
    result = dict(record(entry), chance=round(task.chance, 5), start="base" if entry["base"] else "scratch",
                  checkpoints=[])
    log, recent, tokens = [], [], 0
    saves, begin = saved_steps(entry), time.time()
    steps = optimisers(entry, model)
    rates = [[group["lr"] for group in one.param_groups] for one in steps]
    each = getattr(task, "context", 1)
    every = max(1, entry["steps"] // 20)
    for step in range(entry["steps"] + 1):
        if step:
            scale = factor(entry, step)
            for one, base in zip(steps, rates):
                for group, rate in zip(one.param_groups, base):
                    group["lr"] = rate * scale
            x, y = task.batch(entry["batch"], random)
            loss = losses_of(entry, model(x), y).mean()
            model.zero_grad(set_to_none=True)
            loss.backward()
            if entry["clip"]:
                torch.nn.utils.clip_grad_norm_(model.parameters(), entry["clip"])
            for one in steps:
                one.step()
            recent.append(loss.item())
            tokens += entry["batch"] * each
        if step and (step % every == 0 or step in saves):
            log.append({"step": step, "loss": round(sum(recent) / len(recent), 4),
                        "learning_rate": entry["rate"] * factor(entry, step)})
            recent = []
        if step not in saves:
            continue
        point = {"step": step, "tokens": tokens}
        for name, measure in measures.items():
            loss, accuracy, parts = measure(model)
            point[f"{name}_loss"] = round(loss, 6)
            point[f"{name}_accuracy"] = round(accuracy, 5)
            point[f"{name}_parts"] = [round(part, 5) for part in parts]
        result["checkpoints"].append(point)
        log.append({"step": step, "eval_loss": round(point["eval_loss"], 4),
                    "eval_accuracy": round(point["eval_accuracy"], 4)})
        if entry["kind"] == "model" and step < entry["steps"] or entry["lora"] and step == 0:
            continue  # an adapter is zero before its first step
        tensors, adapter = stored(entry, model)
        state = {"global_step": step, "max_steps": entry["steps"], "num_input_tokens_seen": tokens,
                 "log_history": log}
        files.write_checkpoint(os.path.join(folder, f"checkpoint-{step}"), tensors,
                               models.config(entry, task.classes), state, adapter)
    result["seconds"] = round(time.time() - begin, 1)
    result["fate"], result["clear"] = fates.fate(result), fates.clear(result)
    result["forgot"] = fates.forgot(result)
    files.write_json(os.path.join(folder, "zoo.json"), result)
    return result
