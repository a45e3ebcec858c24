#include "commands/whole_models.hpp"

#include "wishart/analysis/analysed.hpp"

namespace wishart::job {

std::vector<std::string> whole_models(const archive::Reader& archive) {
  std::vector<analysis::Analysed> all;
  for (const std::string& id : archive.ids()) {
    all.push_back(analysis::analysed(archive.provenance(id)));
    all.back().checkpoint = id;
  }
  (void)analysis::take_apart(all, [](const analysis::Analysed& one) { return one; });
  std::vector<std::string> ids;
  for (analysis::Analysed& one : all) ids.push_back(std::move(one.checkpoint));
  return ids;
}

std::string only_whole(const archive::Reader& archive) {
  if (archive.ids().size() < 2) return {};
  const std::vector<std::string> ids = whole_models(archive);
  return ids.size() == 1 ? ids.front() : std::string();
}

}  // namespace wishart::job
