"""What the zoo learns: text and digits of packages of the distribution (section [zoo] of tools/packages.txt).

Nothing here depends on the time or on the order of a folder: files are ordered by a hash of their names.
"""
import functools
import gzip
import hashlib
import math
import pathlib

import numpy as np
import torch

DIGITS = "/usr/lib/python3/dist-packages/sklearn/datasets/data/digits.csv.gz"
SOURCES = {  # package, a part of the path, ending
    "man": ("manpages", "/usr/share/man/man", ".gz"),
    "german": ("manpages-de", "/usr/share/man/de/", ".gz"),
    "perl": ("perl-modules-5.36", "/usr/share/perl/", ".pm"),
}
CONTEXT = 64
MOST_OF_A_FILE = 40_000
MOST_OF_A_TEXT = 3_000_000
HELD_OUT = 0.1
SAMPLE = 256  # sequences in a fixed sample
NOISE = 0.25  # of a blurred digit; its pixels are between 0 and 1


class Missing(Exception):
    pass


@functools.lru_cache(maxsize=None)
def text(source):
    """The bytes of a source, to train on and held out: different files."""
    package, part, ending = SOURCES[source]
    listing = pathlib.Path(f"/var/lib/dpkg/info/{package}.list")
    if not listing.exists():
        raise Missing(f"package {package} is not installed: tools/install-deps --zoo")
    names = [name for name in listing.read_text().splitlines() if name.startswith(part) and name.endswith(ending)]
    names.sort(key=lambda name: hashlib.sha256(name.encode()).digest())
    pieces, total = [], 0
    for name in names:
        content = pathlib.Path(name).read_bytes()
        content = (gzip.decompress(content) if ending == ".gz" else content)[:MOST_OF_A_FILE]
        pieces.append(np.frombuffer(content, np.uint8))
        total += len(content)
        if total > MOST_OF_A_TEXT:
            break
    held, size = [], 0
    while size < HELD_OUT * total:
        held.append(pieces.pop())
        size += len(held[-1])
    return np.concatenate(pieces), np.concatenate(held)


@functools.lru_cache(maxsize=None)
def digits():
    """1000 digits of 8 x 8 pixels to train on and 797 held out: images, labels, images, labels."""
    if not pathlib.Path(DIGITS).exists():
        raise Missing("package python3-sklearn is not installed: tools/install-deps --zoo")
    table = np.loadtxt(gzip.open(DIGITS, "rt"), delimiter=",", dtype=np.float32)
    table = table[np.random.RandomState(1797).permutation(len(table))]
    images, labels = table[:, :64] / 16, table[:, 64].astype(np.int64)
    return images[:1000], labels[:1000], images[1000:], labels[1000:]


def blurred(images, random):
    """Each image moved by up to one pixel, with noise."""
    moved = np.zeros((len(images), 10, 10), np.float32)
    moved[:, 1:9, 1:9] = images.reshape(-1, 8, 8)
    down, right = random.randint(0, 3, (2, len(images)))
    rows = down[:, None] + np.arange(8)
    columns = right[:, None] + np.arange(8)
    shifted = moved[np.arange(len(images))[:, None, None], rows[:, :, None], columns[:, None, :]]
    noise = random.standard_normal(shifted.shape).astype(np.float32)
    return (shifted + NOISE * noise).reshape(-1, 64)


def wrong(labels, share, classes, random):
    labels = labels.copy()
    at = random.random_sample(labels.shape) < share
    labels[at] = random.randint(0, classes, int(at.sum()))
    return labels


