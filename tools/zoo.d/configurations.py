"""What is in the zoo: every configuration, what should become of it, and the half that it belongs to.

The name of an entry is `<configuration>.s<seed>`. The half depends on the configuration alone, so replicas with
other seeds are in the same half.
"""
import hashlib

WIDE = {"64x2": dict(width=64, layers=2, heads=4, inner=160),
        "96x3": dict(width=96, layers=3, heads=4, inner=256),
        "128x4": dict(width=128, layers=4, heads=4, inner=352)}
STEPS = {"64x2": 1000, "96x3": 480, "128x4": 240}


def half(configuration):
    """"learn" or "judge", by a hash of the configuration's name."""
    digest = hashlib.sha256(configuration.encode()).digest()
    return ("learn", "judge")[digest[0] & 1]


DEFAULTS = dict(
    task="text", source="man", size=0,  # bytes or digits to train on; 0: all
    fresh=True,       # digits: shifted and blurred anew at each look
    labels="true",    # or "random" (anew at each look), "shuffled", "fixed-random"
    noise=0.0,        # share of the training targets that are wrong
    optimiser="adamw", rate=3e-3, decay=0.1, batch=16, steps=1000, clip=1.0,
    schedule="half",  # "half": cosine, cut off at half the rate; "down": to 0.1 % before the middle; "flat"; "jump"
    jump=1.0, frozen=0,  # the first blocks that stay as they are
    init=1.0, loss="entropy", base=None, evaluate=None, lora=None, old=False, points=7, dropout=0.0)


class Zoo:
    def __init__(self):
        self.entries = []

    def add(self, configuration, family, kind, story, intended, seeds=(0,), **settings):
        unknown = set(settings) - set(DEFAULTS) - {"shape"}
        assert not unknown, unknown
        for seed in seeds:
            entry = dict(DEFAULTS, **settings)
            entry.update(name=f"{configuration}.s{seed}", configuration=configuration, family=family, kind=kind,
                         story=story, intended=intended, seed=seed, split=half(configuration))
            self.entries.append(entry)

    def run(self, *args, **settings):
        configuration, family, story, intended = args
        self.add(configuration, family, "history", story, intended, **settings)

    def model(self, configuration, family, **settings):
        settings.setdefault("points", 4)
        self.add(configuration, family, "model", "for ranking", "", **settings)


