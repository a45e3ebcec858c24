/// @file
/// What is told about the machine and the libraries of a run.

#include <set>
#include <string>

#include <catch2/catch.hpp>

#include "wishart/core/build_info.hpp"
#include "wishart/core/text.hpp"
#include "wishart/mpi/session.hpp"

#include "scan/machine/libraries.hpp"
#include "scan/machine/machine.hpp"

using namespace wishart;
using namespace wishart::job;

TEST_CASE("a layout is told with ranks, hosts and threads", "[machine]") {
  Layout layout;
  CHECK(layout_text(layout) == "1 rank on 1 host");  // a BLAS that does not tell its threads
  layout.threads = 1;
  CHECK(layout_text(layout) == "1 rank on 1 host, 1 thread each");
  layout.ranks = 4;
  layout.hosts = 2;
  CHECK(layout_text(layout) == "4 ranks on 2 hosts, 1 thread each");
  layout.threads = 8;
  CHECK(layout_text(layout) == "4 ranks on 2 hosts, 8 threads each");
}

TEST_CASE("every library is told with a name and a version", "[machine]") {
  const std::string text = libraries_text();
  CAPTURE(text);
  CHECK(text.starts_with(mpi::library_name() + "; "));
  CHECK(text.ends_with("; " + std::string(build_info().libraries)));
  CHECK(text.find("MPI") != std::string::npos);
  // BLAS and LAPACK are loaded by the program, but not by this test: tests/cli asks for them.
  for (const char* name : {"ScaLAPACK ", "HDF5 ", "Boost "}) {
    CHECK(text.find(name) != std::string::npos);
  }
  std::size_t parts = 0;
  for (const std::string& part : split(text, ';')) {
    CAPTURE(part);
    CHECK(part.find_first_of("0123456789") != std::string::npos);
    CHECK(part.find_last_not_of(' ') == part.size() - 1);
    ++parts;
  }
  CHECK(parts >= 4);
}

TEST_CASE("the name of an MPI library is one line without its build", "[machine]") {
  const std::string name = mpi::library_name();
  CHECK(name.find_first_of(",\n") == std::string::npos);
  if (name.starts_with("Open MPI")) CHECK(name.find_first_of("0123456789") == 9);
}

TEST_CASE("MPI libraries are called by name and version", "[machine]") {
  CHECK(mpi::library_name("Open MPI v4.1.4, package: Debian OpenMPI, ident: 4.1.4") ==
        "Open MPI 4.1.4");
  CHECK(mpi::library_name("MPICH Version:\t4.0.2\nMPICH Release date:\tThu Apr 7") ==
        "MPICH 4.0.2");
  CHECK(mpi::library_name("MPICH Version:      4.3.0\n") == "MPICH 4.3.0");
  CHECK(mpi::library_name("Intel(R) MPI Library 2021.9 for Linux* OS\n") ==
        "Intel(R) MPI Library 2021.9 for Linux* OS");
}

TEST_CASE("the versions of MPICH that add wrongly over nodes are known", "[machine]") {
  for (const char* wrong :
       {"MPICH 3.4", "MPICH 3.4.3", "MPICH 4.0.2", "MPICH 4.1", "MPICH 4.1rc2", "MPICH 4.1.2"}) {
    CAPTURE(wrong);
    CHECK(mpi::reduces_wrongly(wrong));
  }
  for (const char* right : {"MPICH 3.3.2", "MPICH 4.1.3", "MPICH 4.2.0", "MPICH 5.0.1", "MPICH ",
                            "MPICH", "Open MPI 4.0.2", "Intel(R) MPI Library 2021.9"}) {
    CAPTURE(right);
    CHECK_FALSE(mpi::reduces_wrongly(right));
  }
}

TEST_CASE("a process knows by its environment whether a launcher started it", "[machine]") {
  const auto launched = [](const std::set<std::string>& environment) {
    return mpi::is_launched([&](const char* name) { return environment.contains(name); });
  };
  CHECK_FALSE(launched({}));
  CHECK_FALSE(launched({"SLURM_JOB_ID", "OMPI_MCA_pml", "PATH"}));  // as in a shell of salloc
  CHECK(launched({"PMIX_RANK"}));
  CHECK(launched({"PATH", "SLURM_PROCID"}));
}

TEST_CASE("kernels for much older processors are told", "[machine]") {
  CHECK(old_kernels_text("Prescott", true) ==
        "this OpenBLAS does not know the processor and takes its kernels for 'Prescott', which are "
        "several times slower than those for 'SkylakeX'. Set OPENBLAS_CORETYPE=SkylakeX, or use a "
        "newer OpenBLAS");
  CHECK(old_kernels_text("Nehalem", false).find("OPENBLAS_CORETYPE=Haswell") != std::string::npos);
  for (const char* good : {"Haswell", "SkylakeX", "Cooperlake", "SapphireRapids", "Zen", ""}) {
    CHECK(old_kernels_text(good, true).empty());
  }
}

TEST_CASE("the reference BLAS is known by its file, not by the name that others have too",
          "[machine]") {
  CHECK(is_reference_blas("/usr/lib/x86_64-linux-gnu/blas/libblas.so.3.11.0"));
  CHECK(is_reference_blas("/usr/lib64/libblas.so.3"));
  CHECK(is_reference_blas("/opt/netlib/lib/librefblas.so"));
  for (const char* other :
       {"/usr/lib/x86_64-linux-gnu/openblas-pthread/libblas.so.3",
        "/usr/lib/x86_64-linux-gnu/blis-openmp/libblas.so.3",
        "/usr/lib/x86_64-linux-gnu/atlas/libblas.so.3", "/opt/intel/mkl/libmkl_rt.so.2",
        "/usr/lib64/libflexiblas.so.3", "/opt/cray/libsci.so", "/usr/bin/wishart", ""}) {
    CAPTURE(other);
    CHECK_FALSE(is_reference_blas(other));
  }
}
