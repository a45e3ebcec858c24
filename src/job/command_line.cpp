#include "wishart/job/command_line.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <exception>
#include <functional>
#include <ostream>
#include <vector>

#include "wishart/core/build_info.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"
#include "wishart/job/commands.hpp"
#include "wishart/mpi/session.hpp"
#include "wishart/mpi/together.hpp"

#include "stop_signal.hpp"

namespace wishart::job {
namespace {

/// How long a rank waits for the others at the end before it takes the job down.
constexpr std::chrono::milliseconds kExitPatience{10'000};

void print_error(std::ostream& err, const std::exception& error) {
  err << "wishart: " << describe(error) << '\n' << std::flush;
}

/// Runs a command that needs no MPI.
int run_alone(const std::function<std::string()>& command, std::ostream& out, std::ostream& err) {
  try {
    out << command() << std::flush;
    if (out.good()) return 0;
    err << "wishart: standard output cannot be written\n";
    return static_cast<int>(Blame::resource);
  } catch (const std::exception& error) {
    print_error(err, error);
    return static_cast<int>(blame_of(error));
  }
}

/// Waits for the other ranks; if one does not come, says who waits and ends the whole job.
void leave_together(const mpi::Comm& exit_comm, int code, std::ostream& err) {
  if (mpi::all_arrive(exit_comm, kExitPatience)) return;
  err << "wishart: rank " << exit_comm.rank()
      << " waited in vain for the others at the end; the job is ended\n"
      << std::flush;
  MPI_Abort(MPI_COMM_WORLD, code == 0 ? static_cast<int>(Blame::bug) : code);
}

int run_scan_command(std::span<const std::string> arguments, std::ostream& out, std::ostream& err) {
  const StopSignal signals;  // before MPI starts its threads, so that they inherit the mask
  try {
    const mpi::Session session;
    const mpi::Comm world = mpi::Comm::world();
    const mpi::Comm exit_comm = world.duplicate();
    int code = 0;
    try {
      ScanOptions options;
      // Every rank parses the same words; agreeing makes one message of it.
      mpi::together(world, [&] { options = parse_scan(arguments); });
      code = run_scan(options, world, out, err);
    } catch (const mpi::AgreedError& error) {
      if (world.rank() == 0) print_error(err, error);
      code = static_cast<int>(error.blame());
    } catch (const std::exception& error) {
      // Not agreed on: the other ranks may be waiting for this one.
      err << "wishart: rank " << world.rank() << ": " << describe(error) << '\n' << std::flush;
      code = static_cast<int>(blame_of(error));
    }
    leave_together(exit_comm, code, err);
    return code;
  } catch (const std::exception& error) {
    print_error(err, error);
    return static_cast<int>(blame_of(error));
  }
}

std::string version_text() {
  const BuildInfo& info = build_info();
  return "wishart " + std::string(info.version) + " (" + std::string(info.commit) + ")\n" +
         std::string(info.compiler) + ", " + std::string(info.flags) + "\n" +
         std::string(info.libraries) + "\n";
}

}  // namespace

int run_command_line(std::span<const std::string> arguments, std::ostream& out, std::ostream& err) {
  if (arguments.empty()) {
    err << help_text("");
    return static_cast<int>(Blame::usage);
  }
  const std::string& name = arguments.front();
  const std::span<const std::string> rest = arguments.subspan(1);
  if (name == "--help" || name == "-h" || name == "help") {
    out << help_text("");
    return 0;
  }
  if (name == "--version") {
    out << version_text();
    return 0;
  }
  if (!help_text(name).empty() && std::find(rest.begin(), rest.end(), "--help") != rest.end()) {
    out << help_text(name);
    return 0;
  }
  if (!help_text(name).empty() && std::find(rest.begin(), rest.end(), "--version") != rest.end()) {
    out << version_text();
    return 0;
  }
  if (name == "scan") return run_scan_command(rest, out, err);
  if (name == "inspect")
    return run_alone([&] { return inspect_text(parse_inspect(rest)); }, out, err);
  if (name == "refit") return run_alone([&] { return refit_archive(parse_refit(rest)); }, out, err);
  if (name == "report") return run_alone([&] { return report_text(parse_report(rest)); }, out, err);
  if (name == "export")
    return run_alone([&] { return export_bytes(parse_export(rest)); }, out, err);
  const std::vector<std::string> names{"scan", "inspect", "refit", "report", "export"};
  const std::string near = nearest(name, names);
  err << "wishart: unknown command '" << printable(name) << '\''
      << (near.empty() ? "" : ". Did you mean '" + near + "'?") << " See wishart --help\n";
  return static_cast<int>(Blame::usage);
}

}  // namespace wishart::job
