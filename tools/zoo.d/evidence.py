"""What wishart concludes from the zoo, beside the fates that are known: docs/evidence.md.

Each entry is scanned twice: as it is, and without its losses. All figures come from the program's own output.
"""
import collections
import concurrent.futures
import csv
import io
import json
import math
import os
import subprocess
import tempfile
import textwrap

import fates
import scanning
import warned

HEALTHY = "going-on", "settled"
HALVES = "learn", "judge"
ADVICE = "going-on", "settled", "overfitting", "diverging", "not-learning", "suspect", "unknown"
GATES = {"pretraining": "gate-pretraining.cfg", "fine-tuning": "gate-finetune.cfg",
         "compression": "gate-compression.cfg", "merging": "gate-finetune.cfg"}
GATE_WORDS = {True: "passes", False: "fails", None: "refuses"}


class Failed(Exception):
    pass


def run(command, good=(0,)):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode not in good:
        raise Failed(f"{' '.join(command)}: exit code {done.returncode}: {done.stderr.strip()}")
    return done


def wilson(part, whole):
    """The interval of 95 % of a share (Wilson 1927)."""
    if not whole:
        return math.nan, math.nan
    z, p = 1.959964, part / whole
    centre = (p + z * z / (2 * whole)) / (1 + z * z / whole)
    half = z * math.sqrt(p * (1 - p) / whole + z * z / (4 * whole * whole)) / (1 + z * z / whole)
    return (0.0 if part == 0 else centre - half), (1.0 if part == whole else centre + half)


def share_text(part, whole):
    if not whole:
        return "none"
    low, high = wilson(part, whole)
    return f"{part} of {whole}, {100 * part / whole:.0f} % ({100 * low:.0f} to {100 * high:.0f} %)"


def without_losses(out, name, to):
    """A copy of an entry by links, without what the trainer recorded."""
    for checkpoint in os.listdir(os.path.join(out, name)):
        source = os.path.join(out, name, checkpoint)
        if not os.path.isdir(source):
            continue
        target = os.path.join(to, name, checkpoint)
        os.makedirs(target)
        for file in os.listdir(source):
            if file != "trainer_state.json":
                os.symlink(os.path.realpath(os.path.join(source, file)), os.path.join(target, file))


class Zoo:
    """The archives of a zoo, with losses and without."""

    def __init__(self, wishart, out, archives, results, jobs):
        self.wishart, self.out, self.jobs = wishart, out, jobs
        self.archives = archives
        self.seen, self.blind = os.path.join(archives, "seen"), os.path.join(archives, "blind")
        self.results = results

    def check_program(self):
        """Archives of another program would mix its columns with conclusions of this one."""
        program = run([self.wishart, "--version"]).stdout
        path = os.path.join(self.archives, "made-by")
        if os.path.exists(path):
            with open(path) as file:
                if file.read() == program:
                    return
        elif not os.path.exists(self.seen):
            os.makedirs(self.archives, exist_ok=True)
            with open(path, "w") as file:
                file.write(program)
            return
        raise Failed(f"{self.archives}: expected archives of {program.splitlines()[0]}, found those of another "
                     f"program. Give an empty folder")

    def scan(self, with_bases=True):
        self.check_program()
        names = [result["name"] for result in self.results]
        bases = {result["settings"]["base"] for result in self.results if result["kind"] == "history"} - {None}
        if with_bases:
            names += sorted(bases - set(names))
        errors = scanning.scan(self.wishart, self.out, names, self.seen, self.jobs, [])
        histories = [result["name"] for result in self.results if result["kind"] == "history"]
        os.makedirs(self.blind, exist_ok=True)
        missing = [name for name in histories if not os.path.exists(os.path.join(self.blind, name + ".h5"))]
        with tempfile.TemporaryDirectory() as copy:
            for name in missing:
                without_losses(self.out, name, copy)
            errors += scanning.scan(self.wishart, copy, missing, self.blind, self.jobs, [])
        if errors:
            raise Failed(errors[0])

    def archive(self, name, blind=False):
        return os.path.join(self.blind if blind else self.seen, name + ".h5")

    def each(self, work, results):
        with concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
            return list(pool.map(work, results))

    def conclusion(self, name, blind):
        text = run([self.wishart, "report", self.archive(name, blind), "--format", "json"]).stdout
        return json.loads(text)["history"]

    def passes(self, gate, archive, *more):
        """Whether a gate passes; None if it refuses to judge."""
        rules = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "jobs", GATES[gate])
        done = run([self.wishart, "gate", archive, "--rules", rules, *more], good=(0, 1, 2, 3))
        return {0: True, 1: False}.get(done.returncode)


