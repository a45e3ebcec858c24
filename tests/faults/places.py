"""What fails, and how: the kinds of calls of faults.c, the errors of each, and the places that once went wrong."""

import collections

# The nth call of a kind on a rank, or all from it on (`onwards`); of those on paths that hold `name`, if it has any.
# Of allocations those of at least so many bytes (0: what --least-bytes says).
Place = collections.namedtuple("Place", "rank kind nth error onwards name bytes", defaults=[False, "", 0])

MOVING = ["EIO", "ESTALE", "EINTR", "short"]
ERRORS = {
    "open": ["EIO", "ENOSPC", "EDQUOT", "ENOMEM", "EINTR", "ESTALE", "EMFILE"],
    "read": MOVING + ["ENOMEM"],
    "pread": MOVING + ["ENOMEM"],
    "write": MOVING + ["ENOSPC", "EDQUOT", "ENOMEM"],
    "pwrite": MOVING + ["ENOSPC", "EDQUOT", "ENOMEM"],
    "fsync": ["EIO", "ENOSPC", "EDQUOT", "EINTR", "ESTALE"],
    "close": ["EIO", "ENOSPC", "EDQUOT", "EINTR"],
    "stat": ["EIO", "ENOMEM", "ESTALE"],
    "utime": ["EIO", "EROFS", "ESTALE"],
    "rename": ["EIO", "ENOSPC", "EDQUOT", "ENOMEM", "ESTALE", "EROFS"],
    "link": ["EIO", "ENOSPC", "EDQUOT", "ENOMEM", "ESTALE", "EROFS"],
    "unlink": ["EIO", "ENOMEM", "ESTALE", "EROFS"],
    "mkdir": ["EIO", "ENOSPC", "EDQUOT", "ENOMEM", "EROFS"],
    "truncate": ["EIO", "ENOSPC", "EINTR", "ESTALE"],
    "opendir": ["EIO", "ENOMEM", "ESTALE", "EMFILE"],
    "readdir": ["EIO", "ENOMEM", "ESTALE"],
    "mmap": ["ENOMEM"],
    "malloc": ["ENOMEM"],
    "mpi_send": ["EIO"],
    "mpi_recv": ["EIO"],
    "mpi_poll": ["EIO"],
    "mpi_all": ["EIO"],
    "mpi_comm": ["EIO"],
}
# (scenario, place), each of which once went wrong: see docs/reliability.md.
KNOWN = [
    ("scan", Place(0, "open", 2, "EIO", False, "config.json")),  # was left out, for good
    ("scan", Place(0, "stat", 1, "ESTALE", False, "trainer_state.json")),  # passed for not there
    ("scan", Place(0, "pread", 1, "ENOMEM", False, "trainer_state.json")),
    ("scan", Place(0, "open", 1, "EMFILE", False, "model.safetensors")),  # blamed on the file
    ("scan", Place(0, "stat", 1, "ENOMEM", False, "checkpoint-100.h5")),  # code 70
    ("scan", Place(0, "pread", 2, "EIO", False, "checkpoint-100.h5")),  # stayed in the index
    ("scan", Place(0, "fsync", 1, "EINTR", False, "")),  # was no failure
    ("scan", Place(0, "malloc", 1, "ENOMEM", True, "", 65536)),  # crashed in HDF5
    ("report", Place(0, "malloc", 1, "ENOMEM", True, "", 65536)),
    ("scan", Place(0, "mpi_send", 6, "EIO", False, "")),  # hung
    ("again", Place(0, "pread", 9, "EIO", True, "checkpoint-200.h5")),  # was computed again and replaced
    ("repair", Place(0, "pread", 17, "EIO", False, "checkpoint-200.h5")),  # an intact file was set aside
    ("merge", Place(0, "stat", 1, "EIO", False, "checkpoint-200.h5")),  # one checkpoint less, and success
    ("gate", Place(0, "pread", 1, "EIO", False, "rules.cfg")),  # blamed on the command line
    ("team", Place(0, "mmap", 4, "ENOMEM", False, "")),  # the others of the team waited for ever
    ("scan3", Place(0, "pwrite", 1, "kill", False, ".lock")),  # left a lock that nobody owns, for a minute
    ("scan3", Place(0, "pwrite", 4, "kill", False, ".journal")),  # the coordinator dies
]
KILLS = ["kill", "kill-parent", "kill-all"]
# Retried or continued, so the program must not show them.
HARMLESS = {"EINTR", "short"}
# What a file or folder that cannot be read is blamed on: its owner (3) or the system (4).
READING = {"open", "read", "pread", "close", "stat", "opendir", "readdir"}
TEXTS = {
    "EIO": "Input/output error",
    "EINTR": "Interrupted system call",
    "ENOSPC": "No space left on device",
    "EDQUOT": "Disk quota exceeded",
    "ENOMEM": "emory",
    "EMFILE": "Too many open files",
    "ESTALE": "Stale file handle",
    "EROFS": "Read-only file system",
}
