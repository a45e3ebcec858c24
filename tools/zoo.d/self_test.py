"""Tests of the rule of fates, of the halves, and of what is kept. Needs neither PyTorch nor data; numpy for the last."""
import collections
import os
import tempfile

import configurations
import fates
import warned

KNOWN_HALVES = {"llama-64x2-adamw": "learn", "llama-64x2-down": "judge", "mlp-down": "learn", "window-down": "judge"}


def run_of(train, held, accuracy=None, start="scratch", chance=3.3, spread=0.0):
    """A record: losses at the steps 0, 100, 200, 400, 800 and so on. `spread`: the parts' noise, not shared."""
    points = []
    for i, (one, other) in enumerate(zip(train, held)):
        parts = [(1 if (part + i) % 2 else -1) * spread for part in range(fates.PARTS)]
        points.append({"step": 100 * 2 ** (i - 1) if i else 0, "train_loss": one, "eval_loss": other,
                       "eval_accuracy": (accuracy or [0.5] * len(train))[i],
                       "train_parts": [one + part for part in parts], "eval_parts": [other + part for part in parts]})
    return {"checkpoints": points, "start": start, "chance": chance}


def cases():
    nan = float("nan")
    learning = [5.5, 3.0, 2.4, 2.0, 1.8, 1.7]
    yield "falls", run_of(learning, learning), "going-on"
    still = [5.5, 2.4, 1.9, 1.801, 1.8, 1.8]
    yield "stands", run_of(still, still), "settled"
    yield "held-out stands, training falls", run_of([5.5, 2.4, 1.9, 1.7, 1.6, 1.5], still), "settled"
    yield "by heart", run_of([5.5, 2.5, 1.5, 0.6, 0.3, 0.24], [5.5, 2.6, 2.57, 3.0, 3.6, 3.97]), "overfitting"
    mild = [5.5, 2.5, 2.0, 1.9, 1.89, 1.91]
    yield "mildly", run_of([5.5, 2.4, 1.8, 1.5, 1.3, 1.12], mild), "overfitting"
    yield "mildly, within the noise", run_of([5.5, 2.4, 1.8, 1.5, 1.3, 1.12], mild, spread=0.2), "settled"
    yield "held-out rises, training too, a little", run_of([5.5, 2.5, 2.0, 1.9, 1.85, 1.87], mild), "settled"
    jump = [5.5, 2.5, 2.0, 1.9, 3.2, 3.3]
    yield "rises", run_of(jump, jump), "diverging"
    yield "rises from the start", run_of([5.5, 7, 9, 9, 9, 9], [5.5, 7, 9, 9, 9, 9]), "diverging"
    yield "not a number", run_of([5.5, 2.5, 2.0, nan], [5.5, 2.5, 2.0, nan]), "diverging"
    yield "not a number in between", run_of([5.5, nan, 2.4, 2.0, 1.8, 1.7], [5.5, nan, 2.4, 2.0, 1.8, 1.7]), "going-on"
    yield "at the chance level", run_of([5.5, 3.3, 3.3, 3.3], [5.5, 3.31, 3.3, 3.3]), "not-learning"
    yield "falls far above it", run_of([5.5, 5.3, 5.0, 4.7], [5.5, 5.3, 5.0, 4.7]), "not-learning"
    yield "labels by heart", run_of([2.3, 1.5, 0.3, 0.01], [2.3, 2.6, 4.0, 6.0], [.1] * 4, chance=2.3), "overfitting"
    grokking = run_of([4, 0.1, 0.01, 0.01, 0.01], [2.0, 2.1, 2.6, 2.5, 2.3], [.2, .2, .3, .7, .9], chance=4)
    yield "errs half as often, surer of itself", grokking, "going-on"
    yield "base, learns", run_of([3.0, 2.6, 2.4, 2.2, 2.1], [3.0, 2.7, 2.5, 2.3, 2.2], start="base"), "going-on"
    yield "base, stays", run_of([3.0, 2.99, 2.98, 2.98], [3.0, 2.99, 2.98, 2.98], start="base"), "not-learning"
    yield "base, forgets", run_of([3.0, 2.4, 2.0, 1.9], [1.8, 2.1, 2.4, 2.5], start="base"), "overfitting"


def check(good, what, failures):
    if not good:
        failures.append(what)


def test_fates(failures):
    for what, record, expected in cases():
        found = fates.fate(record)
        check(found == expected, f"fate of '{what}': expected {expected}, found {found}", failures)
    strong = run_of([5.5, 2.5, 1.5, 0.6], [5.5, 2.6, 2.57, 3.9])
    check(fates.clear(strong), "a rise by half is clear", failures)
    check(not fates.clear(run_of([5.5, 2.4, 1.8, 1.5, 1.3], [5.5, 2.5, 2.0, 1.9, 1.913])), "0.7 % is borderline",
          failures)
    before = {"eval_loss": 2.0, "eval_parts": [2.0] * fates.PARTS}
    for loss, expected in ((2.0, False), (2.01, False), (2.05, True), (float("nan"), True), (1.5, False)):
        after = {"eval_loss": loss, "eval_parts": [loss] * fates.PARTS}
        check(fates.harmed(before, after, 3.3) == expected, f"harmed at {loss}", failures)


