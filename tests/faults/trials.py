"""One trial: a command with a fault, what it left, and the next run; and what is wrong with them."""

import pathlib
import re
import shutil
import time

import scenes
from places import HARMLESS, KILLS, READING, TEXTS


def problems_of(scene, reference, place, afresh):
    """What is wrong after a trial, as lines; and how it ended."""
    scenario = reference.scenario
    scene.restore(scenario.before)
    log = scene.root / "fault.log"
    log.unlink(missing_ok=True)
    begin = time.monotonic()
    fault = fault_of(place, scene.tools.least_bytes)
    code, out, err = scene.run(scenario.words, scenario.ranks, fault, log, afresh)
    seconds = time.monotonic() - begin
    hit = [line for line in log.read_text().splitlines() if " fault " in line] if log.exists() else []
    problems = ending_problems(scene, reference, place, hit, code, out, err)
    problems += archive_problems(scene, reference, code, bool(re.search("^wishart: ", err, re.M)))
    aside = {p.name for p in (scene.now / "archive").glob("*.damaged*")} - {"checkpoint-100.h5.damaged"}
    if aside:
        problems.append(f"intact files were set aside: {sorted(aside)}")
    if scenario.words[0] in ("scan", "refit", "index", "verify", "merge") or scenario.product:
        problems += next_problems(scene, reference, afresh)
    head = hit[0] if hit else "nothing hit"
    story = f"\n    {head}\n    exit code {code} after {seconds:.1f} s: {err.strip()[-600:]}"
    return [text + story for text in problems], (code if hit else "unhit")


def fault_of(place, least_bytes):
    """The variables of faults.c."""
    fault = dict(KIND=place.kind, NTH=place.nth, ERROR=place.error, RANK=place.rank, BYTES=place.bytes or least_bytes)
    if place.onwards:
        fault["LAST"] = 1_000_000_000
    if place.name:
        fault["NAME"] = place.name
    return fault


def ending_problems(scene, reference, place, hit, code, out, err):
    """What is wrong with how the command ended: exit code, output, message."""
    kind, error = place.kind, place.error
    scenario = reference.scenario
    problems = []
    lines = err.splitlines()
    if code is None:
        problems.append("did not end in 30 s")
    elif error in KILLS:
        problems += scene.left_over()
    elif not hit and code not in scenario.codes:
        problems.append(f"exit code {code} without a fault")
    elif code in scenario.codes:
        told = any(line.startswith("wishart: ") for line in lines)
        if scenes.without_times(out) != reference.out and not (scenario.words[0] in ("scan", "verify") and told):
            problems.append("other output than undisturbed")
    elif code not in (3, 4):
        problems.append(f"exit code {code}")
    else:
        # HDF5 and the C++ library do not open again, and HDF5 takes an interrupted close for a failed one.
        if error in HARMLESS and kind not in ("open", "close"):
            problems.append(f"{error} was not harmless: exit code {code}")
        if code == 3 and (kind not in READING or error in ("ENOMEM", "EMFILE")):
            problems.append("exit code 3 for a lack of resources")
        last = [line for line in lines if line.startswith("wishart: ")]
        if not last:
            problems.append("no message")
        elif hit:
            path = pathlib.Path(hit[0].split(" ", 5)[5]).name
            text = err
            named = False
            # What Open MPI says of memory that it lacks within a call is MPI_ERR_OTHER, and no more.
            if kind.startswith("mpi") or kind in ("malloc", "mmap") and scenario.ranks:
                named = any("MPI" in line for line in last)
            if not named:
                named = TEXTS[error] in text or (path and path in text)
            if not named:
                problems.append("the message names neither the file nor the error")
    return problems


def next_problems(scene, reference, afresh):
    """What is wrong after the next run, undisturbed. What has gone on well once need not do so again."""
    state = (reference.name, scenes.content_of(scene.now))
    if not afresh and state in scene.went_on_well:
        return []
    code, _, err = next_run(scene, reference, afresh)
    if code != 0:
        return [f"the next run ends with {code}: {err.strip()}"]
    problems = archive_problems(scene, reference, 0, last=True)
    if not problems:
        scene.went_on_well.add(state)
    return problems


def next_run(scene, reference, afresh):
    scenario = reference.scenario
    if scenario.words[0] == "merge" and "--unpack" in scenario.words:
        shutil.rmtree(scene.now / "archive", ignore_errors=True)  # as the message says
    if scenario.words[0] == "merge":
        (scene.now / "packed.h5").unlink(missing_ok=True)
    # Results do not depend on the number of ranks, but for teams, and a copy of one rank costs a thirtieth of three
    # that start.
    ranks = scenario.ranks if afresh or "--team-size" in scenario.words else 0
    code, out, err = scene.run(scenario.words, ranks, afresh=afresh)
    if scenario.words[0] == "verify":  # what was set aside is to be computed again
        code, out, err = scene.run(["scan", "run", "--archive", scenes.ARCHIVE], afresh=afresh)
    return code, out, err


def archive_problems(scene, reference, code, told=False, last=False):
    """Whole files must have the numbers from before or after; at the end those from after."""
    problems = []
    scenario = reference.scenario
    after, before = reference.after, reference.before
    if scenario.words[0] == "verify":
        after = scene.kept / "both"
    done = last or code in scenario.codes
    folder = scene.now / "archive"
    expected = [after / "archive", before / "archive"]
    there = {p.name for p in folder.iterdir()} if folder.exists() else set()
    if scenario.before != "damaged":
        lost = {p.name for p in (before / "archive").glob("checkpoint-*.h5")} - there
        if lost:
            problems.append(f"lost: {sorted(lost)}")
    if folder.exists():
        found = scene.standing(folder, *expected)
        for name, (standing, number) in found.items():
            if name == "index" and told and not last and standing == "whole":
                continue  # it says what could not be read
            if number.startswith("failed ") and code not in scenario.codes and not last:
                number = number[len("failed "):]
            if standing == "whole" and number not in ("0", "1"):
                problems.append(f"{name}: whole, but with other numbers: {number}" + (" (next run)" if last else ""))
            if standing == "whole" and last and number != "0":
                problems.append(f"{name}: not as undisturbed, but as before")
            if standing != "whole" and (last or name != "checkpoint-100" or scenario.before != "damaged"):
                problems.append(f"{name}: {standing}" + (" (next run)" if last else ""))
        if last:
            wanted = {p.name for p in (after / "archive").iterdir()}
            if wanted - there:
                problems.append(f"missing after the next run: {sorted(wanted - there)}")
            allowed = re.compile(
                r"\..*\.tmp-[0-9]+-[0-9]+$|\.wishart-probe-[0-9]+$|.*\.damaged(-[0-9]+)?$|\..*\.lock\.now-[0-9.]+$")
            extra = [name for name in there - wanted if not allowed.fullmatch(name)]
            if extra:
                problems.append(f"left after the next run: {sorted(extra)}")
    if scenario.product and done and code == 0:
        file = scene.root / scenario.product
        if scenario.words[0] == "merge":
            found = scene.standing(file, after / "packed.h5")
            problems += [f"packed {n}: {s}" for n, s in found.items() if s != ("whole", "0")]
        elif not file.exists() or file.read_bytes() != (after / file.name).read_bytes():
            problems.append(f"{file.name}: not as undisturbed")
    return problems