def is_right(advice, fate, blind):
    """Without held-out losses over-fitting can only be suspected."""
    return advice == fate or (blind and advice == "suspect" and fate == "overfitting")


def table(head, rows, align=""):
    """Markdown. `align`: l or r for each column; the last one goes on."""
    marks = ["---" if (align or "l")[min(i, len(align or "l") - 1)] == "l" else "---:" for i in range(len(head))]
    return "\n".join("| " + " | ".join(str(cell) for cell in row) + " |" for row in (head, marks, *rows)) + "\n"


def advice_tables(zoo, blind):
    """For each half: fates against advice. Returns Markdown and the list of what went wrong."""
    histories = [result for result in zoo.results if result["kind"] == "history"]
    given = zoo.each(lambda result: zoo.conclusion(result["name"], blind), histories)
    text, wrong, counts = "", [], {half: collections.Counter() for half in HALVES}
    records = {half: collections.Counter() for half in HALVES}
    for result, conclusion in zip(histories, given):
        half, fate, advice = result["split"], result["fate"], conclusion["advice"]
        right = is_right(advice, fate, blind)
        counts[half][fate, advice] += 1
        counts[half]["right", right] += 1
        counts[half]["clear", result["clear"], right] += 1
        if fate in HEALTHY and advice not in (*HEALTHY, "unknown"):
            counts[half]["alarm"] += 1
        records[half][advice, conclusion["basis"], right] += 1
        if not right and advice != "unknown":
            wrong.append((half, result["name"], result["story"], fate + ("" if result["clear"] else " (borderline)"),
                          advice, " ".join(conclusion["reasons"])))
    for half in HALVES:
        here = counts[half]
        number = here["right", True] + here["right", False]
        if not number:
            continue
        healthy = sum(here[fate, advice] for fate in HEALTHY for advice in ADVICE)
        text += (f"\n**{half}**: right in {share_text(here['right', True], number)}; of the clear fates in "
                 f"{share_text(here['clear', True, True], here['clear', True, True] + here['clear', True, False])}. "
                 f"Healthy runs called sick: {share_text(here['alarm'], healthy)}.\n\n")
        silent = sum(here[fate, "unknown"] for fate in fates.FATES)
        if silent:
            text += (f"No advice (`unknown`): {share_text(silent, number)}. Where there is advice, it is right in "
                     f"{share_text(here['right', True], number - silent)}.\n\n")
        shown = [advice for advice in ADVICE if any(here[fate, advice] for fate in fates.FATES)]
        text += table(["fate", "runs", *(f"`{advice}`" for advice in shown)],
                      [[f"`{fate}`", sum(here[fate, a] for a in ADVICE), *(here[fate, a] or "" for a in shown)]
                       for fate in fates.FATES], "lr")
    return text, wrong, records


def conclusions(zoo):
    """CSV: each history with its fate and what is concluded, with losses and without."""
    histories = [result for result in zoo.results if result["kind"] == "history"]
    both = [zoo.each(lambda result, blind=blind: zoo.conclusion(result["name"], blind), histories)
            for blind in (False, True)]
    gates = [zoo.each(lambda result, blind=blind: "-" if result["settings"]["base"] else
                      GATE_WORDS[zoo.passes("pretraining", zoo.archive(result["name"], blind))], histories)
             for blind in (False, True)]
    lines = ["name,half,fate,advice,best_checkpoint,advice_by_spectra,gate,gate_by_spectra\n"]
    for result, seen, blind, gate, blind_gate in zip(histories, *both, *gates):
        lines.append(",".join((result["name"], result["split"], result["fate"], seen["advice"],
                               seen["best_checkpoint"] or "", blind["advice"], gate, blind_gate)) + "\n")
    return "".join(lines)


def base_of(zoo, result):
    return zoo.archive(result["settings"]["base"])


