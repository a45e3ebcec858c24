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
  std::vector<Column> columns{
      name_column("layer"), number_column("r", 80, "rank of the adapter"),
      number_column("effective", 90, "effective rank of the change, at most r"),
      number_column("dW norm", 40, "Frobenius norm of the change"),
      number_column("dW max", 30, "largest singular value of the change")};
  if (on_base) {
    columns.insert(columns.end(),
                   {number_column("/ W norm", 85, "norm of the change beside that of the base"),
                    number_column("/ W max", 60, "largest singular value beside that of the base"),
                    number_column("alignment", 20, "1: no more of W than random directions hold"),
                    number_column("overlap", 50, "of leading singular vectors, before and after"),
                    number_column("intruders", 70, "leading directions that the base lacks")});
  }
  columns.push_back(words_column("warning", 95, "words of docs/adapters.md"));
  TextTable table = table_of(columns);
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