def decoders(zoo):
    def llama(wide, what, story, intended, family="llama", **settings):
        settings.setdefault("steps", STEPS[wide])
        prefix = {"llama": "llama", "gpt2": "gpt2", "mixtral": "mixtral"}[family]
        shape = dict(WIDE[wide])
        if family == "gpt2":
            shape["inner"] = 4 * shape["width"]
        if family == "mixtral":
            shape.update(inner=96, experts=4)
        zoo.run(f"{prefix}-{wide}-{what}", family, story, intended, shape=shape, **settings)

    # Bases of fine-tuning come first.
    for wide in ("64x2", "96x3"):
        llama(wide, "down", "converged", "settled", schedule="down", seeds=(0, 1))
    for wide in WIDE:
        llama(wide, "adamw", "healthy", "going-on", seeds=(0, 1))
    llama("128x4", "down", "converged", "settled", schedule="down")
    for wide, rate in (("64x2", 1e-3), ("64x2", 6e-3), ("96x3", 1e-3)):
        llama(wide, f"adamw-{rate:g}", "healthy", "going-on", rate=rate)
    llama("64x2", "adamw-b8", "healthy", "going-on", batch=8, steps=1600)
    llama("64x2", "adamw-b48", "healthy", "going-on", batch=48, steps=450)
    llama("96x3", "adamw-b32", "healthy", "going-on", batch=32, steps=320)
    for wide in WIDE:
        llama(wide, "muon", "healthy", "going-on", optimiser="muon", rate=0.01)
    llama("64x2", "sgd", "healthy", "going-on", optimiser="sgd", rate=0.3, decay=0.0)
    llama("96x3", "sgd", "healthy", "going-on", optimiser="sgd", rate=0.3, decay=0.0)
    llama("64x2", "perl", "healthy", "going-on", source="perl")
    llama("96x3", "perl", "healthy", "going-on", source="perl")
    llama("64x2", "german", "healthy", "going-on", source="german")
    llama("64x2", "muon-down", "converged", "settled", optimiser="muon", rate=0.01, schedule="down")
    llama("96x3", "muon-down", "converged", "settled", optimiser="muon", rate=0.01, schedule="down")
    llama("64x2", "sgd-down", "converged", "settled", optimiser="sgd", rate=0.3, decay=0.0, schedule="down")
    llama("64x2", "down-1e-3", "converged", "settled", rate=1e-3, schedule="down")
    llama("64x2", "down-b32", "converged", "settled", batch=32, steps=700, schedule="down")
    llama("96x3", "down-perl", "converged", "settled", source="perl", schedule="down")
    llama("64x2", "down-german", "converged", "settled", source="german", schedule="down")

    strong = "over-fitted strongly", "overfitting"
    llama("64x2", "12k", *strong, size=12_000, schedule="flat", decay=0.01, seeds=(0, 1))
    llama("96x3", "12k", *strong, size=12_000, schedule="flat", decay=0.01)
    llama("128x4", "12k", *strong, size=12_000, schedule="flat", decay=0.01, rate=2e-3)
    llama("96x3", "6k", *strong, size=6_000, schedule="half")
    llama("64x2", "muon-12k", *strong, size=12_000, optimiser="muon", rate=0.01)
    llama("96x3", "perl-20k", *strong, size=20_000, source="perl")
    llama("64x2", "german-20k", *strong, size=20_000, source="german", decay=0.0)
    llama("96x3", "muon-20k", *strong, size=20_000, optimiser="muon", rate=0.01)
    mild = "over-fitted mildly", "overfitting"
    llama("64x2", "60k", *mild, size=60_000, schedule="flat")
    llama("96x3", "60k", *mild, size=60_000)
    llama("96x3", "90k", *mild, size=90_000, schedule="flat")
    llama("128x4", "60k", *mild, size=60_000)
    llama("64x2", "muon-60k", *mild, size=60_000, optimiser="muon", rate=0.01)
    llama("96x3", "perl-60k", *mild, size=60_000, source="perl")
    noisy = "over-fitted to wrong labels", "overfitting"
    llama("64x2", "noise", *noisy, size=24_000, noise=0.2, schedule="flat")
    llama("96x3", "noise", *noisy, size=24_000, noise=0.3)
    llama("96x3", "muon-noise", *noisy, size=24_000, noise=0.3, optimiser="muon", rate=0.01)

    broken = "rate far too high", "diverging"
    llama("64x2", "jump", *broken, schedule="jump", jump=60.0, clip=0.0)
    llama("96x3", "jump", *broken, schedule="jump", jump=30.0, clip=0.0)
    llama("64x2", "muon-jump", *broken, optimiser="muon", rate=0.01, schedule="jump", jump=100.0, clip=0.0)
    llama("128x4", "jump", *broken, schedule="jump", jump=30.0, clip=0.0)
    llama("96x3", "sgd-jump", *broken, optimiser="sgd", rate=0.3, decay=0.0, schedule="jump", jump=30.0, clip=0.0)
    llama("64x2", "high-0.3", "rate far too high", "not-learning", rate=0.3, schedule="flat", clip=0.0)
    llama("96x3", "high-0.1", "rate far too high", "not-learning", rate=0.1, schedule="flat", clip=0.0)
    llama("64x2", "sgd-high", *broken, optimiser="sgd", rate=30.0, decay=0.0, schedule="flat", clip=0.0)
    llama("96x3", "muon-high", "rate far too high", "not-learning", optimiser="muon", rate=2.0, schedule="flat", clip=0.0)

    nothing = "nothing to learn", "not-learning"
    llama("64x2", "random", *nothing, labels="random", seeds=(0, 1))
    llama("96x3", "random", *nothing, labels="random")
    llama("64x2", "muon-random", *nothing, labels="random", optimiser="muon", rate=0.01)
    llama("64x2", "shuffled", *nothing, labels="shuffled")
    llama("96x3", "shuffled", *nothing, labels="shuffled")
    slow = "rate far too low", "not-learning"
    llama("64x2", "low", *slow, rate=1e-5)
    llama("96x3", "low", *slow, rate=3e-6)
    llama("128x4", "low", *slow, rate=3e-6)
    llama("64x2", "sgd-low", *slow, optimiser="sgd", rate=1e-4, decay=0.0)
    llama("96x3", "muon-low", *slow, optimiser="muon", rate=1e-5)

    heavy = "weight decay far too high"
    llama("64x2", "decay3", heavy, "going-on", decay=3.0, schedule="flat")
    llama("96x3", "decay10", heavy, "not-learning", decay=10.0, schedule="flat")
    llama("64x2", "decay30", heavy, "not-learning", decay=30.0, schedule="flat")
    llama("96x3", "muon-decay", heavy, "settled", optimiser="muon", rate=0.01, decay=3.0, schedule="flat")
    llama("64x2", "frozen", "first block frozen", "going-on", frozen=1)
    llama("96x3", "frozen", "first two blocks frozen", "going-on", frozen=2)

    small, large = "llama-64x2-down.s0", "llama-96x3-down.s0"
    tune = dict(rate=1e-3, decay=0.0, schedule="half", old=True)
    for wide, base in (("64x2", small), ("96x3", large)):
        steps = STEPS[wide] // 2
        llama(wide, "tuned-perl", "fine-tuned", "going-on", base=base, source="perl", steps=steps, **tune)
        llama(wide, "tuned-german", "fine-tuned", "going-on", base=base, source="german", steps=steps, **tune)
        llama(wide, "tuned-frozen", "fine-tuned, first block frozen", "going-on", base=base, source="perl",
              steps=steps, frozen=1, **tune)
        # What is watched is the text of the base.
        llama(wide, "forgets-german", "forgets", "overfitting", base=base, source="german", evaluate="man",
              steps=steps, rate=3e-3, decay=0.0)
        llama(wide, "forgets-perl", "forgets", "overfitting", base=base, source="perl", size=30_000,
              evaluate="man", steps=steps, rate=1e-3, decay=0.0)
        llama(wide, "tuned-3k", "fine-tuned on too little", "overfitting", base=base, source="perl", size=3_000,
              steps=steps, **tune)
        llama(wide, "tuned-down", "fine-tuned to the end", "settled", base=base, source="german", steps=steps,
              **dict(tune, schedule="down"))

    def lora(wide, what, story, intended, rank=8, everywhere=False, **settings):
        base = {"64x2": small, "96x3": large}[wide]
        modules = ["q_proj", "v_proj"]
        if everywhere:
            modules = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
        values = dict(source="perl", rate=3e-3, decay=0.0, steps=STEPS[wide] // 2, base=base, old=True,
                      lora=dict(rank=rank, alpha=2 * rank, modules=modules))
        llama(wide, f"lora{rank}-{what}", story, intended, **dict(values, **settings))

    lora("96x3", "all", "LoRA", "going-on", everywhere=True)
    lora("64x2", "all", "LoRA", "going-on", everywhere=True)
    lora("96x3", "qv", "LoRA", "going-on")
    lora("96x3", "all-german", "LoRA", "going-on", rank=16, everywhere=True, source="german")
    lora("64x2", "all-german", "LoRA", "going-on", rank=4, everywhere=True, source="german")
    lora("96x3", "all-down", "LoRA to the end", "settled", rank=4, everywhere=True, schedule="down")
    lora("96x3", "jump", "LoRA collapsed", "diverging", everywhere=True, schedule="jump", jump=100.0, clip=0.0)
    lora("64x2", "jump", "LoRA collapsed", "diverging", everywhere=True, schedule="jump", jump=100.0, clip=0.0)
    lora("96x3", "low", "LoRA, rate far too low", "not-learning", everywhere=True, rate=3e-6)
    lora("64x2", "low", "LoRA, rate far too low", "not-learning", rate=3e-6)
    lora("96x3", "random", "LoRA, nothing to learn", "not-learning", labels="random", everywhere=True)
    lora("96x3", "3k", "LoRA on too little", "overfitting", everywhere=True, size=3_000, rate=5e-3)
    lora("64x2", "2k", "LoRA on too little", "overfitting", rank=16, everywhere=True, size=2_000, rate=5e-3)

    for family in ("gpt2", "mixtral"):
        steps = 800 if family == "gpt2" else 500
        common = dict(family=family, steps=steps)
        llama("64x2", "adamw", "healthy", "going-on", seeds=(0, 1), **common)
        llama("64x2", "muon", "healthy", "going-on", optimiser="muon", rate=0.01, **common)
        llama("64x2", "adamw-1e-3", "healthy", "going-on", rate=1e-3, **common)
        llama("64x2", "down", "converged", "settled", schedule="down", seeds=(0, 1), **common)
        llama("64x2", "muon-down", "converged", "settled", optimiser="muon", rate=0.01, schedule="down", **common)
        llama("64x2", "12k", *strong, size=12_000, schedule="flat", **common)
        llama("64x2", "20k", *strong, size=20_000, source="perl", **common)
        llama("64x2", "60k", *mild, size=60_000, schedule="flat", **common)
        llama("64x2", "random", *nothing, labels="random", **common)
        llama("64x2", "low", *slow, rate=1e-5, **common)
        llama("64x2", "jump", *broken, schedule="jump", jump=60.0, clip=0.0, **common)
        llama("64x2", "decay30", heavy, "not-learning", decay=30.0, schedule="flat", **common)
    llama("96x3", "adamw", "healthy", "going-on", family="gpt2", rate=2e-3)
    llama("96x3", "12k", *strong, size=12_000, family="gpt2", rate=2e-3)