def test_list(failures):
    entries = configurations.entries()
    for configuration, half in KNOWN_HALVES.items():
        check(configurations.half(configuration) == half, f"the half of {configuration} moved", failures)
    halves = {}
    for entry in entries:
        check(halves.setdefault(entry["configuration"], entry["split"]) == entry["split"],
              f"{entry['configuration']} is in both halves", failures)
        if entry["base"]:
            check(any(other["name"] == entry["base"] for other in entries), f"{entry['name']}: no base", failures)
    kinds = collections.Counter(entry["kind"] for entry in entries)
    check(kinds["history"] >= 120 and kinds["model"] >= 60, f"too few: {kinds}", failures)
    for half in ("learn", "judge"):
        intended = collections.Counter(entry["intended"] for entry in entries
                                       if entry["kind"] == "history" and entry["split"] == half)
        for fate in fates.FATES:
            check(intended[fate] >= 6, f"{half} has only {intended[fate]} histories that should be {fate}", failures)
    families = {entry["family"] for entry in entries}
    early = {entry["family"] for entry in entries[:100]}
    check(early == families, f"late in the list: {families - early}", failures)


def test_warned(failures):
    def row(key, step, values, warning="", **more):
        return dict({"key": key, "step": str(step), "hash": values, "warning": warning, "dtype": "F32", "status": "success",
                     "alpha": "1.9"}, **more)

    rows = [row("a", step, f"a{step}", "small-tail;unusual" if step == 30 else "small-tail") for step in (0, 10, 20, 30)]
    rows += [row("b", step, "b", "like-noise") for step in (0, 10, 20, 30)]
    rows += [row("c", 30, "c", "rank-collapse", dtype="LoRA F32", status="failed", alpha="nan")]
    result = {"name": "x", "start": "scratch", "fate": "settled", "story": "converged", "split": "learn"}
    counts = {}
    for group, one in warned.groups_of(result, rows):
        counts.setdefault(("learn", group), warned.Counts()).add("x", one)
    found = {group: (count.layers, count.any, count.below) for (_, group), count in counts.items()}
    check(found == {"settled": (2, 1, 2), "healthy, and meant to be": (2, 1, 2), "never trained (frozen)": (2, 2, 2),
                    "adapters": (1, 1, 0)}, f"warnings counted: {found}", failures)
    lines = warned.table(counts, "learn").splitlines()
    check(lines[2].startswith("| healthy: `going-on`, `settled` | 1 | 2 | 50.0 % |"), f"table: {lines[2]}", failures)


def test_kept(failures):
    try:
        import numpy as np

        import files
        import kept
    except ImportError:
        print("zoo: self-test: no numpy, the test of what is kept is left out")
        return
    random = np.random.RandomState(3)
    tensors = {"a.weight": random.standard_normal((30, 20)), "c.weight": random.standard_normal((8, 6, 3, 3)),
               "n.weight": random.standard_normal(5)}
    tensors["z.weight"] = np.zeros((4, 7))
    adapter = {"x.lora_A.weight": random.standard_normal((3, 9)), "x.lora_B.weight": random.standard_normal((11, 3))}
    with tempfile.TemporaryDirectory() as folder:
        one = os.path.join(folder, "out", "one")
        os.makedirs(one)
        log = [{"step": 0, "eval_loss": 5.5}, {"step": 10, "loss": 2.5}]
        files.write_checkpoint(os.path.join(one, "checkpoint-0"), tensors, {"model_type": "m"},
                               {"global_step": 0, "log_history": log[:1]})
        files.write_checkpoint(os.path.join(one, "checkpoint-10"), adapter, None,
                               {"global_step": 10, "log_history": log}, {"r": 3})
        files.write_json(os.path.join(one, "zoo.json"), {"name": "one"})
        kept.keep(os.path.join(folder, "out"), ["one"], os.path.join(folder, "kept.xz"))
        kept.restore(os.path.join(folder, "kept.xz"), os.path.join(folder, "back"))
        back = os.path.join(folder, "back", "one")
        found = files.read_safetensors(os.path.join(back, "checkpoint-0", "model.safetensors"))
        check(sorted(found) == ["a.weight", "c.weight", "z.weight"], f"tensors kept: {sorted(found)}", failures)
        for name, array in found.items():
            for ours, theirs in zip(kept.slices(array), kept.slices(tensors[name])):
                s, t = (np.linalg.svd(m.astype(np.float64), compute_uv=False) for m in (ours, theirs))
                check(np.allclose(s, t, rtol=2e-7, atol=0), f"{name}: other singular values", failures)
        low, high = (files.read_safetensors(os.path.join(back, "checkpoint-10", "adapter_model.safetensors"))
                     [f"x.lora_{letter}.weight"].astype(np.float64) for letter in "AB")
        s = np.linalg.svd(high @ low, compute_uv=False)[:3]
        t = np.linalg.svd(adapter["x.lora_B.weight"] @ adapter["x.lora_A.weight"], compute_uv=False)[:3]
        check(np.allclose(s, t, rtol=2e-7), "an adapter has other singular values", failures)
        for step, records in ((0, 1), (10, 2)):
            state = kept.read_json(os.path.join(back, f"checkpoint-{step}", "trainer_state.json"))
            check(state["log_history"] == log[:records], f"the log at step {step}", failures)


def run():
    failures = []
    test_fates(failures)
    test_list(failures)
    test_warned(failures)
    test_kept(failures)
    for failure in failures:
        print(f"zoo: self-test failed: {failure}")
    return 1 if failures else 0
