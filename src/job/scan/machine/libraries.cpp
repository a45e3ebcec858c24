#include "scan/machine/libraries.hpp"

#include <algorithm>
#include <array>
#include <dlfcn.h>
#include <filesystem>
#include <string_view>

#include "wishart/core/build_info.hpp"
#include "wishart/core/loaded_function.hpp"
#include "wishart/mpi/session.hpp"

namespace wishart::job {
namespace {

/// The file that has the loaded BLAS; empty if it is not known.
std::string blas_file() {
  Dl_info place{};
  void* symbol = ::dlsym(RTLD_DEFAULT, "dgemm_");
  if (symbol == nullptr || ::dladdr(symbol, &place) == 0 || place.dli_fname == nullptr) return {};
  std::error_code status;
  const std::filesystem::path file = std::filesystem::canonical(place.dli_fname, status);
  return status ? std::string(place.dli_fname) : file.string();
}

std::string lapack_text() {
  auto* version = loaded_function<void(int*, int*, int*)>("ilaver_");
  if (version == nullptr) return {};
  int major = 0;
  int minor = 0;
  int patch = 0;
  version(&major, &minor, &patch);
  return "LAPACK " + std::to_string(major) + "." + std::to_string(minor) + "." +
         std::to_string(patch);
}

}  // namespace

std::string blas_text() {
  if (auto* config = loaded_function<const char*()>("openblas_get_config")) return config();
  const std::string file = blas_file();
  return file.empty() ? file : "BLAS " + file;
}

bool is_reference_blas(const std::string& file) {
  // netlib's own name, and that of Fedora, for one library or two. Others are called so too, for
  // programs that ask for any BLAS, but lie in a folder with the name of the product.
  const std::filesystem::path path = file;
  const std::string name = path.filename().string();
  if (!name.starts_with("libblas.") && !name.starts_with("librefblas.")) return false;
  const std::string folder = path.parent_path().filename().string();
  constexpr std::array<std::string_view, 8> kProducts{"openblas",  "atlas", "blis",  "mkl",
                                                      "flexiblas", "aocl",  "armpl", "nvpl"};
  return std::none_of(kProducts.begin(), kProducts.end(),
                      [&](std::string_view product) { return folder.starts_with(product); });
}

std::string reference_blas() {
  for (const char* of_product :
       {"openblas_get_config", "bli_info_get_version_str", "mkl_get_version_string",
        "MKL_Get_Version_String", "ATL_buildinfo", "flexiblas_info", "armplversion"}) {
    if (::dlsym(RTLD_DEFAULT, of_product) != nullptr) return {};
  }
  const std::string file = blas_file();
  return is_reference_blas(file) ? file : std::string();
}

std::string old_kernels_text(std::string_view kernels, bool avx512) {
  // OpenBLAS's names of x86 processors without AVX2 (cpuid_x86.c), and what it calls unknown ones.
  constexpr std::array<std::string_view, 18> kOld{
      "Prescott",     "Generic",   "generic", "Core2",      "Nehalem",     "Katmai",
      "Northwood",    "Banias",    "Penryn",  "Dunnington", "Atom",        "Opteron",
      "Opteron_SSE3", "Barcelona", "Bobcat",  "Nano",       "Sandybridge", "Coppermine"};
  if (std::find(kOld.begin(), kOld.end(), kernels) == kOld.end()) return {};
  const std::string better = avx512 ? "SkylakeX" : "Haswell";
  return "this OpenBLAS does not know the processor and takes its kernels for '" +
         std::string(kernels) + "', which are several times slower than those for '" + better +
         "'. Set OPENBLAS_CORETYPE=" + better + ", or use a newer OpenBLAS";
}

std::string old_kernels_text() {
#if defined(__x86_64__)
  auto* name = loaded_function<const char*()>("openblas_get_corename");
  if (name == nullptr || !__builtin_cpu_supports("avx2")) return {};
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  return old_kernels_text(name(), avx512);
#else
  return {};
#endif
}

std::string libraries_text() {
  std::string text;
  for (const std::string& part : {mpi::library_name(), blas_text(), lapack_text()}) {
    if (!part.empty()) text += part + "; ";
  }
  return text + std::string(build_info().libraries);
}

}  // namespace wishart::job
