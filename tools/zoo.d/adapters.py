"""The gate of LoRA on the zoo's adapters and their bases, by `wishart check`: docs/evidence.md.

The gate looks at adapter and base together, so this takes the weights of a trained zoo; kept spectra do not
suffice.
"""
import collections
import json
import os

import evidence


def last_checkpoint(out, name, result):
    return os.path.join(out, name, f"checkpoint-{result['checkpoints'][-1]['step']}")


def judged(wishart, out, results, halves):
    """(result, whether the adapter passes, what was broken) for each adapter whose weights are there."""
    known = {result["name"]: result for result in results}
    for result in results:
        if result["kind"] != "history" or not result["settings"]["lora"] or result["split"] not in halves:
            continue
        base = result["settings"]["base"]
        done = evidence.run([wishart, "check", last_checkpoint(out, result["name"], result), "--base",
                             last_checkpoint(out, base, known[base]), "--format", "json"], good=(0, 1))
        rules = json.loads(done.stdout)["gate"]["rules"]
        yield result, done.returncode == 0, [rule["rule"] for rule in rules if not rule["passed"]]


def table(wishart, out, results, halves):
    """Markdown: counts for each half, and each adapter."""
    rows = list(judged(wishart, out, results, halves))
    counts = collections.Counter((result["split"], result["fate"] in evidence.HEALTHY, passes)
                                 for result, passes, _ in rows)
    text = evidence.table(
        ["half", "false alarms", "misses"],
        [[half, evidence.share_text(counts[half, True, False], counts[half, True, False] + counts[half, True, True]),
          evidence.share_text(counts[half, False, True], counts[half, False, True] + counts[half, False, False])]
         for half in halves])
    shown = sorted(rows, key=lambda row: (evidence.HALVES.index(row[0]["split"]), row[0]["fate"], row[0]["name"]))
    return text + "\n" + evidence.table(
        ["adapter", "half", "fate", "`check`", "broken rules"],
        [[f"`{result['configuration']}`", result["split"],
          f"`{result['fate']}`" + ("" if result["clear"] else " (borderline)"),
          "OK" if passes else "NOT OK", "; ".join(broken)] for result, passes, broken in shown])
