#include "formats/safetensors/safetensors_header.hpp"

#include <algorithm>
#include <optional>
#include <span>

#include "wishart/core/disk.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/file.hpp"
#include "wishart/core/hash.hpp"
#include "wishart/core/narrow.hpp"
#include "wishart/core/system_failure.hpp"
#include "wishart/core/text.hpp"

#include "formats/common/weight_names.hpp"
#include "formats/safetensors/sharded.hpp"
#include "text/json_scanner.hpp"

namespace wishart::checkpoint {
namespace {

constexpr std::int64_t kLengthBytes = 8;  // the header's length, a little-endian integer
constexpr const char* kCutShort = ". The file is truncated: copy it again";

/// One entry of the header. Offsets count from the first byte after the header.
struct Entry {
  Tensor tensor;
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

[[noreturn]] void refuse(const std::string& place, const std::string& tensor,
                         const std::string& text) {
  throw Error(Blame::input, place + ": tensor " + in_quotes(tensor) + text);
}

/// `I32 of shape 2 x 2`. Shortened, because a shape can be as long as the header.
std::string kind_text(const Tensor& tensor) {
  return std::string(dtype_name(tensor.dtype)) + " of shape " + printable(shape_text(tensor.shape));
}

/// Reads an array of exactly two sizes.
void read_offsets(JsonScanner& scanner, Entry& entry) {
  std::size_t count = 0;
  scanner.read_array([&] {
    const std::int64_t value = scanner.read_size();
    if (count == 0) entry.begin = value;
    if (count == 1) entry.end = value;
    ++count;
  });
  if (count != 2) scanner.fail("two data_offsets", std::to_string(count));
}

void read_entry(JsonScanner& scanner, Entry& entry) {
  bool has_dtype = false;
  bool has_shape = false;
  bool has_offsets = false;
  const auto once = [&](bool& seen, const char* key) {
    if (seen) scanner.fail(std::string("one ") + key, "a second");
    seen = true;
  };
  scanner.read_object([&](const std::string& key) {
    if (key == "dtype") {
      once(has_dtype, "dtype");
      const std::string name = scanner.read_string();
      const std::optional<Dtype> dtype = dtype_from_name(name);
      if (!dtype) scanner.fail("a dtype of safetensors", in_quotes(name, 40));
      entry.tensor.dtype = *dtype;
    } else if (key == "shape") {
      once(has_shape, "shape");
      scanner.read_array([&] { entry.tensor.shape.push_back(scanner.read_size()); });
    } else if (key == "data_offsets") {
      once(has_offsets, "data_offsets");
      read_offsets(scanner, entry);
    } else {
      scanner.skip_value();
    }
  });
  if (!has_dtype || !has_shape || !has_offsets) {
    scanner.fail(
        "dtype, shape and data_offsets",
        std::string("no ") + (!has_dtype ? "dtype" : (!has_shape ? "shape" : "data_offsets")));
  }
}

/// Checks one entry: its dtype and shape against its offsets.
void check_extent(Entry& entry, const std::string& place) {
  Tensor& tensor = entry.tensor;
  const std::optional<std::int64_t> count = checked_product(tensor.shape);
  const std::optional<std::int64_t> bits =
      count ? checked_product(*count, dtype_bits(tensor.dtype)) : std::nullopt;
  if (!bits) refuse(place, tensor.name, ": " + kind_text(tensor) + " has more than 2^63 bits");
  if (*bits % 8 != 0) {
    refuse(place, tensor.name,
           ": " + kind_text(tensor) + " takes " + std::to_string(*bits) +
               " bits, expected whole bytes");
  }
  const auto offsets = [&] {
    return "data_offsets [" + std::to_string(entry.begin) + ", " + std::to_string(entry.end) + "]";
  };
  if (entry.end < entry.begin) {
    refuse(place, tensor.name, ": " + offsets() + " end before they start");
  }
  tensor.num_elements = *count;
  tensor.size_bytes = *bits / 8;
  if (entry.end - entry.begin != tensor.size_bytes) {
    refuse(place, tensor.name,
           ": " + kind_text(tensor) + " takes " + std::to_string(tensor.size_bytes) + " bytes, " +
               offsets() + " hold " + std::to_string(entry.end - entry.begin));
  }
}

/// Throws if two entries have the same name; `what` names their kind in the plural.
template <class Entries, class Name>
void check_names_differ(const Entries& entries, const std::string& place, const char* what,
                        Name&& name) {
  std::vector<const std::string*> names;
  names.reserve(entries.size());
  for (const auto& entry : entries) names.push_back(&name(entry));
  std::sort(names.begin(), names.end(), [](const auto* a, const auto* b) { return *a < *b; });
  const auto twice = std::adjacent_find(names.begin(), names.end(),
                                        [](const auto* a, const auto* b) { return *a == *b; });
  if (twice != names.end()) {
    throw Error(Blame::input,
                place + ": two " + what + " of the header are named " + in_quotes(**twice));
  }
}

/// Checks all entries: they must tile the `data_bytes` bytes after the header.
void check_tiling(const std::vector<Entry>& entries, std::int64_t data_bytes,
                  const std::string& place) {
  std::int64_t expected = 0;
  for (const Entry& entry : entries) {
    if (entry.begin != expected) {
      refuse(place, entry.tensor.name,
             " begins at byte " + std::to_string(entry.begin) + " of the data, expected byte " +
                 std::to_string(expected) +
                 ": tensors must be contiguous, without gaps or overlaps");
    }
    expected = entry.end;
  }
  if (expected != data_bytes) {
    throw Error(Blame::input, place + ": the tensors of the header take " +
                                  std::to_string(expected) + " bytes, the file has " +
                                  std::to_string(data_bytes) + " after its header" +
                                  (data_bytes < expected ? kCutShort : ""));
  }
}

void read_metadata(JsonScanner& scanner, SafetensorsHeader& header) {
  if (scanner.peek() == JsonScanner::Kind::null) return scanner.skip_value();
  scanner.read_object([&](std::string key) {
    std::string value = scanner.read_string();
    header.metadata.emplace_back(std::move(key), std::move(value));
  });
}

std::vector<Entry> read_entries(JsonScanner& scanner, SafetensorsHeader& header) {
  std::vector<Entry> entries;
  bool has_metadata = false;
  scanner.read_object([&](std::string key) {
    if (key == "__metadata__") {
      if (has_metadata) scanner.fail("one __metadata__", "a second");
      has_metadata = true;
      return read_metadata(scanner, header);
    }
    // Neither an archive nor a C library can represent such a name.
    if (key.find('\0') != std::string::npos) {
      scanner.fail("a tensor name without NUL", in_quotes(key));
    }
    Entry& entry = entries.emplace_back();
    entry.tensor.name = std::move(key);
    scanner.set_tensor(entry.tensor.name);
    read_entry(scanner, entry);
    scanner.set_tensor({});
  });
  scanner.finish();
  return entries;
}

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view json, std::int64_t file_bytes,
                                           const std::filesystem::path& file) {
  const std::string place = shown(file);
  const std::int64_t data_begin = kLengthBytes + static_cast<std::int64_t>(json.size());
  SafetensorsHeader header;
  JsonScanner scanner(json, place, JsonDialect::strict, kLengthBytes);
  std::vector<Entry> entries = read_entries(scanner, header);
  for (Entry& entry : entries) check_extent(entry, place);
  check_names_differ(entries, place, "tensors",
                     [](const Entry& entry) -> const std::string& { return entry.tensor.name; });
  check_names_differ(header.metadata, place, "metadata entries",
                     [](const auto& entry) -> const std::string& { return entry.first; });
  std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  check_tiling(entries, file_bytes - data_begin, place);
  header.tensors.reserve(entries.size());
  for (Entry& entry : entries) {
    entry.tensor.offset_bytes = data_begin + entry.begin;
    header.tensors.push_back(std::move(entry.tensor));
  }
  return header;
}

SafetensorsFile read_safetensors_file(const std::filesystem::path& file) {
  const InputFile input(file);
  SafetensorsFile result;
  result.source.name = file.filename().string();
  result.source.size_bytes = input.size_bytes();
  result.source.mtime_ns = input.mtime_ns();

  const std::int64_t size = result.source.size_bytes;
  if (size < kLengthBytes) {
    throw Error(Blame::input, shown(file) + ": has " + std::to_string(size) +
                                  " bytes, a safetensors file has at least 8" + kCutShort);
  }
  std::uint64_t length = 0;
  input.read(0, std::as_writable_bytes(std::span(&length, 1)));
  if (length > static_cast<std::uint64_t>(kMaxHeaderBytes)) {
    throw Error(Blame::input, shown(file) + ": claims a header of " + std::to_string(length) +
                                  " bytes, expected at most " + std::to_string(kMaxHeaderBytes) +
                                  ". It is not a safetensors file");
  }
  if (static_cast<std::int64_t>(length) > size - kLengthBytes) {
    throw Error(Blame::input, shown(file) + ": claims a header of " + std::to_string(length) +
                                  " bytes, the file has " + std::to_string(size - kLengthBytes) +
                                  " after the length field" + kCutShort);
  }
  std::string json(static_cast<std::size_t>(length), '\0');
  input.read(kLengthBytes, std::as_writable_bytes(std::span(json)));
  result.source.header_hash = hash_hex(json);
  result.header = parse_safetensors_header(json, size, file);
  return result;
}

namespace {

constexpr std::string_view kEndings[] = {".safetensors"};

Weights read_weights(const std::filesystem::path& path) {
  SafetensorsFile file = read_safetensors_file(path);
  Weights weights;
  weights.files.push_back(std::move(file.source));
  weights.tensors = std::move(file.header.tensors);
  weights.names = std::move(file.header.metadata);
  place_pieces(weights, path);
  return weights;
}

/// torch.distributed.checkpoint puts its shards here, and a consolidated copy beside it.
std::string find_inside(const std::filesystem::path& folder,
                        const std::vector<std::string>& names) {
  return has_name(names, "sharded") && is_folder(folder / "sharded") ? "sharded" : "";
}

}  // namespace

const Format& safetensors_format() {
  static constexpr Format kFormat{.name = "safetensors",
                                  .endings = kEndings,
                                  .index = kIndexName,
                                  .usual = "model.safetensors",
                                  .find_inside = find_inside,
                                  .read_file = read_weights,
                                  .combine = join_pieces};
  return kFormat;
}

}  // namespace wishart::checkpoint
