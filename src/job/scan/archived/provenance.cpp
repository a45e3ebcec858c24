#include "scan/archived/provenance.hpp"

#include "wishart/core/build_info.hpp"
#include "wishart/fit/metrics.hpp"
#include "wishart/record/mode.hpp"

#include "scan/archived/checkpoint_id.hpp"
#include "scan/machine/libraries.hpp"

namespace wishart::job {

Provenance started_provenance(const std::filesystem::path& path,
                              const checkpoint::Catalogue& catalogue, const ScanOptions& options) {
  const std::filesystem::path& base =
      options.selection.base.empty() ? options.selection.with_base : options.selection.base;
  Provenance provenance;
  provenance.checkpoint_id = checkpoint_id(path, options);
  provenance.checkpoint_path = path.lexically_normal().string();
  provenance.checkpoint_identity = catalogue.identity();
  provenance.analysis = catalogue.analysis;
  if (!base.empty()) {
    provenance.base_path = std::filesystem::absolute(base).lexically_normal().string();
  }
  provenance.base_identity = catalogue.base_identity;
  provenance.format = catalogue.format;
  provenance.model_type = catalogue.config.model_type;
  provenance.training = catalogue.training;
  provenance.mode = mode_name(options.selection.mode());
  provenance.options = options.result_options_json();
  provenance.fit_options = fit::options_json(options.fit);
  provenance.fit_version = fit::kFitVersion;
  provenance.program_version = build_info().version;
  provenance.program_commit = build_info().commit;
  provenance.compiler = std::string(build_info().compiler) + ", " + std::string(build_info().flags);
  provenance.libraries = libraries_text();
  return provenance;
}

}  // namespace wishart::job
