#include "report_json.hpp"

#include <ostream>

#include "wishart/analysis/adapter.hpp"
#include "wishart/analysis/attention.hpp"
#include "wishart/report/json_schema.hpp"
#include "wishart/report/rows_text.hpp"

#include "usual.hpp"
#include "verdict_json.hpp"

namespace wishart::report {
namespace {

std::string provenance_json(const Provenance& p) {
  std::string text = "{";
  const auto add = [&](const char* name, const std::string& value) {
    text += (text.size() > 1 ? ",\n    \"" : "\n    \"") + std::string(name) + "\": " + value;
  };
  add("checkpoint_id", json_value(p.checkpoint_id));
  add("checkpoint_path", json_value(p.checkpoint_path));
  add("checkpoint_identity", json_value(p.checkpoint_identity));
  add("analysis", json_value(std::string(analysis_name(p.analysis))));
  add("base_path", json_value_or_null(p.base_path));
  add("base_identity", json_value_or_null(p.base_identity));
  add("format", json_value(p.format));
  add("model_type", json_value(p.model_type));
  add("step", json_value(p.training.step));
  add("tokens", json_value(p.training.tokens));
  add("loss", json_value(p.training.loss));
  add("eval_loss", json_value(p.training.eval_loss));
  add("learning_rate", json_value(p.training.learning_rate));
  add("mode", json_value(p.mode));
  add("options", json_value_or_null(p.options));
  add("program_version", json_value(p.program_version));
  add("program_commit", json_value(p.program_commit));
  add("compiler", json_value(p.compiler));
  add("libraries", json_value(p.libraries));
  add("mpi_layout", json_value(p.mpi_layout));
  add("created", json_value(p.created));
  add("seconds", json_value(p.seconds));
  add("restarts", json_value(p.restarts));
  add("reseals", json_value(p.reseals));
  add("reseal_log", json_quoted(p.reseal_log));
  add("predicted_seconds", json_value(p.predicted_seconds));
  add("working_seconds", json_value(p.working_seconds));
  add("busy_share", json_value(p.busy_share));
  return text + "\n  }";
}

/// @param name  the member with the word: `warning`, `remark`
std::string groups_json(const std::vector<analysis::AttentionGroup>& groups,
                        const std::string& name) {
  std::string text = "[";
  for (const analysis::AttentionGroup& group : groups) {
    text += (text.size() > 1 ? ",\n  " : "\n  ") + ("{\"" + name + "\": ") +
            json_value(group.warning) + ", \"meaning\": " + json_value(group.meaning) +
            ", \"layers\": [";
    for (std::size_t i = 0; i < group.layers.size(); ++i) {
      text += (i > 0 ? ", " : "") + json_value(group.layers[i]->key);
    }
    text += "]}";
  }
  return text + (text.size() > 1 ? "\n]" : "]");
}

}  // namespace

std::string left_out_json(const std::vector<Analysed>& left_out) {
  std::string text = "[";
  for (const Analysed& one : left_out) {
    text += (text.size() > 1 ? ", " : "") + ("{\"checkpoint\": " + json_value(one.checkpoint)) +
            ", \"analysis\": " + json_value(std::string(analysis_name(one.kind))) +
            ", \"base_path\": " + json_value_or_null(one.base_path) +
            ", \"why\": " + json_quoted(left_out_name(one.why)) + "}";
  }
  return text + "]";
}

void write_report_json(std::ostream& out, const CheckpointRecord& record,
                       const std::string& history, const analysis::Verdict& verdict) {
  out << json_opening(kReportSchema) << ",\n\"verdict\": " << verdict_json(verdict)
      << ",\n\"history\": " << history
      << ",\n\"checkpoint\": " << provenance_json(record.provenance)
      << ",\n\"summary\": " << json_array(record.summary) << ",\n\"attention\": "
      << groups_json(analysis::layers_that_need_attention(record.layers), "warning")
      << ",\n\"remarks\": " << groups_json(analysis::remarks_on(record.layers), "remark")
      << ",\n\"adapter\": " << json_array(analysis::adapter_rows(record.layers))
      << ",\n\"traps\": " << json_array(record.traps)
      << ",\n\"usual\": " << usual_json(record.layers) << ",\n\"layers\": ";
  write_json_array(out, record.layers, judged);
  out << ",\n\"skipped\": ";
  write_json_array(out, record.skipped);
  out << "}\n";
}

}  // namespace wishart::report
