# Run at build time (cmake -P): writes builtin_script.cpp with slurm/scan.sbatch, so that the scripts which
# `wishart plan --sbatch` writes and that one cannot differ in what they do.
file(READ "${SOURCE_DIR}/slurm/scan.sbatch" script)
set(SCAN_SCRIPT "R\"script(${script})script\"")
configure_file("${SOURCE_DIR}/src/job/commands/builtin_script.cpp.in" "${OUTPUT}" @ONLY)
