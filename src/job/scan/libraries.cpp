#include "scan/libraries.hpp"

#include <dlfcn.h>
#include <filesystem>

#include "wishart/core/build_info.hpp"
#include "wishart/mpi/session.hpp"

namespace wishart::job {
namespace {

/// The function `name` of a loaded library; null if there is none, because libraries differ.
template <class Function>
Function* loaded(const char* name) noexcept {
  return reinterpret_cast<Function*>(::dlsym(RTLD_DEFAULT, name));
}

/// `OpenBLAS 0.3.21 ... Haswell MAX_THREADS=64`, or the file of another BLAS.
std::string blas_text() {
  if (auto* config = loaded<const char*()>("openblas_get_config")) return config();
  Dl_info place{};
  void* symbol = ::dlsym(RTLD_DEFAULT, "dgemm_");
  if (symbol == nullptr || ::dladdr(symbol, &place) == 0 || place.dli_fname == nullptr) return {};
  std::error_code status;
  const std::filesystem::path file = std::filesystem::canonical(place.dli_fname, status);
  return "BLAS " + (status ? std::string(place.dli_fname) : file.string());
}

std::string lapack_text() {
  auto* version = loaded<void(int*, int*, int*)>("ilaver_");
  if (version == nullptr) return {};
  int major = 0;
  int minor = 0;
  int patch = 0;
  version(&major, &minor, &patch);
  return "LAPACK " + std::to_string(major) + "." + std::to_string(minor) + "." +
         std::to_string(patch);
}

}  // namespace

std::string libraries_text() {
  std::string text;
  for (const std::string& part : {mpi::library_name(), blas_text(), lapack_text()}) {
    if (!part.empty()) text += part + "; ";
  }
  return text + std::string(build_info().libraries);
}

}  // namespace wishart::job
