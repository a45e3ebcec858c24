#include "index_row.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <string>
#include <type_traits>
#include <utility>

#include "wishart/archive/reader.hpp"
#include "wishart/core/saturated.hpp"
#include "wishart/record/analysed.hpp"
#include "wishart/record/runs.hpp"

namespace wishart::archive {
namespace {

void take_summary(IndexRow& row, const std::vector<SummaryRow>& summary) {
  for (const SummaryRow& one : summary) {
    if (one.group_by != "all") continue;
    if (one.metric == "alpha") {
      row.layers = saturated_sum(one.count, one.excluded);
      row.alpha_median = one.median;
    }
    // The columns of the index have the names of the metrics.
    visit_columns(row, [&](const char* name, auto& value) {
      if constexpr (std::is_same_v<std::decay_t<decltype(value)>, double>) {
        if (one.metric == name) value = one.mean;
      }
    });
  }
}

/// What decides of the checkpoint of a row.
Analysed analysed(const IndexRow& row) {
  Analysed about;
  about.checkpoint = row.checkpoint_id;
  about.kind = analysis_from_name(row.analysis).value_or(AnalysisKind::weights);
  about.base_path = row.base_path;
  about.mode = row.mode;
  about.fit = row.fit;
  about.identity = row.checkpoint_identity;
  about.folder = run_folder(row.checkpoint_path);
  about.step = row.step;
  return about;
}

}  // namespace

void describe_in(IndexRow& row, const Provenance& provenance,
                 const std::vector<SummaryRow>& summary) {
  row.standing = kWhole;
  row.checkpoint_path = provenance.checkpoint_path;
  row.checkpoint_identity = provenance.checkpoint_identity;
  row.analysis = analysis_name(provenance.analysis);
  row.base_path = provenance.base_path;
  row.base_identity = provenance.base_identity;
  row.model_type = provenance.model_type;
  row.mode = provenance.mode;
  row.created = provenance.created;
  row.step = provenance.training.step;
  row.tokens = provenance.training.tokens;
  row.loss = provenance.training.loss;
  row.eval_loss = provenance.training.eval_loss;
  row.learning_rate = provenance.training.learning_rate;
  row.seconds = provenance.seconds;
  row.restarts = provenance.restarts;
  row.fit = wishart::analysed(provenance).fit;
  take_summary(row, summary);
}

void place_rows(std::vector<IndexRow>& rows) {
  const bool is_known = std::all_of(rows.begin(), rows.end(),
                                    [](const IndexRow& row) { return row.standing == kWhole; });
  std::vector<Analysed> all;
  if (is_known) {
    std::transform(rows.begin(), rows.end(), std::back_inserter(all),
                   [](const IndexRow& row) { return analysed(row); });
  }
  const Reader::Run run = Reader::latest_run_among(std::move(all));
  std::map<std::string, LeftOut> left_out;
  for (const Analysed& one : run.left_out) left_out.emplace(one.checkpoint, one.why);
  std::map<std::string, std::int64_t> places;
  for (const std::string& id : run.order()) places.emplace(id, std::ssize(places));
  for (IndexRow& row : rows) {
    const auto why = left_out.find(row.checkpoint_id);
    row.left_out = why == left_out.end() ? "" : left_out_name(why->second);
    const auto place = places.find(row.checkpoint_id);
    row.place = place == places.end() ? -1 : place->second;
  }
}

}  // namespace wishart::archive
