#pragma once

/// @file
/// Tables: vectors of rows, stored as compound datasets. `visit_columns` alone defines the columns.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

#include "wishart/archive/chunk_filter.hpp"
#include "wishart/record/checkpoint_record.hpp"

#include "content_hashes.hpp"
#include "hdf5_handle.hpp"
#include "hdf5_type.hpp"
#include "table_layout.hpp"

namespace wishart::archive {

/// The columns of a table of such rows. The size of texts is not set yet.
template <class Row>
[[nodiscard]] Layout layout_of() {
  Layout layout;
  visit_columns(Row{}, [&](const char* name, const auto& value) {
    const Kind kind = kind_of(value);
    layout.columns.push_back({name, kind, kind == Kind::text ? 0 : sizeof(value)});
  });
  return layout;
}

/// Writes a table and adds its hash to `hashes`.
/// @return the hash of each row
template <class Row>
std::vector<std::int64_t> write_table(const Place& file, hid_t location, const std::string& path,
                                      const std::vector<Row>& rows, ContentHashes& hashes,
                                      const ChunkFilter& filter) {
  Layout layout = layout_of<Row>();
  for (Column& column : layout.columns)
    column.size_bytes = std::max<std::size_t>(column.size_bytes, 1);
  for (const Row& row : rows) {
    std::size_t k = 0;
    visit_columns(row, [&](const char* name, const auto& value) {
      Column& column = layout.columns[k++];
      if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::string>) {
        const std::size_t size = storable(value).size();
        if (size > kMaxTextBytes) {
          file.at("/" + path)
              .refuse(std::string("column ") + name + ": a text of " + std::to_string(size) +
                      " bytes, expected at most " + std::to_string(kMaxTextBytes));
        }
        column.size_bytes = std::max(column.size_bytes, size);
      }
    });
  }
  settle(layout);
  const auto encode = [&](std::int64_t i, std::byte* bytes) {
    std::size_t k = 0;
    visit_columns(rows[static_cast<std::size_t>(i)], [&](const char*, const auto& value) {
      std::byte* out = bytes + layout.columns[k++].offset_bytes;
      if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::string>) {
        const std::string text = storable(value);
        std::memcpy(out, text.data(), text.size());
      } else {
        std::memcpy(out, &value, sizeof(value));
      }
    });
  };
  DatasetHash hash;
  write_rows(file, location, path, layout, static_cast<std::int64_t>(rows.size()), encode, hash,
             filter);
  hashes.add("/" + path, hash.hex());
  return hash.of_elements();
}

/// Reads a table. Columns that the file does not have keep the defaults of Row. Columns that Row
/// does not have are ignored.
/// @param check    records a table that is not as written, if `changed` is null
/// @param changed  otherwise, set to the hash of each row of a table that is not as written
template <class Row>
[[nodiscard]] std::vector<Row> read_table(const Place& file, hid_t location,
                                          const std::string& path, ContentCheck& check,
                                          RowHashes* changed = nullptr) {
  std::vector<Row> rows;
  Layout layout = layout_of<Row>();
  const auto decode = [&](const std::byte* bytes) {
    std::size_t k = 0;
    visit_columns(rows.emplace_back(), [&](const char*, auto& value) {
      const Column& column = layout.columns[k++];
      if (column.size_bytes == 0) return;
      const std::byte* in = bytes + column.offset_bytes;
      using Value = std::decay_t<decltype(value)>;
      if constexpr (std::is_same_v<Value, std::string>) {
        value = unpadded(reinterpret_cast<const char*>(in), column.size_bytes);
      } else if constexpr (std::is_same_v<Value, bool>) {
        value = *in != std::byte{0};
      } else {
        std::memcpy(&value, in, sizeof(value));
      }
    });
  };
  const std::string name = "/" + path;
  DatasetHash hash;
  read_rows(
      file, location, path, layout,
      [&](std::int64_t count) { rows.reserve(static_cast<std::size_t>(count)); }, decode,
      check.expects(name) ? &hash : nullptr);
  if (changed == nullptr) {
    check.compare(name, hash.hex());
  } else if (!check.matches(name, hash.hex())) {
    *changed = hash.of_elements();
  }
  return rows;
}

}  // namespace wishart::archive