def small_nets(zoo):
    def net(family, what, story, intended, **settings):
        values = dict(task="digits", batch=64, schedule="half", decay=0.01, rate=1e-3, points=8, clip=0.0)
        if family == "mlp":
            values.update(shape=dict(width=256, layers=2), steps=4000)
        elif family == "conv":
            values.update(shape=dict(width=64, layers=3), batch=32, rate=2e-3, steps=1000)
        else:
            values.update(task="window", batch=256, shape=dict(width=256, layers=2, context=8, embedding=64),
                          steps=2500, rate=2e-3)
        zoo.run(f"{family}-{what}", family, story, intended, **dict(values, **settings))

    for family in ("mlp", "conv", "window"):
        rate = 1e-3 if family == "mlp" else 2e-3
        text = family == "window"
        muon_steps = 800 if family == "conv" else 1500
        tiny, few = (dict(size=12_000), dict(size=60_000)) if text else (dict(size=200, fresh=False),
                                                                        dict(size=1000, fresh=False))
        long = {}
        if family == "conv":  # learns by heart more slowly
            few, long = dict(size=400, fresh=False), dict(steps=1600, schedule="flat")
        net(family, "adamw", "healthy", "going-on", seeds=(0, 1), rate=rate)
        net(family, "sgd", "healthy", "going-on", optimiser="sgd", rate=0.1 if text else 0.02)
        net(family, "muon", "healthy", "going-on", optimiser="muon", rate=0.005,
            steps=muon_steps)
        net(family, "down", "converged", "settled", schedule="down", rate=rate, seeds=(0, 1))
        net(family, "muon-down", "converged", "settled", optimiser="muon", rate=0.005, schedule="down",
            steps=muon_steps)
        net(family, "few-strong", "over-fitted strongly", "overfitting", rate=rate, schedule="flat", **tiny)
        net(family, "few-sgd", "over-fitted strongly", "overfitting", optimiser="sgd",
            rate=0.3 if text else 0.05, schedule="flat", **tiny)
        net(family, "few-mild", "over-fitted mildly", "overfitting", rate=rate, **few)
        net(family, "noise", "over-fitted to wrong labels", "overfitting", rate=rate, noise=0.3,
            **few, **long)
        net(family, "jump", "rate far too high", "diverging", schedule="jump", jump=300.0, rate=rate)
        net(family, "sgd-jump", "rate far too high", "diverging", optimiser="sgd",
            rate=0.1 if text else 0.02, schedule="jump", jump=200.0)
        net(family, "random", "nothing to learn", "not-learning", labels="random", rate=rate)
        net(family, "low", "rate far too low", "not-learning", rate=1e-6)
        net(family, "decay", "weight decay far too high", "not-learning", rate=rate, decay=100.0, schedule="flat")
    net("mlp", "memory", "random labels, memorised", "overfitting", labels="fixed-random", size=500, fresh=False,
        schedule="flat")
    net("conv", "frozen", "first layer frozen", "going-on", frozen=1)
    net("mlp", "wide", "healthy", "going-on", shape=dict(width=384, layers=3), steps=2500)
    net("conv", "wide", "healthy", "going-on", shape=dict(width=96, layers=3), steps=600)


