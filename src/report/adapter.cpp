#include "adapter.hpp"

#include <algorithm>

#include "wishart/analysis/adapter.hpp"
#include "wishart/report/text_table.hpp"

#include "text/numbers.hpp"

namespace wishart::report {

void add_adapter(Page& page, const CheckpointRecord& record, std::size_t most) {
  const std::vector<analysis::AdapterRow> rows = analysis::adapter_rows(record.layers);
  if (rows.empty()) return;
  page.heading("Adapter");
  page.paragraph(analysis::adapter_text(rows, record.layers.size()));
  const bool on_base = record.provenance.analysis == AnalysisKind::adapter_on_base;
  TextTable table;
  table.header = {"layer", "r", "effective", "dW norm", "dW max"};
  table.right_aligned = {false, true, true, true, true};
  if (on_base) {
    table.header.insert(table.header.end(),
                        {"/ W norm", "/ W max", "alignment", "overlap", "intruders"});
    table.right_aligned.insert(table.right_aligned.end(), 5, true);
  }
  table.header.emplace_back("warning");
  table.right_aligned.push_back(false);
  const std::size_t shown = std::min(most, rows.size());
  for (std::size_t i = 0; i < shown; ++i) {
    const analysis::AdapterRow& row = rows[i];
    std::vector<std::string> cells{
        row.key, std::to_string(row.adapter_rank), number(row.adapter_effective_rank, 3),
        number(row.adapter_frobenius, 3), number(row.adapter_spectral, 3)};
    if (on_base) {
      for (const double value :
           {row.delta_frobenius, row.delta_spectral, row.adapter_alignment, row.top_overlap}) {
        cells.push_back(number(value, 3));
      }
    }
    if (on_base) {
      cells.push_back(row.num_intruders < 0 ? "-" : std::to_string(row.num_intruders));
    }
    cells.push_back(row.warning);
    table.rows.push_back(std::move(cells));
  }
  page.table(table);
  if (shown < rows.size()) {
    page.paragraph(std::to_string(rows.size() - shown) +
                   " more: wishart export ARCHIVE --table adapter");
  }
  page.paragraph(on_base
                     ? "dW: the change s B A, its Frobenius norm and its largest singular value; "
                       "effective: its effective rank, at most r; / W: beside that of the base; "
                       "alignment: 1 if the adapter's directions hold no more "
                       "of W than random ones would; overlap: of the leading singular vectors "
                       "of W before and after; intruders: of those after, which W does not have "
                       "(docs/adapters.md)."
                     : "dW: the change s B A, its Frobenius norm and its largest singular value; "
                       "effective: its effective rank, at most r. How "
                       "large it is beside the base: wishart scan ADAPTER --with-base BASE "
                       "(docs/adapters.md).");
}

}  // namespace wishart::report
