#pragma once

/// @file
/// Internal: the bytes of a table, and its dataset, whatever the type of its rows.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "wishart/archive/chunk_filter.hpp"

#include "content_hashes.hpp"
#include "hdf5_handle.hpp"
#include "hdf5_type.hpp"

namespace wishart::archive {

struct Column {
  std::string name;
  Kind kind = Kind::real;
  std::size_t size_bytes = 0;  ///< 0 if the file does not have the column
  std::size_t offset_bytes = 0;
  H5T_cset_t charset = H5T_CSET_UTF8;
};

/// The layout of a row in bytes: columns one after the other, without gaps.
struct Layout {
  std::vector<Column> columns;
  std::size_t row_bytes = 0;
};

/// The hash of each row; nothing if they are not needed.
using RowHashes = std::optional<std::vector<std::int64_t>>;

/// Sets the offset of every column.
void settle(Layout& layout);

/// Writes `count` rows as the dataset `path`; `encode(i, bytes)` fills the bytes of row i.
/// `hash` is set to that of the table.
void write_rows(const Place& file, hid_t location, const std::string& path, const Layout& layout,
                std::int64_t count, const std::function<void(std::int64_t, std::byte*)>& encode,
                DatasetHash& hash, const ChunkFilter& filter);

/// Reads the dataset `path`. `layout` names the wanted columns, and is changed to their layout in
/// the file. `begin(count)` is called once, then `decode(bytes)` for every row, in order.
/// @param hash  set to the hash of the dataset as stored, with all its columns; may be null
/// @throws Error with Blame::input if it is missing, damaged, or a column has the wrong type
void read_rows(const Place& file, hid_t location, const std::string& path, Layout& layout,
               const std::function<void(std::int64_t)>& begin,
               const std::function<void(const std::byte*)>& decode, DatasetHash* hash);

}  // namespace wishart::archive