def gate_rows(zoo):
    """(gate, half) to counts of verdicts on healthy and on sick models, and the failures."""
    work = []
    for result in zoo.results:
        settings = result["settings"]
        if result["kind"] == "damage":
            for point in result["checkpoints"][1:]:
                gate = "merging" if point["id"].startswith("merged-") else "compression"
                work.append((gate, result, point["id"], point["harmed"], point["clear"],
                             [zoo.archive(result["name"]), "--checkpoint", point["id"], "--base", "base"]))
            continue
        if result["kind"] != "history":
            continue
        sick = result["fate"] not in HEALTHY
        one = result, result["name"], sick, result["clear"]
        if settings["lora"]:  # its gate looks at adapter and base together, which takes their weights
            continue
        if settings["base"]:
            work.append(("fine-tuning", *one, [zoo.archive(result["name"]), "--base", base_of(zoo, result)]))
        else:
            work.append(("pretraining", *one, [zoo.archive(result["name"])]))
            if os.path.exists(zoo.archive(result["name"], True)):
                work.append(("pretraining, no losses", *one, [zoo.archive(result["name"], True)]))
    verdicts = zoo.each(lambda item: zoo.passes(item[0].split(",")[0], *item[5]), work)
    counts, failures = collections.Counter(), []
    for (gate, result, name, sick, clear, _), passed in zip(work, verdicts):
        key = gate, result["split"]
        kind = "refused" if passed is None else ("miss" if passed else "caught") if sick else (
            "passed" if passed else "alarm")
        counts[key, kind] += 1
        if kind in ("refused", "miss", "alarm"):
            label = name if result["kind"] == "history" else f"{result['name']}: {name}"
            failures.append((gate, result["split"], label, kind + ("" if clear else " (borderline)"), result["story"]))
    rows = []
    for gate in dict.fromkeys(item[0] for item in work):
        for half in HALVES:
            key = gate, half
            healthy = counts[key, "passed"] + counts[key, "alarm"]
            sick = counts[key, "caught"] + counts[key, "miss"]
            rows.append([gate, half, share_text(counts[key, "alarm"], healthy), share_text(counts[key, "miss"], sick),
                         counts[key, "refused"] or ""])
    return rows, failures


def final_models(zoo):
    """Models trained from scratch on right data, at their ends: (result, last checkpoint's numbers)."""
    for result in zoo.results:
        if result["kind"] == "damage" or result["settings"]["base"] or result["family"].startswith("grok"):
            continue
        last = result["checkpoints"][-1]
        if math.isfinite(last["eval_loss"]) and result["settings"]["source"] == "man":
            yield result, last


def ranking_rows(zoo, half=None):
    """Spearman's rho of each metric with the held-out loss, by the program's own `rank`."""
    families, rows = collections.defaultdict(list), []
    for result, last in final_models(zoo):
        if half in (None, result["split"]):
            families[result["family"]].append((result, last))
    for family, members in sorted(families.items()):
        archives = [zoo.archive(result["name"]) for result, _ in members]
        shapes = {json.dumps(result["settings"]["shape"]) for result, _ in members}
        uses = collections.Counter(f"checkpoint-{step}" for result, _ in members for step in steps_of(result))
        with tempfile.NamedTemporaryFile("w", suffix=".csv", newline="") as scores:
            writer = csv.writer(scores)
            writer.writerow(["model", "loss", "group"])
            for (result, last), archive in zip(members, archives):
                shape, name = result["settings"]["shape"], f"checkpoint-{last['step']}"
                writer.writerow([name if uses[name] == 1 else f"{archive}/{name}", last["eval_loss"],
                                 f"{shape['width']}x{shape['layers']}"])
            scores.flush()
            text = run([zoo.wishart, "rank", *archives, "--scores", scores.name, "--score", "loss", "--format",
                        "csv"]).stdout
        for row in csv.DictReader(io.StringIO(text)):
            rows.append(dict(row, family=family, members=len(members), shapes=len(shapes)))
    return rows


def steps_of(result):
    """The checkpoints that an entry keeps: of models for ranking the last only."""
    points = result["checkpoints"][-1:] if result["kind"] == "model" else result["checkpoints"]
    return [point["step"] for point in points]


def ranking_table(zoo, half=None):
    rows = ranking_rows(zoo, half)

    def cell(row):
        if row is None or not row["spearman"] or math.isnan(float(row["spearman"])):
            return "-"
        low, high = (float(row[key]) if row[key] else math.nan for key in ("spearman_low", "spearman_high"))
        interval = "" if math.isnan(low) else f" ({low:+.2f} to {high:+.2f})"
        return f"{float(row['spearman']):+.2f}{interval}"

    found = {(row["family"], row["metric"], row["group"]): row for row in rows}
    for row in rows:
        if row["group"] == "all" and row["shapes"] == 1:
            found[row["family"], row["metric"], "within"] = row
    families = list(dict.fromkeys((row["family"], row["members"]) for row in rows))
    metrics = list(dict.fromkeys(row["metric"] for row in rows))
    text = ""
    for group, title in (("all", "All shapes of a family"), ("within", "Within one shape")):
        text += f"\n{title}:\n\n" + table(
            ["metric", *(f"`{family}`, {count}" for family, count in families)],
            [[f"`{metric}`", *(cell(found.get((family, metric, group))) for family, _ in families)]
             for metric in metrics], "lr")
    return text


