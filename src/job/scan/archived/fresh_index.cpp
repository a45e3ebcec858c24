#include "scan/archived/fresh_index.hpp"

#include <cerrno>
#include <new>

#include "wishart/archive/index.hpp"
#include "wishart/core/disk.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"

namespace wishart::job {

FreshIndex refreshed_index(const std::filesystem::path& folder) {
  FreshIndex index;
  try {
    index.unreadable = archive::update_index(folder, false).unreadable;
    for (std::string& text : index.unreadable) text += ". The index has no numbers of it";
  } catch (const Error& error) {
    index.failure = error.what();
  } catch (const std::bad_alloc&) {
    index.failure = "the index: " + system_reason(ENOMEM);
  }
  if (!index.failure.empty()) {
    index.failure += ". The checkpoints are archived; run `wishart index` to update the index";
  }
  return index;
}

}  // namespace wishart::job
