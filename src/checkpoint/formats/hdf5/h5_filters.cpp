#include "formats/hdf5/h5_filters.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "text/json_scanner.hpp"

// Layout: HDF5 File Format Specification, version 3.0, IV.A.2.l; filter numbers above 255: The HDF
// Group's list of registered filters.

namespace wishart::checkpoint {
namespace {

constexpr std::uint64_t kDeflate = 1;
constexpr std::uint64_t kShuffle = 2;
constexpr std::uint64_t kMostFilters = 32;  // the number of bits in a chunk's mask

struct KnownFilter {
  std::uint64_t number;
  const char* name;
};

constexpr std::array kNotRead{KnownFilter{3, "Fletcher's checksum"},
                              KnownFilter{4, "szip"},
                              KnownFilter{5, "n-bit"},
                              KnownFilter{6, "scale-offset"},
                              KnownFilter{32000, "LZF"},
                              KnownFilter{32001, "Blosc"},
                              KnownFilter{32004, "LZ4"},
                              KnownFilter{32008, "bitshuffle"},
                              KnownFilter{32013, "ZFP"},
                              KnownFilter{32015, "Zstandard"},
                              KnownFilter{32026, "Blosc 2"}};

std::string filter_name(std::uint64_t number) {
  const auto* known = std::find_if(kNotRead.begin(), kNotRead.end(),
                                   [&](const KnownFilter& f) { return f.number == number; });
  return known == kNotRead.end() ? "filter " + std::to_string(number) : known->name;
}

struct Filter {
  std::uint64_t number = 0;
  std::optional<std::uint64_t> first_value;
};

Filter next_filter(Hdf5Fields& fields, std::uint64_t version) {
  constexpr std::uint64_t kFirstWithName = 256;  // version 2 omits the names of lower ones
  Filter filter;
  filter.number = fields.number(2);
  const bool named = version == 1 || filter.number >= kFirstWithName;
  const std::uint64_t name_bytes = named ? fields.number(2) : 0;
  fields.skip(2);
  const std::uint64_t values = fields.number(2);
  fields.skip(version == 1 ? (name_bytes + 7) / 8 * 8 : name_bytes);
  for (std::uint64_t i = 0; i < values; ++i) {
    const std::uint64_t value = fields.number(4);
    if (i == 0) filter.first_value = value;
  }
  fields.skip(version == 1 && values % 2 == 1 ? 4 : 0);
  return filter;
}

}  // namespace

Hdf5Filters hdf5_filters(const Hdf5Message& message, const Hdf5Bytes& file,
                         std::int64_t element_bytes, const std::string& path) {
  Hdf5Fields fields(message.data, file);
  const std::uint64_t version = fields.number(1);
  const std::uint64_t count = fields.number(1);
  const std::string place = "dataset " + in_quotes(path, 100) + ": expected ";
  if (version < 1 || version > 2 || count > kMostFilters) {
    file.fail(place + "at most 32 filters of version 1 or 2, found " + std::to_string(count) +
              " of version " + std::to_string(version));
  }
  fields.skip(version == 1 ? 6 : 0);
  Hdf5Filters filters;
  for (std::uint64_t i = 0; i < count; ++i) {
    const Filter filter = next_filter(fields, version);
    const auto bit = static_cast<int>(i);
    if (filter.number == kShuffle && filters.shuffle_bit < 0 && filters.deflate_bit < 0) {
      if (filter.first_value != static_cast<std::uint64_t>(element_bytes)) {
        file.fail(place + "a shuffle of elements of " + std::to_string(element_bytes) +
                  " bytes, found " +
                  (filter.first_value ? std::to_string(*filter.first_value) : "none"));
      }
      filters.shuffle_bit = bit;
    } else if (filter.number == kDeflate && filters.deflate_bit < 0) {
      filters.deflate_bit = bit;
    } else {
      const bool known = filter.number == kShuffle || filter.number == kDeflate;
      filters.problem = "its chunks are stored with " +
                        (known ? std::string("gzip and shuffle in an unsupported order")
                               : filter_name(filter.number) + ", which is not supported") +
                        ". Rewrite it with h5py without filters, or with gzip and shuffle only";
      break;
    }
  }
  return filters;
}

}  // namespace wishart::checkpoint