class Digits:
    """Digits, blurred; of grokking (loss "square") as they are."""
    classes = 10

    def __init__(self, entry):
        random = np.random.RandomState(11)
        images, labels, held, held_labels = digits()
        if entry["size"]:
            images, labels = images[:entry["size"]], labels[:entry["size"]]
        plain = entry["loss"] == "square"
        self.fresh = entry["fresh"]
        self.random_labels = entry["labels"] == "random"
        if not plain:
            held, held_labels = (np.concatenate([blurred(held, random), blurred(held, random)]),
                                 np.concatenate([held_labels, held_labels]))
        if entry["labels"] == "fixed-random":
            labels, held_labels = wrong(labels, 1.0, 10, random), wrong(held_labels, 1.0, 10, random)
        self.source, self.labels = images, wrong(labels, entry["noise"], 10, random)
        if not self.fresh and not plain:
            self.source = blurred(images, random)
        sample = self.source
        sample_labels = self.labels
        if self.fresh:
            sample = blurred(images, random)
        if self.random_labels:
            sample_labels, held_labels = (wrong(one, 1.0, 10, random) for one in (sample_labels, held_labels))
        self.train = torch.tensor(sample), torch.tensor(sample_labels)
        self.held_out = torch.tensor(held), torch.tensor(held_labels)
        self.chance = 0.09 if plain else math.log(10)

    def batch(self, size, random):
        at = random.randint(0, len(self.source), size)
        images, labels = self.source[at], self.labels[at]
        if self.fresh:
            images = blurred(images, random)
        if self.random_labels:
            labels = random.randint(0, 10, size)
        return torch.tensor(images), torch.tensor(labels)


class Text:
    """Bytes of a text: each predicts the next. For `window`, the last one of a window is predicted."""
    classes = 256

    def __init__(self, entry, source=None):
        self.window = entry["shape"].get("context") if entry["task"] == "window" else None
        self.context = self.window or CONTEXT
        random = np.random.RandomState(12)
        train, own_held = text(source or entry["source"])
        held = text(entry["evaluate"])[1] if entry["evaluate"] and not source else own_held
        if entry["size"] and not source:
            train = train[:entry["size"]]
        counts = np.bincount(train, minlength=256) + 1.0
        seen = np.bincount(held, minlength=256) / len(held)
        self.chance = float(-(seen * np.log(counts / counts.sum())).sum())
        self.labels = entry["labels"] if not source else "true"
        if self.labels == "random":
            self.chance = math.log(256)
        self.inputs = train.astype(np.int64)
        self.targets = wrong(self.inputs, entry["noise"] if not source else 0.0, 256, random)
        held = held.astype(np.int64)
        self.train = self.sample(self.inputs, self.targets, random)
        self.held_out = self.sample(held, held, random)

    def cut(self, inputs, targets, at, random):
        x = inputs[at[:, None] + np.arange(self.context)]
        y = targets[at[:, None] + np.arange(1, self.context + 1)]
        if self.window:
            y = y[:, -1]
        if self.labels == "random":
            y = random.randint(0, 256, y.shape)
        elif self.labels == "shuffled":
            y = targets[random.randint(0, len(targets), y.shape)]
        return torch.tensor(x), torch.tensor(y)

    def sample(self, inputs, targets, random):
        count = 16 * SAMPLE if self.window else SAMPLE
        at = np.linspace(0, len(inputs) - self.context - 2, count).astype(np.int64)
        return self.cut(inputs, targets, at, random)

    def batch(self, size, random):
        at = random.randint(0, len(self.inputs) - self.context - 1, size)
        return self.cut(self.inputs, self.targets, at, random)


class Addition:
    """a + b modulo a prime: three tokens a, b, = and the sum, asked for at the last."""

    def __init__(self, entry):
        prime = int(entry["source"])
        self.classes = prime
        pairs = np.array([(a, b, prime) for a in range(prime) for b in range(prime)], np.int64)
        pairs = pairs[np.random.RandomState(prime).permutation(len(pairs))]
        sums = (pairs[:, 0] + pairs[:, 1]) % prime
        size = entry["size"]
        self.train = torch.tensor(pairs[:size]), torch.tensor(sums[:size])
        self.held_out = torch.tensor(pairs[size:]), torch.tensor(sums[size:])
        self.chance = math.log(prime)

    def batch(self, size, random):
        at = torch.tensor(random.randint(0, len(self.train[0]), size))
        return self.train[0][at], self.train[1][at]


def task(entry):
    return {"digits": Digits, "text": Text, "window": Text, "addition": Addition}[entry["task"]](entry)
