#include "table.hpp"

#include <algorithm>
#include <utility>

#include "dataset.hpp"

namespace wishart::archive {
namespace {

/// The most that one batch of rows takes in memory while a table is read.
constexpr std::int64_t kMaxBatchBytes = std::int64_t{64} << 20U;

Handle row_type(const Place& place, const Layout& layout) {
  Handle type = place.own(H5Tcreate(H5T_COMPOUND, layout.row_bytes), H5Tclose);
  for (const Column& column : layout.columns) {
    if (column.size_bytes == 0) continue;
    const Handle member = make_type(place, column.kind, column.size_bytes, column.charset);
    place.check(H5Tinsert(type.get(), column.name.c_str(), column.offset_bytes, member.get()));
  }
  return type;
}

/// Looks the wanted columns up in the stored type, by name.
void match(const Dataset& table, Layout& layout) {
  const Place& place = table.place;
  if (H5Tget_class(table.type.get()) != H5T_COMPOUND)
    place.refuse("is not a table of named columns");
  for (Column& column : layout.columns) {
    const int index = H5Tget_member_index(table.type.get(), column.name.c_str());
    if (index < 0) {
      column.size_bytes = 0;
      continue;
    }
    const Handle member =
        place.own(H5Tget_member_type(table.type.get(), static_cast<unsigned>(index)), H5Tclose);
    if (!is_of_kind(member.get(), column.kind)) {
      place.refuse("column " + column.name + " is of another type, expected a " +
                   kind_name(column.kind));
    }
    if (column.kind != Kind::text) continue;
    column.size_bytes = H5Tget_size(member.get());
    column.charset = H5Tget_cset(member.get());
  }
  settle(layout);
}

}  // namespace

void settle(Layout& layout) {
  layout.row_bytes = 0;
  for (Column& column : layout.columns) {
    column.offset_bytes = layout.row_bytes;
    layout.row_bytes += column.size_bytes;
  }
}

void write_rows(const Place& file, hid_t location, const std::string& path, const Layout& layout,
                std::int64_t count, const std::function<void(std::int64_t, std::byte*)>& encode) {
  const Dataset table = create_dataset(file, location, path, row_type(file, layout), count);
  std::vector<std::byte> batch;
  for (std::int64_t first = 0; first < count; first += table.chunk_count) {
    const std::int64_t rows = std::min(table.chunk_count, count - first);
    batch.assign(static_cast<std::size_t>(rows) * layout.row_bytes, std::byte{0});
    for (std::int64_t i = 0; i < rows; ++i) {
      encode(first + i, batch.data() + static_cast<std::size_t>(i) * layout.row_bytes);
    }
    const Slab part = slab(table, first, rows);
    table.place.check(H5Dwrite(table.dataset.get(), table.type.get(), part.memory.get(),
                               part.stored.get(), H5P_DEFAULT, batch.data()));
  }
}

void read_rows(const Place& file, hid_t location, const std::string& path, Layout& layout,
               const std::function<void(std::int64_t)>& begin,
               const std::function<void(const std::byte*)>& decode) {
  const Dataset table = open_dataset(file, location, path);
  match(table, layout);
  if (layout.row_bytes == 0) table.place.refuse("has none of the columns of the schema");
  begin(table.count);
  const Handle type = row_type(table.place, layout);
  const auto row_bytes = static_cast<std::int64_t>(layout.row_bytes);
  const std::int64_t wanted = table.chunk_count > 0 ? table.chunk_count : kChunkBytes / row_bytes;
  const std::int64_t batch_rows =
      std::max<std::int64_t>(std::min({wanted, kMaxBatchBytes / row_bytes, table.count}), 1);
  std::vector<std::byte> batch(static_cast<std::size_t>(batch_rows * row_bytes));
  for (std::int64_t first = 0; first < table.count; first += batch_rows) {
    const std::int64_t rows = std::min(batch_rows, table.count - first);
    const Slab part = slab(table, first, rows);
    table.place.check(H5Dread(table.dataset.get(), type.get(), part.memory.get(), part.stored.get(),
                              H5P_DEFAULT, batch.data()));
    for (std::int64_t i = 0; i < rows; ++i) decode(batch.data() + i * row_bytes);
  }
}

}  // namespace wishart::archive
