"""How often each warning of layers strikes, by the fate of the run: docs/metrics-evidence.md has the table."""
import csv
import io
import os
import subprocess

HEALTHY = ("going-on", "settled")
MEANT = ("healthy", "converged", "fine-tuned")  # stories; the others may be ill though the loss still falls
REMARKS = ("small-tail", "no-tail")  # how to read alpha; nothing may be wrong with the layer
WARNINGS = ("nonfinite", "fit-failed", "rank-collapse", "unlike-past", "like-noise", "unlike-blocks", "unusual")


def rows_of(wishart, archive):
    """The layers of all checkpoints of an archive, in the order of training, as dictionaries of texts."""
    done = subprocess.run([wishart, "export", archive, "--all", "--format", "csv"], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{archive}: {done.stderr.strip()}")
    return list(csv.DictReader(io.StringIO(done.stdout)))


def groups_of(result, rows):
    """Pairs of a group's name and the row: layers of the second half of the checkpoints of a history."""
    steps = sorted({int(row["step"]) for row in rows})
    first = {row["key"]: row["hash"] for row in rows if int(row["step"]) == steps[0]}
    last = {row["key"]: row["hash"] for row in rows if int(row["step"]) == steps[-1]}
    for row in rows:
        if 2 * steps.index(int(row["step"])) < len(steps):
            continue
        stays = first.get(row["key"]) == last.get(row["key"]) and result["start"] == "scratch"
        if row["dtype"].startswith("LoRA "):
            yield "adapters", row
        elif stays:
            yield "never trained (frozen)", row
        else:
            yield result["fate"], row
            if result["fate"] in HEALTHY and result["story"].startswith(MEANT):
                yield "healthy, and meant to be", row


def damage_groups(result, rows):
    harmed = {point["id"]: point["harmed"] for point in result["checkpoints"]}
    for row in rows:
        yield ("damaged, harmed" if harmed[row["checkpoint"]] else "damaged, not harmed"), row


class Counts:
    def __init__(self):
        self.entries, self.layers, self.any = set(), 0, 0
        self.below = self.above = 0
        self.words = {}

    def add(self, name, row):
        self.entries.add(name)
        self.layers += 1
        words = set(row["warning"].split(";")) - {""}
        self.any += bool(words - set(REMARKS))
        for word in words:
            self.words[word] = self.words.get(word, 0) + 1
        if row["status"] == "success":
            self.below += float(row["alpha"]) < 2
            self.above += float(row["alpha"]) > 6

    def __add__(self, other):
        total = Counts()
        for one in (self, other):
            total.entries |= one.entries
            for name in ("layers", "any", "below", "above"):
                setattr(total, name, getattr(total, name) + getattr(one, name))
            for word, count in one.words.items():
                total.words[word] = total.words.get(word, 0) + count
        return total

    def line(self, name):
        def share(count):
            return "" if not count else f"{100 * count / self.layers:.1f} %"
        cells = [name, str(len(self.entries)), str(self.layers), share(self.any) or "0 %"]
        cells += [share(self.words.get(word, 0)) for word in WARNINGS + REMARKS]
        return "| " + " | ".join(cells + [share(self.below), share(self.above)]) + " |"


def counted(results, wishart, archive_of):
    """Counts by half and group. Entries without an archive (`archive_of` a name) are left out and returned."""
    counts, missing = {}, []
    for result in results:
        archive = archive_of(result["name"])
        if result["kind"] not in ("history", "damage"):
            continue
        if not os.path.exists(archive):
            missing.append(result["name"])
            continue
        rows = rows_of(wishart, archive)
        of_damage = result["kind"] == "damage"
        for group, row in damage_groups(result, rows) if of_damage else groups_of(result, rows):
            counts.setdefault((result["split"], group), Counts()).add(result["name"], row)
    return counts, missing


def tables(counts, halves):
    """A table for each half, with its name above."""
    return "\n".join(f"**{half}**\n\n{table(counts, half)}\n" for half in halves)


def table(counts, half):
    """Markdown: a line a fate, healthy ones together first."""
    groups = {group: count for (split, group), count in counts.items() if split == half}
    lines = ["| fate | entries | layers | any warning | " + " | ".join(f"`{word}`" for word in WARNINGS + REMARKS)
             + " | alpha < 2 | alpha > 6 |", "|" + "---|" * (6 + len(WARNINGS + REMARKS))]
    healthy = Counts()
    for fate in HEALTHY:
        healthy = healthy + groups.get(fate, Counts())
    if healthy.layers:
        lines.append(healthy.line("healthy: `going-on`, `settled`"))
    for group in sorted(groups, key=lambda name: ("healthy" not in name, name not in HEALTHY, " " in name, name)):
        lines.append(groups[group].line(group if " " in group or group == "adapters" else f"`{group}`"))
    return "\n".join(lines)
