#include "series.hpp"

#include <algorithm>

#include "chunk_writer.hpp"
#include "dataset.hpp"
#include "hdf5_type.hpp"

namespace wishart::archive {
namespace {

template <class T>
using Parts = std::function<std::span<const T>(std::int64_t)>;

template <class T>
void write_parts(const Place& file, hid_t location, const std::string& path, std::int64_t num_parts,
                 const Parts<T>& parts, ContentHashes& hashes, const ChunkFilter& filter) {
  std::int64_t count = 0;
  for (std::int64_t i = 0; i < num_parts; ++i) count += static_cast<std::int64_t>(parts(i).size());
  const Dataset dataset =
      create_dataset(file, location, path, make_type(file, kind_of(T{}), sizeof(T)), count);
  ChunkWriter writer(dataset, filter);
  StreamHash hash;
  for (std::int64_t i = 0; i < num_parts; ++i) {
    const auto bytes = std::as_bytes(parts(i));
    writer.add(bytes);
    hash.add(bytes);
  }
  writer.finish();
  hashes.add("/" + path, hash.hex());
}

template <class T>
std::vector<T> read_values(const Dataset& dataset, std::int64_t first, std::int64_t count) {
  constexpr Kind kind = kind_of(T{});
  if (!is_of_kind(dataset.place, dataset.type.get(), kind)) {
    dataset.place.refuse(std::string("has elements of the wrong type, expected ") +
                         kind_name(kind) + ", found " + type_text(dataset.type.get()));
  }
  require(0 <= first && 0 <= count && count <= dataset.count - first,
          "read_values needs elements of the dataset");
  std::vector<T> values(static_cast<std::size_t>(count));
  if (values.empty()) return values;
  const Handle type = make_type(dataset.place, kind, sizeof(T));
  const Slab part = slab(dataset, first, count);
  dataset.place.check(H5Dread(dataset.dataset.get(), type.get(), part.memory.get(),
                              part.stored.get(), H5P_DEFAULT, values.data()));
  return values;
}

template <class T>
std::vector<T> read_values(const Place& file, hid_t location, const std::string& path,
                           ContentCheck* check) {
  const Dataset dataset = open_dataset(file, location, path);
  std::vector<T> values = read_values<T>(dataset, 0, dataset.count);
  const std::string name = "/" + path;
  if (check != nullptr && check->expects(name)) {
    check->compare(name, hash_hex(std::as_bytes(std::span(values))));
  }
  return values;
}

}  // namespace

void write_series(const Place& file, hid_t location, const std::string& path,
                  std::int64_t num_parts, const Parts<double>& parts, ContentHashes& hashes,
                  const ChunkFilter& filter) {
  write_parts<double>(file, location, path, num_parts, parts, hashes, filter);
}

void write_series(const Place& file, hid_t location, const std::string& path,
                  std::int64_t num_parts, const Parts<std::int64_t>& parts, ContentHashes& hashes,
                  const ChunkFilter& filter) {
  write_parts<std::int64_t>(file, location, path, num_parts, parts, hashes, filter);
}

std::vector<double> read_reals(const Place& file, hid_t location, const std::string& path,
                               ContentCheck* check) {
  return read_values<double>(file, location, path, check);
}

std::vector<std::int64_t> read_integers(const Place& file, hid_t location, const std::string& path,
                                        ContentCheck* check) {
  return read_values<std::int64_t>(file, location, path, check);
}

std::vector<double> read_reals(const Dataset& dataset, std::int64_t first, std::int64_t count) {
  return read_values<double>(dataset, first, count);
}

}  // namespace wishart::archive
