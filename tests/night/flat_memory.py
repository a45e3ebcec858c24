#!/usr/bin/env python3
"""The memory of a scan of a long history: resident memory, descriptors and threads of each rank, while it runs.

    tests/night/flat_memory.py PROGRAM                          by hand: 1000 checkpoints on 2 ranks
    tests/night/flat_memory.py PROGRAM --checkpoints 160 --most 8     the short form that CTest runs

Prints a row for each tenth of the history. The exit code is 1 if the least that a rank holds in the last two fifths is
more than in the two before by over --most KiB a checkpoint, or if it has more descriptors or threads; 77 if it was too
fast to be looked at.
"""
import argparse
import array
import json
import os
import pathlib
import random
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]
ROWS = 10
FEWEST = 4  # samples of a part
SKIPPED = 77


def write_history(folder, checkpoints, layers, side):
    """Checkpoints whose tensors all differ: the numbers of one pool, from another place each."""
    chosen = random.Random(1)
    pool = array.array("f", (chosen.gauss(0, 0.05) for _ in range(200_000)))
    size = side * side
    header = {}
    for i in range(layers):
        header[f"model.layers.{i}.mlp.up_proj.weight"] = {
            "dtype": "F32", "shape": [side, side], "data_offsets": [4 * size * i, 4 * size * (i + 1)]}
    text = json.dumps(header).encode()
    for number in range(1, checkpoints + 1):
        checkpoint = folder / f"checkpoint-{number}"
        checkpoint.mkdir(parents=True)
        data = b""
        for _ in range(layers):
            begin = chosen.randrange(len(pool) - size)
            data += pool[begin:begin + size].tobytes()
        (checkpoint / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
        state = {"global_step": number, "log_history": [{"step": number, "loss": 3.0}]}
        (checkpoint / "trainer_state.json").write_text(json.dumps(state))


def ranks_of(pid):
    try:
        text = pathlib.Path("/proc", str(pid), "task", str(pid), "children").read_text()
    except OSError:
        return []
    return [int(word) for word in text.split()]


def sample(pid):
    """(resident KiB, descriptors, threads) of a process, or None if it is gone."""
    try:
        fields = dict(line.split(":", 1) for line in pathlib.Path("/proc", str(pid), "status").read_text().splitlines())
        return int(fields["VmRSS"].split()[0]), len(os.listdir(f"/proc/{pid}/fd")), int(fields["Threads"])
    except (OSError, KeyError):
        return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--checkpoints", type=int, default=1000)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--side", type=int, default=48)
    parser.add_argument("--most", type=float, default=1.0, help="KiB a checkpoint")
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="wishart-memory-"))
    program = str(pathlib.Path(options.program).resolve())
    environment = dict(os.environ, OPENBLAS_NUM_THREADS="1", TMPDIR=str(folder))
    environment.pop("OMPI_MCA_ess_singleton_isolated", None)
    archive = folder / "archive"
    try:
        write_history(folder / "run", options.checkpoints, options.layers, options.side)
        process = subprocess.Popen(
            [str(SOURCE / "tools/mpirun"), "-np", str(options.ranks), program, "scan", str(folder / "run"),
             "--archive", str(archive), "--progress", "none"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment, text=True)
        samples = []  # (archives done, rank, KiB, descriptors, threads)
        while process.poll() is None:
            done = sum(name.endswith(".h5") for name in os.listdir(archive)) if archive.exists() else 0
            for rank, pid in enumerate(ranks_of(process.pid)):
                if (found := sample(pid)) and done > 0:
                    samples.append((done, rank, *found))
            time.sleep(0.02 if options.checkpoints < 200 else 0.2)
        errors = process.stderr.read()
        if process.returncode != 0:
            print(f"the scan ended with exit code {process.returncode}: {errors}")
            return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return judge(samples, options)


def judge(samples, options):
    failed = False
    for rank in range(options.ranks):
        print(f"rank {rank}: checkpoints  resident KiB  descriptors  threads (medians)")
        mine = [s for s in samples if s[1] == rank and s[0] < options.checkpoints]

        def between(low, high):
            """Of the samples taken when more than this share of the checkpoints was done, and at most that."""
            return [s[2:] for s in mine if low * options.checkpoints < s[0] <= high * options.checkpoints]

        for row in range(ROWS):
            if part := between(row / ROWS, (row + 1) / ROWS):
                kib, descriptors, threads = (statistics.median(column) for column in zip(*part))
                low, high = options.checkpoints * row // ROWS, options.checkpoints * (row + 1) // ROWS
                print(f"        {low + 1:5d}-{high:<5d} {kib:12.0f} {descriptors:12.0f} {threads:8.0f}")
        # The least of each part: what is open or allocated only for a moment is no growth, and a short scan has few
        # samples without it.
        first, last = between(0.2, 0.6), between(0.6, 1)
        if len(first) < FEWEST or len(last) < FEWEST:
            print(f"rank {rank}: skipped: the scan was too fast to be looked at")
            return SKIPPED
        before, after = ([min(column) for column in zip(*part)] for part in (first, last))
        growth = (after[0] - before[0]) / (options.checkpoints * 0.4)
        print(f"rank {rank}: {growth:+.3f} KiB a checkpoint")
        if growth > options.most or after[1] > before[1] or after[2] > before[2]:
            print(f"rank {rank}: grows: at most {options.most} KiB a checkpoint were expected, and no more "
                  f"descriptors or threads")
            failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