def grokking(zoo):
    # An MLP with large initial weights on 1000 digits (Liu, Michaud, Tegmark 2022), and modular addition
    # (Power et al. 2022), far beyond success.
    mlp = dict(task="digits", fresh=False, size=1000, batch=200, loss="square", init=8.0, schedule="flat",
               points=12, clip=0.0, rate=1e-3, shape=dict(width=200, layers=2, plain=True))
    zoo.run("grok-digits", "grok-mlp", "grokking", "going-on", decay=0.1, steps=100_000, seeds=(0, 1), **mlp)
    zoo.run("grok-digits-decay1", "grok-mlp", "grokking", "settled", decay=1.0, steps=60_000, **mlp)
    zoo.run("grok-digits-decay0", "grok-mlp", "grokking without weight decay", "going-on", decay=0.0,
            steps=100_000, **mlp)
    add = dict(task="addition", batch=512, schedule="flat", points=12, clip=0.0, rate=1e-3, source="59",
               shape=dict(width=64, layers=1, heads=4, inner=256))
    zoo.run("grok-addition", "grok-transformer", "grokking", "settled", decay=1.0, steps=9000, size=1000,
            seeds=(0, 1), **add)
    zoo.run("grok-addition-decay0", "grok-transformer", "memorised, no grokking", "overfitting", decay=0.0,
            steps=4000, size=1000, **add)
    zoo.run("grok-addition-few", "grok-transformer", "memorised, no grokking", "overfitting", decay=0.1,
            steps=4000, size=400, **add)


