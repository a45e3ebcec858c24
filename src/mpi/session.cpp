#include "wishart/mpi/session.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <system_error>
#include <vector>

#include <mpi.h>

#include "wishart/core/error.hpp"
#include "wishart/core/words.hpp"
#include "wishart/mpi/comm.hpp"

namespace wishart::mpi {

namespace {

/// Takes a number and a point behind it from the front; 0 if there is none.
int take_number(std::string_view& text) {
  int number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  if (text.starts_with('.')) text.remove_prefix(1);
  return failure == std::errc() ? number : 0;
}

/// Before any thread, and before MPI reads it.
void set_unless_set(const char* name, const char* value) {
  ::setenv(name, value, 0);  // NOLINT(concurrency-mt-unsafe)
}

bool is_set(const char* name) {
  return std::getenv(name) != nullptr;  // NOLINT(concurrency-mt-unsafe)
}

/// Variables that are set while this lives, unless they were before: MPI reads them as it begins,
/// and programs that this one starts must not.
class SetForNow {
public:
  void set(const char* name, const char* value) {
    if (is_set(name)) return;
    set_unless_set(name, value);
    names_.push_back(name);
  }
  SetForNow() = default;
  ~SetForNow() {
    for (const char* name : names_) ::unsetenv(name);  // NOLINT(concurrency-mt-unsafe)
  }
  SetForNow(const SetForNow&) = delete;
  SetForNow& operator=(const SetForNow&) = delete;

private:
  std::vector<const char*> names_;
};

}  // namespace

std::string library_name(std::string_view said) {
  // `Open MPI v4.1.4, package: Debian ..., ident: ...`; other libraries add lines about the build.
  std::string name(said.substr(0, said.find_first_of(",\n")));
  constexpr std::string_view kMpich = "MPICH Version:";  // then a tab or blanks
  if (name.starts_with(kMpich)) {
    const std::size_t version = name.find_first_not_of(" \t", kMpich.size());
    return "MPICH " + name.substr(std::min(version, name.size()));
  }
  const std::size_t v = name.find(" v");
  if (v != std::string::npos && v + 2 < name.size() && is_digit(name[v + 2])) name.erase(v + 1, 1);
  return name;
}

std::string library_name() {
  std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> text{};
  int length = 0;
  check(MPI_Get_library_version(text.data(), &length), "MPI_Get_library_version");
  return library_name(std::string_view(text.data()));
}

bool reduces_wrongly(std::string_view name) {
  constexpr std::string_view kMpich = "MPICH ";
  if (!name.starts_with(kMpich)) return false;
  name.remove_prefix(kMpich.size());
  const int major = take_number(name);
  const int minor = take_number(name);
  const std::array<int, 3> version{major, minor, take_number(name)};
  // pmodels/mpich, issues 6540 and 6893: from the release with these collectives to the one before
  // the backport of both repairs. Older ones do not understand the value of the variable.
  return version >= std::array{3, 4, 0} && version < std::array{4, 1, 3};
}

bool is_launched(const std::function<bool(const char*)>& is_set) {
  // PMIx and PMI; Slurm, Flux, PALS, ALPS and JSM, which have steps without either.
  constexpr std::array kOfLaunchers{"PMIX_NAMESPACE", "PMIX_RANK",         "PMI_RANK",
                                    "PMI_FD",         "PMI_PORT",          "OMPI_COMM_WORLD_RANK",
                                    "SLURM_PROCID",   "FLUX_TASK_RANK",    "PALS_RANKID",
                                    "ALPS_APP_PE",    "JSM_NAMESPACE_RANK"};
  return std::any_of(kOfLaunchers.begin(), kOfLaunchers.end(), is_set);
}

Session::Session() {
  set_unless_set("OMPI_MCA_mpi_yield_when_idle", "1");
  SetForNow alone;
  if (!is_launched(is_set)) {
    alone.set("OMPI_MCA_ess_singleton_isolated", "1");
    // Without the daemon, all lone processes share one, and the first that ends removes it.
    alone.set("OMPI_MCA_orte_create_session_dirs", "0");
    alone.set("OMPI_MCA_pml", "ob1");
    alone.set("OMPI_MCA_btl", "self");
  }
  if (reduces_wrongly(library_name())) set_unless_set("MPIR_CVAR_DEVICE_COLLECTIVES", "none");
  int provided = 0;
  check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_MULTIPLE, &provided), "MPI_Init_thread");
  // MPI's default is to abort. With this handler it returns codes, which become errors.
  check(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  check(MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  if (provided < MPI_THREAD_MULTIPLE) {
    MPI_Finalize();
    throw Error(
        Blame::resource,
        "this MPI library does not support MPI_THREAD_MULTIPLE, which the coordinator on rank "
        "0 needs. Use Open MPI 4 or newer");
  }
}

Session::~Session() { MPI_Finalize(); }

}  // namespace wishart::mpi
