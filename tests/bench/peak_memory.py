"""Runs a command and leaves its peak resident memory, MiB, in a file of FOLDER named after the process.

    mpirun -np 2 python3 peak_memory.py FOLDER COMMAND...

Of each rank, without a line in the command's own output. Ends with the command's exit code.
"""

import os
import pathlib
import resource
import subprocess
import sys

code = subprocess.call(sys.argv[2:])
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
pathlib.Path(sys.argv[1], str(os.getpid())).write_text(f"{peak}\n")
sys.exit(code)
