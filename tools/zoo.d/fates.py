"""The rule by which recorded losses decide the fate of a run. docs/zoo.md states it in words.

It was written before any spectrum of the zoo was computed, and knows nothing of spectra. Losses are means over
fixed samples, the same at every checkpoint, so that differences between checkpoints have a small error: that of
the paired differences of PARTS parts of the sample.
"""
import math

PARTS = 32
FATES = ("going-on", "settled", "overfitting", "diverging", "not-learning")

# Shares of a loss, or of the chance level, that count as a change.
DIVERGED = 0.05, 0.02      # training loss above its lowest: of the lowest, of the chance level
OVERFITTED = 0.005, 0.002  # held-out loss above its lowest: likewise
LEARNED = 0.10             # below the chance level: what has learnt anything
LEARNED_ON = 0.02          # below the loss before fine-tuning
BETTER = 0.50              # error rate below that at the lowest loss: grokking, not over-fitting
MOVING = 0.01, 0.002       # fall per doubling of the steps: of the last loss, of the chance level
HARMED = 0.01, 0.002       # held-out loss above that before the damage: of that loss, of the chance level
FORGOT = 0.05              # loss on the old text above that before fine-tuning
SURE = 3.0                 # standard errors
TREND = 3                  # checkpoints that the trend is taken over


def paired_error(one, two):
    """The standard error of the mean difference of two lists of losses of the same parts."""
    differences = [b - a for a, b in zip(one, two)]
    count = len(differences)
    if count < 2:
        return 0.0
    mean = sum(differences) / count
    return math.sqrt(sum((d - mean) ** 2 for d in differences) / (count - 1) / count)


def trend(points, key):
    """Least-squares slope of a loss per doubling of the steps."""
    x = [math.log2(point["step"]) for point in points]
    y = [point[key] for point in points]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    return (sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y))
            / sum((a - mean_x) ** 2 for a in x))


def fate(record, strictness=1.0):
    """The fate of a run at its last checkpoint, one of FATES.

    `record` has `chance` (the loss of who knows the frequencies of the targets and nothing else), `start`
    ("scratch" or "base"), and `checkpoints`: step, train_loss, eval_loss, eval_accuracy, train_parts, eval_parts.
    All margins are multiplied by `strictness`.
    """
    points, chance = record["checkpoints"], record["chance"]
    last = points[-1]
    if not (math.isfinite(last["train_loss"]) and math.isfinite(last["eval_loss"])):
        return "diverging"
    finite = [p for p in points if math.isfinite(p["train_loss"]) and math.isfinite(p["eval_loss"])]

    def margin(shares, loss, before, after, parts):
        error = paired_error(before[parts], after[parts])
        return strictness * max(shares[0] * loss, shares[1] * chance, SURE * error)

    best = min(finite, key=lambda p: p["train_loss"])
    rise = last["train_loss"] - best["train_loss"]
    if rise > margin(DIVERGED, best["train_loss"], best, last, "train_parts"):
        return "diverging"

    best = min(finite, key=lambda p: p["eval_loss"])
    rise = last["eval_loss"] - best["eval_loss"]
    better = 1 - last["eval_accuracy"] < (1 - BETTER / strictness) * (1 - best["eval_accuracy"])
    if (rise > margin(OVERFITTED, best["eval_loss"], best, last, "eval_parts")
            and last["train_loss"] < best["train_loss"] and not better):
        return "overfitting"

    if record["start"] == "base":
        first = finite[0]
        needed = margin((LEARNED_ON, 0.0), first["eval_loss"], first, best, "eval_parts")
        learned = first["eval_loss"] - best["eval_loss"] > needed
    else:
        learned = best["eval_loss"] < (1 - LEARNED * strictness) * chance
    if not learned:
        return "not-learning"

    tail = [p for p in finite if p["step"] > 0][-TREND:]
    still = strictness * max(MOVING[0] * last["eval_loss"], MOVING[1] * chance)
    return "going-on" if trend(tail, "eval_loss") < -still else "settled"


def clear(record):
    """Whether half and twice the margins give the same fate."""
    return fate(record, 0.5) == fate(record) == fate(record, 2.0)


def harmed(before, after, chance, strictness=1.0):
    """Whether damage raised the held-out loss. Both have eval_loss and eval_parts."""
    if not math.isfinite(after["eval_loss"]):
        return True
    error = paired_error(before["eval_parts"], after["eval_parts"])
    shares = HARMED[0] * before["eval_loss"], HARMED[1] * chance
    return after["eval_loss"] - before["eval_loss"] > strictness * max(*shares, SURE * error)


def forgot(record):
    """Whether a fine-tuned model got worse on the text of its base. None if that was not recorded."""
    points = [p for p in record["checkpoints"] if "old_loss" in p]
    if len(points) < 2:
        return None
    first, last = points[0], points[-1]
    if not math.isfinite(last["old_loss"]):
        return True
    error = paired_error(first["old_parts"], last["old_parts"])
    return last["old_loss"] - first["old_loss"] > max(FORGOT * first["old_loss"], SURE * error)