def summary_of_ranking(zoo):
    """Metric to the number of families in which its rho within shapes differs from 0, and their signs."""
    signs = collections.defaultdict(list)
    for row in ranking_rows(zoo):
        if row["group"] != "within" or not row["spearman_low"]:
            continue
        low, high = float(row["spearman_low"]), float(row["spearman_high"])
        signs[row["metric"]].append(1 if low > 0 else -1 if high < 0 else 0)
    return signs


def record_header(seen, blind):
    """The source file that the program takes its own track record from."""
    rows = []
    for records in (seen, blind):
        counts = records["judge"]
        for advice in (one for one in ADVICE if one != "unknown"):  # which is none
            for basis in ("losses", "spectra"):
                right, wrong = counts[advice, basis, True], counts[advice, basis, False]
                if right + wrong:
                    rows.append((advice.replace("-", "_"), basis, right, right + wrong))
    # An advice by the spectra of a run with losses is counted with those without.
    merged = collections.OrderedDict()
    for advice, basis, right, given in rows:
        one = merged.setdefault((advice, basis), [0, 0])
        one[0] += right
        one[1] += given
    lines = ",\n".join(f"    RecordedAdvice{{Advice::{advice}, Basis::{basis}, {{{right}, {given}}}}}"
                       for (advice, basis), (right, given) in merged.items())
    body = f"{{{{\n{lines},\n}}}}" if lines else "{}"
    return f"""#pragma once

/// @file
/// How often each advice was right on the judging half of the zoo. Written by `tools/zoo evidence`;
/// do not edit.

#include <array>

#include "wishart/analysis/advice.hpp"

namespace wishart::analysis {{

struct RecordedAdvice {{
  Advice advice;
  Basis basis;
  TrackRecord record;
}};

inline constexpr std::array<RecordedAdvice, {len(merged)}> kAdviceRecord{body};

}}  // namespace wishart::analysis
"""


def grouped(rows):
    """Failures as a list: (half, what, name) with the names of each kind together, and those of each damaged model."""
    kinds = collections.OrderedDict()
    for half, what, name in sorted(rows, key=lambda row: (HALVES.index(row[0]), row[1], row[2])):
        model, damaged, damage = name.partition(": ")
        kinds.setdefault((half, what), {}).setdefault(model if damaged else "", []).append(damage if damaged else name)
    text = ""
    for (half, what), models in kinds.items():
        text += listed("- ", f"{half}, {what}: {', '.join(models.get('', []))}".rstrip())
        text += "".join(listed("  - ", f"{model}: {', '.join(names)}") for model, names in models.items() if model)
    return text or "None.\n"


def listed(mark, text):
    return textwrap.fill(text, width=126, initial_indent=mark, subsequent_indent=" " * len(mark),
                         break_long_words=False, break_on_hyphens=False) + "\n"


def wrong_list(wrong):
    return grouped([(half, f"`{fate.split()[0]}` called `{advice}`", name + (" (borderline)" if "border" in fate else ""))
                    for half, name, _, fate, advice, _ in wrong])


def write(zoo):
    """Blocks of docs/evidence.md by name, the header of the track record, and a table of all conclusions."""
    seen, wrong_seen, record_seen = advice_tables(zoo, False)
    blind, wrong_blind, record_blind = advice_tables(zoo, True)
    gates, failures = gate_rows(zoo)
    kinds = collections.Counter((result["kind"], result["split"]) for result in zoo.results)
    blocks = {
        "zoo": table(["half", "histories", "models for ranking", "damaged models"],
                     [[half, *(kinds[kind, half] for kind in ("history", "model", "damage"))] for half in HALVES],
                     "lr"),
        "advice": seen + "\nWrong:\n\n" + wrong_list(wrong_seen),
        "spectra": blind + "\nWrong:\n\n" + wrong_list(wrong_blind),
        "gates": table(["gate", "half", "false alarms", "misses"], [row[:4] for row in gates])
        + "\nFailures:\n\n" + grouped([(half, f"{gate}, {kind.split()[0]}", name + (" (borderline)" if "border" in kind
                                                                                  else ""))
                                     for gate, half, name, kind, _ in failures]),
        "warnings": warned.tables(warned.counted(zoo.results, zoo.wishart, zoo.archive)[0], HALVES),
        "ranking": ranking_table(zoo),
    }
    return blocks, record_header(record_seen, record_blind)


def replace_blocks(path, blocks):
    """Puts each block between its two marks in the page."""
    with open(path) as file:
        text = file.read()
    for name, block in blocks.items():
        begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->"
        if begin not in text or end not in text:
            raise Failed(f"{path}: has no place for {name}")
        head, rest = text.split(begin, 1)
        text = head + begin + block.strip() + "\n" + end + rest.split(end, 1)[1]
    with open(path, "w") as file:
        file.write(text)
