"""Runs of the program in a night in fast motion: started, watched, killed."""
import collections
import os
import pathlib
import random
import re
import signal
import subprocess
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]
# A run of a second that does not end in this time hangs, on a loaded machine too.
PATIENCE_SECONDS = 240
TEMPORARY = re.compile(r"\.(.+)\.tmp-(\d+)-\d+")
# Of a folder and of a lock: there for a moment, so a kill seldom leaves one.
PROBE = re.compile(r"\.wishart-probe-\d+|\.checkpoint-\d+\.lock\.now-.*")


class Finding(Exception):
    pass


def now():
    return time.monotonic()


class Outcome:
    def __init__(self, arguments, code, out, err, hung, alive):
        self.arguments, self.code, self.out, self.err = arguments, code, out, err
        self.hung = hung
        self.alive = alive  # ranks that still ran when it was found to hang

    def told(self):
        return f"wishart {' '.join(self.arguments)}: exit code {self.code}\n{self.out[-1500:]}{self.err[-1500:]}"


class Runs:
    """The folders of a night, its dice, what it counts, and how it runs the program."""

    def __init__(self, options):
        self.program = str(pathlib.Path(options.program).resolve())
        self.random = random.Random(options.seed)
        self.options = options
        self.folder = pathlib.Path(options.folder or tempfile.mkdtemp(prefix="wishart-night-")).resolve()
        for name in ("run", "out", "tmp", "shm", "sessions", "findings"):
            (self.folder / name).mkdir(parents=True)
        self.run_folder = self.folder / "run"
        self.archive = self.folder / "archive"
        self.reference = self.folder / "reference"
        self.out_folder = self.folder / "out"
        self.token = f"{os.getpid()}-{options.seed}"
        self.environment = dict(
            os.environ, WISHART_NIGHT=self.token, TMPDIR=str(self.folder / "tmp"), OPENBLAS_NUM_THREADS="1",
            OMPI_MCA_pml="ob1", OMPI_MCA_btl_vader_backing_directory=str(self.folder / "shm"))
        for variable in ("OMPI_MCA_ess_singleton_isolated", "OMPI_MCA_orte_create_session_dirs"):
            self.environment.pop(variable, None)
        self.alone = {"OMPI_MCA_ess_singleton_isolated": "1", "OMPI_MCA_orte_create_session_dirs": "0"}
        self.step_number = 0
        self.next_checkpoint = 1
        self.tensors = None  # of the last checkpoint
        self.killed_pids = set()
        self.mpi_was_killed = False
        self.counts = collections.Counter()
        self.memory = collections.defaultdict(list)  # command -> [(step, KiB)]
        self.scan_seconds = 1.5
        self.findings = []

    def start(self, arguments, ranks=0):
        command = [self.program, *arguments]
        environment = self.environment
        if ranks:
            command = [str(SOURCE / "tools/mpirun"), "-np", str(ranks), *command]
            # Of two mpiruns that share a session directory, one that ends fails another that begins.
            environment = dict(environment, OMPI_MCA_orte_tmpdir_base=tempfile.mkdtemp(dir=self.folder / "sessions"))
        else:
            environment = dict(environment, **self.alone)
        out = tempfile.TemporaryFile(dir=self.folder)
        err = tempfile.TemporaryFile(dir=self.folder)
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environment,
                                   start_new_session=True, cwd=self.out_folder)
        return process, out, err

    def finish(self, arguments, running, patience=PATIENCE_SECONDS):
        process, out, err = running
        limit = now() + patience
        hung, alive = False, []
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            if now() > limit and not hung:
                hung = True
                alive = [one for one in self.ours() if one in self.ranks_of(process.pid)]
                self.kill_all(process.pid)
                limit = now() + 10
            time.sleep(0.005)
        process.returncode = os.waitstatus_to_exitcode(status)
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode("utf-8", "replace"))
            stream.close()
        outcome = Outcome(arguments, process.returncode, *texts, hung, alive)
        if not hung:
            self.memory[arguments[0]].append((self.step_number, usage.ru_maxrss))
        return outcome

    def run(self, *arguments, ranks=0, expected=(0,)):
        outcome = self.finish(arguments, self.start(arguments, ranks))
        self.counts["runs"] += 1
        if outcome.hung:
            raise Finding(f"did not end within {PATIENCE_SECONDS} s: {outcome.told()}")
        if outcome.code not in expected:
            raise Finding(f"expected exit code {expected}: {outcome.told()}")
        return outcome

    def ours(self):
        """The processes that this night has started and that still run: {pid: command line}."""
        found = {}
        needle = b"WISHART_NIGHT=" + self.token.encode()
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            try:
                if needle in pathlib.Path("/proc", entry, "environ").read_bytes().split(b"\0"):
                    line = pathlib.Path("/proc", entry, "cmdline").read_bytes().replace(b"\0", b" ")
                    if line:  # a zombie has none
                        found[int(entry)] = line.decode("utf-8", "replace")
            except OSError:
                pass
        return found

    def ranks_of(self, pid):
        try:
            text = pathlib.Path("/proc", str(pid), "task", str(pid), "children").read_text()
        except OSError:
            return []
        return [int(word) for word in text.split()]

    def kill_all(self, pid):
        for one in [*self.ranks_of(pid), pid]:
            try:
                os.kill(one, signal.SIGKILL)
                self.killed_pids.add(one)
            except ProcessLookupError:
                pass

    def strike(self, arguments, ranks, moment):
        """Runs the command and sends a signal after `moment` seconds. Gives the outcome and the kind of the kill."""
        running = self.start(arguments, ranks)
        pid = running[0].pid
        kinds = ["KILL a rank", "KILL all", "KILL mpirun", "TERM", "USR1"] if ranks else ["KILL all", "TERM", "INT"]
        kind = self.random.choice(kinds)
        choice = self.random.random()
        time.sleep(moment)
        workers = self.ranks_of(pid) if ranks else []
        self.killed_pids.update([*workers, pid])
        try:
            if kind == "KILL a rank" and workers:
                os.kill(workers[int(choice * len(workers))], signal.SIGKILL)
            elif kind == "KILL all":
                self.kill_all(pid)
            elif kind == "KILL mpirun":
                os.kill(pid, signal.SIGKILL)
            elif kind in ("TERM", "USR1", "INT"):
                os.kill(pid, {"TERM": signal.SIGTERM, "USR1": signal.SIGUSR1, "INT": signal.SIGINT}[kind])
        except ProcessLookupError:
            pass
        outcome = self.finish(arguments, running)
        self.mpi_was_killed = ranks > 0
        self.counts["kills"] += 1
        self.counts[f"kill: {kind}"] += 1
        if outcome.hung and ranks and not outcome.alive:
            # Open MPI's mpirun may wait for ever for a rank that was killed in MPI_Init: docs/troubleshooting.md.
            self.counts["mpirun that hung without ranks"] += 1
        elif outcome.hung:
            raise Finding(f"{kind} after {moment:.3f} s: did not end within {PATIENCE_SECONDS} s, processes "
                          f"{outcome.alive} ran: {outcome.told()}")
        self.await_no_process(20)
        return outcome, kind

    def await_no_process(self, seconds):
        limit = now() + seconds
        while left := self.ours():
            if now() > limit:
                for pid in left:
                    os.kill(pid, signal.SIGKILL)
                raise Finding(f"processes are left after {seconds} s: {left}")
            time.sleep(0.02)