def for_ranking(zoo):
    """Final models: size and depth held fixed and not, good and bad."""
    for width, layers, steps in ((64, 1, 600), (64, 3, 400), (96, 1, 400), (96, 2, 300), (128, 1, 300),
                                 (128, 2, 220), (128, 3, 160), (64, 4, 320)):
        shape = dict(width=width, layers=layers, heads=4, inner={64: 160, 96: 256, 128: 352}[width])
        for what, settings in (("full", {}), ("short", dict(steps=steps // 4)), ("few", dict(size=15_000))):
            zoo.model(f"rank-llama-{width}x{layers}-{what}", "llama", shape=shape, schedule="down",
                      **dict(dict(steps=steps), **settings))
    fixed = dict(steps=500, schedule="down", rate=3e-3)
    variants = (("a", {}), ("b", dict(rate=3e-4)), ("c", dict(rate=1e-2)), ("d", dict(decay=1.0)),
                ("e", dict(steps=150)), ("f", dict(size=40_000)), ("g", dict(batch=4)), ("h", dict(noise=0.1)),
                ("i", dict(optimiser="muon", rate=0.01)), ("j", dict(optimiser="sgd", rate=0.3, decay=0.0)))
    for family in ("llama", "gpt2"):
        shape = dict(WIDE["64x2"])
        if family == "gpt2":
            shape["inner"] = 256
        for letter, settings in variants:
            zoo.model(f"rank-{family}-64x2-{letter}", family, shape=shape, **dict(fixed, **settings))
    small = (("a", {}), ("b", dict(rate=1e-4)), ("c", dict(rate=1e-2)), ("d", dict(decay=10.0)),
             ("e", dict(steps=150)), ("f", dict(size=150, fresh=False)), ("g", dict(size=500, fresh=False)),
             ("h", dict(noise=0.2)), ("i", dict(optimiser="muon", rate=0.005, steps=350)),
             ("j", dict(optimiser="sgd", rate=0.02)))
    for family, steps, rate in (("mlp", 1500, 1e-3), ("conv", 600, 3e-3)):
        values = dict(task="digits", batch=32, rate=rate, decay=0.01, clip=0.0, schedule="down", steps=steps,
                      shape=dict(width=256, layers=2) if family == "mlp" else dict(width=64, layers=3))
        for letter, settings in small:
            zoo.model(f"rank-{family}-{letter}", family, **dict(values, **settings))


DAMAGED = ("llama-64x2-adamw.s0", "llama-64x2-down.s0", "llama-96x3-down.s0", "llama-96x3-muon.s0",
           "llama-128x4-down.s0", "gpt2-64x2-down.s0", "mixtral-64x2-down.s0", "mlp-down.s0", "conv-down.s0",
           "conv-muon-down.s0", "window-down.s0")


def damage(zoo):
    """Damage after training: one entry a base, in the half of the base."""
    bases = {entry["name"]: entry for entry in zoo.entries}
    for number, name in enumerate(DAMAGED):
        base = bases[name]
        zoo.entries.append(dict(base, name=f"damage-{name}", kind="damage", story="damaged after training",
                                intended="", base=name, seed=number))


def interleaved(entries):
    """Bases first; then each family and story in turn, so that an interrupted training has some of everything."""
    needed = {entry["base"] for entry in entries if entry["base"] and entry["kind"] != "damage"}
    groups, stories = {}, {}

    def place(entry):
        family = entry["kind"], entry["family"]
        known = stories.setdefault(family, [])
        if entry["story"] not in known:
            known.append(entry["story"])
        group = *family, entry["story"]
        groups[group] = groups.get(group, 0) + 1
        turn = groups[group] // 3 if entry["kind"] == "model" else groups[group]
        return entry["name"] not in needed, turn, known.index(entry["story"])

    return [entry for _, entry in sorted(((place(e), e) for e in entries), key=lambda pair: pair[0])]


def entries():
    zoo = Zoo()
    decoders(zoo)
    small_nets(zoo)
    grokking(zoo)
    for_ranking(zoo)
    damage(zoo)
    names = [entry["name"] for entry in zoo.entries]
    assert len(names) == len(set(names)), "two entries have one name"
    return interleaved(zoo.entries)
