#include "scan/archived/fresh_index.hpp"

#include <cerrno>
#include <new>

#include "wishart/archive/index.hpp"
#include "wishart/core/disk.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"

namespace wishart::job {

std::vector<std::string> refreshed_index(const std::filesystem::path& folder) {
  std::vector<std::string> told;
  std::string failure;
  try {
    told = archive::update_index(folder, false).unreadable;
    for (std::string& text : told) text += ". The index has no numbers of it";
  } catch (const Error& error) {
    failure = error.what();
  } catch (const std::bad_alloc&) {
    failure = "the index: " + system_reason(ENOMEM);
  }
  if (!failure.empty()) {
    told.push_back(failure +
                   ". The checkpoints are archived; run `wishart index` to update the index");
  }
  return told;
}

}  // namespace wishart::job
