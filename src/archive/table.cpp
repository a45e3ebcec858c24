#include "table.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include "chunk_writer.hpp"
#include "dataset.hpp"
#include "stored_object.hpp"

namespace wishart::archive {
namespace {

/// The largest batch of rows that is read at once.
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

/// More than any version will have.
constexpr int kMaxColumns = 10'000;

/// Checks that each column is a number or a text of fixed length, in a place of its own. HDF5 makes
/// nothing of the bytes of such rows.
void check_columns(const Place& place, hid_t type) {
  const int count = place.check(H5Tget_nmembers(type));
  if (count > kMaxColumns) {
    place.refuse("has " + std::to_string(count) + " columns, expected at most " +
                 std::to_string(kMaxColumns));
  }
  const std::size_t row_bytes = H5Tget_size(type);
  std::vector<std::pair<std::size_t, std::size_t>> parts;  // of a row: begin and end
  for (int i = 0; i < count; ++i) {
    const auto index = static_cast<unsigned>(i);
    const Handle member = place.own(H5Tget_member_type(type, index), H5Tclose);
    const H5T_class_t kind = H5Tget_class(member.get());
    const bool number = kind == H5T_INTEGER || kind == H5T_FLOAT || kind == H5T_ENUM;
    const bool text = kind == H5T_STRING && H5Tis_variable_str(member.get()) == 0;
    if (!number && !text) {
      place.refuse("column " + std::to_string(i) + " is " + type_text(member.get()) +
                   ", expected a number or a text of fixed length");
    }
    const std::size_t begin = H5Tget_member_offset(type, index);
    parts.emplace_back(begin, begin + H5Tget_size(member.get()));
  }
  std::sort(parts.begin(), parts.end());
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::size_t end = i + 1 < parts.size() ? parts[i + 1].first : row_bytes;
    if (parts[i].second > end) {
      place.refuse("has columns that reach into each other. The archive is damaged");
    }
  }
}

/// Finds the wanted columns in the stored type by name.
void match(const Dataset& table, Layout& layout) {
  const Place& place = table.place;
  if (H5Tget_class(table.type.get()) != H5T_COMPOUND)
    place.refuse("is not a table of named columns");
  check_columns(place, table.type.get());
  for (Column& column : layout.columns) {
    const int index = H5Tget_member_index(table.type.get(), column.name.c_str());
    if (index < 0) {
      column.size_bytes = 0;
      continue;
    }
    const Handle member =
        place.own(H5Tget_member_type(table.type.get(), static_cast<unsigned>(index)), H5Tclose);
    if (!is_of_kind(place, member.get(), column.kind)) {
      place.refuse("column " + column.name + " has the wrong type, expected a " +
                   kind_name(column.kind) + ", found " + type_text(member.get()));
    }
    if (column.kind != Kind::text) continue;
    column.size_bytes = H5Tget_size(member.get());
    column.charset = H5Tget_cset(member.get());
  }
  settle(layout);
}

/// Hashes the rows of a table as stored. Usually these are the bytes that are read anyway. A table
/// with other columns than this program's is read a second time, from HDF5's chunk cache.
class RawRows {
public:
  RawRows(const Dataset& table, hid_t wanted, DatasetHash* hash) : table_(table), hash_(hash) {
    if (hash_ == nullptr) return;
    row_bytes_ = H5Tget_size(table.type.get());
    same_ = H5Tequal(table.type.get(), wanted) > 0;
    add_columns();
  }

  [[nodiscard]] std::size_t row_bytes() const noexcept { return row_bytes_; }

