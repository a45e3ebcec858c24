# Spack recipe of wishart, for a checkout or an unpacked archive of the sources:
#
#   spack repo add CHECKOUT/tools/packaging/spack
#   spack dev-build --source-path CHECKOUT wishart@main
#   spack dev-build --source-path CHECKOUT wishart@main ~elpa ^mpich ^netlib-scalapack
import os
import re

from spack.package import *

try:
    from spack_repo.builtin.build_systems.cmake import CMakePackage, generator
except ImportError:
    pass  # before Spack 1.0 they are in spack.package


class Wishart(CMakePackage):
    """Spectra of the weight matrices of large language models: how well each layer is trained, from the
    weights alone."""

    version("main")  # the sources are those of `dev-build`

    variant("elpa", default=True, description="Use ELPA for eigenvalues shared by many ranks")
    variant("tests", default=False, description="Build the tests")

    depends_on("c", type="build")
    depends_on("cxx", type="build")
    depends_on("cmake@3.25:", type="build")
    depends_on("ninja", type="build")
    depends_on("mpi@3.1:")
    depends_on("blas")
    depends_on("lapack")
    depends_on("scalapack")
    depends_on("hdf5@1.10.7:")  # serial or of the same MPI
    depends_on("boost@1.74: +program_options")
    depends_on("xxhash")
    depends_on("zlib-api")
    depends_on("elpa ~openmp", when="+elpa")
    depends_on("catch2@2.13:", when="+tests", type="build")
    depends_on("python", when="+tests", type="test")

    generator("ninja")

    def cmake_args(self):
        spec = self.spec
        args = [
            self.define_from_variant("WISHART_BUILD_TESTS", "tests"),
            self.define("ScaLAPACK_LIBRARIES", list(spec["scalapack"].libs)),
            self.define("LAPACK_LIBRARIES", list(spec["lapack"].libs + spec["blas"].libs)),
            self.define("BLAS_LIBRARIES", list(spec["blas"].libs)),
            self.define("HDF5_ROOT", spec["hdf5"].prefix),
            self.define("MPI_CXX_COMPILER", spec["mpi"].mpicxx),
        ]
        if spec.satisfies("+elpa"):
            folder = spec["elpa"].prefix.include
            inner = [name for name in os.listdir(folder) if re.match(r"elpa(-|$)", name)]
            args.append(self.define("ELPA_INCLUDE_DIR", os.path.join(folder, inner[0])))
        else:
            args.append(self.define("CMAKE_DISABLE_FIND_PACKAGE_ELPA", True))
        return args

    @run_after("install")
    @on_package_attributes(run_tests=True)
    def scans(self):
        program = Executable(self.prefix.bin.wishart)
        with working_dir(self.build_directory):
            program("synth", "tiny-llama", "--blocks", "1", "--out", "spack-model")
            program("scan", "spack-model", "--archive", "spack-archive", "--progress", "none")
            program("verify", "spack-archive")
