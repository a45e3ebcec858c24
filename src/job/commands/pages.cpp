#include "commands/pages.hpp"

#include <cstdint>
#include <span>
#include <system_error>

#include "wishart/core/disk.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/whole_file.hpp"

#include "options/completion.hpp"
#include "options/manual.hpp"

namespace wishart::job {
namespace {

void write_page(const std::filesystem::path& path, const std::string& text) {
  std::error_code status;
  std::filesystem::create_directories(path.parent_path(), status);
  if (status) {
    throw Error(Blame::resource,
                shown(path.parent_path()) + ": the folder cannot be created: " + status.message());
  }
  WholeFile file(path);
  file.write(std::as_bytes(std::span(text)));
  file.finish(WholeFile::Flush::later);
}

}  // namespace

std::string write_pages(const std::filesystem::path& folder) {
  std::int64_t pages = 1;
  write_page(folder / "man/man1/wishart.1", manual_page(""));
  for (const Command& command : all_commands()) {
    write_page(folder / "man/man1" / ("wishart-" + command.name + ".1"), manual_page(command.name));
    ++pages;
  }
  write_page(folder / "bash-completion/completions/wishart", bash_completion());
  write_page(folder / "zsh/site-functions/_wishart", zsh_completion());
  return std::to_string(pages) + " manual pages, and completion for bash and zsh, are in " +
         shown(folder) + '\n';
}

}  // namespace wishart::job