  /// Adds the next rows; `wanted` holds the same rows as they were read.
  void add(const Slab& part, std::int64_t rows, std::span<const std::byte> wanted) {
    if (hash_ == nullptr) return;
    if (same_) return hash_->add(wanted, row_bytes_);
    raw_.resize(static_cast<std::size_t>(rows) * row_bytes_);
    table_.place.check(H5Dread(table_.dataset.get(), table_.type.get(), part.memory.get(),
                               part.stored.get(), H5P_DEFAULT, raw_.data()));
    hash_->add(raw_, row_bytes_);
  }

private:
  void add_columns() {
    const int members = H5Tget_nmembers(table_.type.get());
    for (int i = 0; i < members; ++i) {
      char* name = H5Tget_member_name(table_.type.get(), static_cast<unsigned>(i));
      if (name == nullptr) table_.place.fail();
      hash_->add_column(name);
      table_.place.check(H5free_memory(name));
    }
  }

  const Dataset& table_;
  DatasetHash* hash_;
  bool same_ = false;
  std::size_t row_bytes_ = 0;
  std::vector<std::byte> raw_;
};

}  // namespace

void settle(Layout& layout) {
  layout.row_bytes = 0;
  for (Column& column : layout.columns) {
    column.offset_bytes = layout.row_bytes;
    layout.row_bytes += column.size_bytes;
  }
}

void write_rows(const Place& file, hid_t location, const std::string& path, const Layout& layout,
                std::int64_t count, const std::function<void(std::int64_t, std::byte*)>& encode,
                DatasetHash& hash, const ChunkFilter& filter) {
  const Dataset table = create_dataset(file, location, path, row_type(file, layout), count);
  for (const Column& column : layout.columns) hash.add_column(column.name);
  ChunkWriter writer(table, filter);
  std::vector<std::byte> batch;
  for (std::int64_t first = 0; first < count; first += table.chunk_count) {
    const std::int64_t rows = std::min(table.chunk_count, count - first);
    batch.assign(static_cast<std::size_t>(rows) * layout.row_bytes, std::byte{0});
    for (std::int64_t i = 0; i < rows; ++i) {
      encode(first + i, batch.data() + static_cast<std::size_t>(i) * layout.row_bytes);
    }
    writer.add(batch);
    hash.add(batch, layout.row_bytes);
  }
  writer.finish();
}

void read_rows(const Place& file, hid_t location, const std::string& path, Layout& layout,
               const std::function<void(std::int64_t)>& begin,
               const std::function<void(const std::byte*)>& decode, DatasetHash* hash) {
  const Dataset table = open_dataset(file, location, path);
  match(table, layout);
  if (layout.row_bytes == 0) table.place.refuse("has none of the columns of the schema");
  // No two rows are the same, so each takes room in the file. A row takes far more in memory.
  if (const std::int64_t bytes = file_bytes(table.place, table.dataset.get());
      table.count > bytes) {
    table.place.refuse("declares " + std::to_string(table.count) + " rows, the whole file has " +
                       std::to_string(bytes) + " bytes. The archive is damaged");
  }
  begin(table.count);
  const Handle type = row_type(table.place, layout);
  RawRows raw(table, type.get(), hash);
  const auto row_bytes = static_cast<std::int64_t>(std::max(layout.row_bytes, raw.row_bytes()));
  const std::int64_t wanted = table.chunk_count > 0 ? table.chunk_count : kChunkBytes / row_bytes;
  const std::int64_t batch_rows =
      std::max<std::int64_t>(std::min({wanted, kMaxBatchBytes / row_bytes, table.count}), 1);
  std::vector<std::byte> batch(static_cast<std::size_t>(batch_rows) * layout.row_bytes);
  for (std::int64_t first = 0; first < table.count; first += batch_rows) {
    const std::int64_t rows = std::min(batch_rows, table.count - first);
    const Slab part = slab(table, first, rows);
    table.place.check(H5Dread(table.dataset.get(), type.get(), part.memory.get(), part.stored.get(),
                              H5P_DEFAULT, batch.data()));
    const std::size_t used = static_cast<std::size_t>(rows) * layout.row_bytes;
    raw.add(part, rows, std::span(batch).first(used));
    for (std::size_t at = 0; at < used; at += layout.row_bytes) decode(batch.data() + at);
  }
}

}  // namespace wishart::archive
