# What the tests of slurm/ that need no Slurm have in common: source it with the path of the program. Exits with 77 if
# the shared fixtures (WISHART_SHARED, else ../shared) are not there.
set -euo pipefail
program=$(readlink -f "$1")
cd "$(dirname "$0")/../.."
shared=${WISHART_SHARED:-$PWD/../shared}
if [ ! -d "$shared/fixtures/history" ]; then
    echo "skipped: no shared fixtures in $shared (WISHART_SHARED)"
    exit 77
fi
shared=$(readlink -f "$shared")
work=$(mktemp -d /tmp/wishart-scripts-XXXXXX)
trap 'rm -rf "$work"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_pml=ob1
export OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_hwloc_base_binding_policy=none OMPI_MCA_rmaps_base_oversubscribe=1
export OMPI_MCA_btl_vader_single_copy_mechanism=none    # as tools/mpirun
unset WISHART WISHART_LAUNCHER "${!SLURM_@}" "${!SBATCH_@}"

failed() { echo "FAILED: $*"; exit 1; }
# gives CODE OUT ERR COMMAND...: compares exit code, standard output and standard error, as patterns.
gives() {
    local expected=$1 out=$2 err=$3 code=0
    shift 3
    "$@" >"$work/out" 2>"$work/err" || code=$?
    # shellcheck disable=SC2053    # patterns
    if [ "$code" != "$expected" ] || [[ $(cat "$work/out") != $out ]] || [[ $(cat "$work/err") != $err ]]; then
        echo "FAILED: $*"
        echo "expected exit code $expected, '$out' and '$err', found $code and:"
        cat "$work/out" "$work/err"
        exit 1
    fi
}

# Writes a checkpoint of two compressed arrays: FOLDER SEED, and a third word if the second array is damaged.
make_npz() {
    /usr/bin/python3 - "$@" <<'PY'
import os, random, struct, sys, zipfile, zlib
folder, seed, damaged = sys.argv[1], int(sys.argv[2]), len(sys.argv) > 3
os.makedirs(folder, exist_ok=True)
numbers = random.Random(seed)
head = "{'descr': '<f4', 'fortran_order': False, 'shape': (48, 32), }".ljust(117) + "\n"
path = os.path.join(folder, "model.npz")
with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
    for name in ("layers.0.weight", "layers.1.weight"):
        values = [round(numbers.gauss(0, 1), 2) for _ in range(48 * 32)]
        archive.writestr(name + ".npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode()
                         + struct.pack("<1536f", *values))
    second = archive.infolist()[1]
with open(path, "r+b") as file:
    begin = second.header_offset + 30 + len(second.filename)
    file.seek(begin)
    whole = file.read(second.compress_size)
    while damaged:
        some = numbers.randbytes(60)
        middle = len(whole) // 2
        spoilt = whole[:middle] + some + whole[middle + 60:]
        try:
            if len(zlib.decompress(spoilt, -15)) == second.file_size:
                continue    # other numbers
        except zlib.error:
            pass
        file.seek(begin)
        file.write(spoilt)
        break
PY
}

# Runs the tests in this order.
run_tests() {
    local test before
    for test in "$@"; do
        before=$SECONDS
        "$test"
        echo "passed: $test ($((SECONDS - before)) s)"
    done
}
