#include "formats/numpy/numpy_file.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "wishart/core/error.hpp"
#include "wishart/core/file.hpp"
#include "wishart/core/hash.hpp"
#include "wishart/core/narrow.hpp"
#include "wishart/core/text.hpp"

#include "bytes/inflater.hpp"
#include "bytes/zip_directory.hpp"
#include "numbers/strided_read.hpp"
#include "text/json_scanner.hpp"

// Layout: NumPy Enhancement Proposal 1, and numpy/lib/format.py for versions 2 and 3.

namespace wishart::checkpoint {
namespace {

constexpr std::string_view kMagic("\x93NUMPY", 6);
constexpr std::string_view kEnding = ".npy";
constexpr std::int64_t kMaxHeaderTextBytes = 1 << 20;
constexpr std::size_t kMaxDimensions = 64;  // as of NumPy 2

struct Descr {
  std::string_view code;
  Dtype dtype;
};

constexpr std::array kDescrs{
    Descr{"<f8", Dtype::f64},     Descr{"<f4", Dtype::f32}, Descr{"<f2", Dtype::f16},
    Descr{"|b1", Dtype::boolean}, Descr{"|i1", Dtype::i8},  Descr{"|u1", Dtype::u8},
    Descr{"<i2", Dtype::i16},     Descr{"<u2", Dtype::u16}, Descr{"<i4", Dtype::i32},
    Descr{"<u4", Dtype::u32},     Descr{"<i8", Dtype::i64}, Descr{"<u8", Dtype::u64},
    Descr{"<c8", Dtype::c64},
};

/// The header of an array: a Python literal of a dict with three keys.
class NpyHeader {
public:
  NpyHeader(std::string_view text, std::string place) : rest_(text), place_(std::move(place)) {
    expect('{');
    while (!take('}')) {
      const std::string key = quoted("a key");
      expect(':');
      if (key == "descr" && descr.empty()) {
        read_descr();
      } else if (key == "fortran_order" && !order_known_) {
        fortran_order = word("True") || !word("False", true);
        order_known_ = true;
      } else if (key == "shape" && !shape_known_) {
        read_shape();
      } else {
        fail("expected descr, fortran_order and shape, each once, found " + in_quotes(key, 60));
      }
      if (!take(',')) {
        expect('}');
        break;
      }
    }
    skip_space();
    if (!rest_.empty()) fail("expected nothing after it, found " + found());
    if (descr.empty() || !order_known_ || !shape_known_) {
      fail("expected descr, fortran_order and shape, found only some of them");
    }
  }

  std::string descr;  ///< as written; `[...]` of a record
  bool fortran_order = false;
  std::vector<std::int64_t> shape;

private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(Blame::input, place_ + ": header: " + what);
  }
  [[nodiscard]] std::string found() const {
    return rest_.empty() ? "its end" : in_quotes(rest_.substr(0, 20));
  }
  void skip_space() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size()));
  }
  bool take(char c) {
    skip_space();
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void expect(char c) {
    if (!take(c)) fail(std::string("expected '") + c + "', found " + found());
  }
  bool word(std::string_view text, bool needed = false) {
    skip_space();
    if (!rest_.starts_with(text)) {
      if (needed) fail("expected True or False, found " + found());
      return false;
    }
    rest_.remove_prefix(text.size());
    return true;
  }
  std::string quoted(const char* what) {
    skip_space();
    const char quote = rest_.empty() ? '\0' : rest_.front();
    const std::size_t end =
        quote == '\'' || quote == '"' ? rest_.find(quote, 1) : std::string_view::npos;
    if (end == std::string_view::npos) fail(std::string("expected ") + what + ", found " + found());
    std::string text(rest_.substr(1, end - 1));
    rest_.remove_prefix(end + 1);
    return text;
  }
  /// A text, or the list of a record's fields, which is skipped.
  void read_descr() {
    skip_space();
    if (!rest_.starts_with('[')) {
      descr = quoted("a type");
      if (descr.empty()) fail("expected a type, found an empty one");
      return;
    }
    std::size_t depth = 0;
    do {
      if (rest_.empty()) fail("expected ']', found its end");
      const char c = rest_.front();
      depth += c == '[' ? 1 : 0;
      depth -= c == ']' ? 1 : 0;
      rest_.remove_prefix(1);
    } while (depth > 0);
    descr = "[...]";
  }
  void read_shape() {
    shape_known_ = true;
    expect('(');
    while (!take(')')) {
      skip_space();
      std::int64_t size = 0;
      const auto [end, status] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), size);
      if (status != std::errc{} || size < 0 || shape.size() == kMaxDimensions) {
        fail("expected a shape of at most 64 sizes, found " + found());
      }
      rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
      shape.push_back(size);
      if (!take(',')) {
        expect(')');
        break;
      }
    }
  }

  std::string_view rest_;
  std::string place_;
  bool order_known_ = false;
  bool shape_known_ = false;
};

/// An array with its header, as bytes of the file or as decompressed bytes.
struct Source {
  ReadBytes read;
  ByteRange range;
  Deflated deflated;
};

Source plain_source(const InputFile& file, ByteRange range) {
  return {[&file](std::int64_t offset_bytes, std::span<std::byte> out) {
            file.read(offset_bytes, out);
          },
          range,
          {}};
}

Source deflated_source(const InputFile& file, const Deflated& deflated) {
  const auto inflater = std::make_shared<Inflater>(deflated);
  return {[&file, inflater](std::int64_t offset_bytes, std::span<std::byte> out) {
            inflater->read(file, offset_bytes, out);
          },
          {0, deflated.size_bytes},
          deflated};
}

std::string bytes_of(const Source& source, ByteRange range) {
  std::string bytes(static_cast<std::size_t>(range.size_bytes), '\0');
  source.read(range.offset_bytes, std::as_writable_bytes(std::span(bytes)));
  return bytes;
}

/// Where the text of a header is.
ByteRange header_range(const Source& source, const std::string& place) {
  const ByteRange slice = source.range;
  constexpr std::int64_t kShortest = 10;
  constexpr std::int64_t kLonger = 12;  // from version 2 on the length has 4 bytes
  const std::string head =
      bytes_of(source, {slice.offset_bytes, std::min(slice.size_bytes, kLonger)});
  if (!head.starts_with(kMagic) || std::ssize(head) < kShortest) {
    throw Error(Blame::input, place + ": expected a NumPy array, found a different signature");
  }
  const auto byte = [&](std::size_t at) {
    return std::int64_t{static_cast<unsigned char>(head[at])};
  };
  const std::int64_t version = byte(6);
  if (version < 1 || version > 3 || (version > 1 && std::ssize(head) < kLonger)) {
    throw Error(Blame::input, place + ": expected a NumPy array of version 1 to 3, found " +
                                  std::to_string(version));
  }
  const std::int64_t begin = version == 1 ? kShortest : kLonger;
  std::int64_t length = byte(8) | (byte(9) << 8);
  if (version > 1) length |= (byte(10) << 16) | (byte(11) << 24);
  if (length > kMaxHeaderTextBytes || length > slice.size_bytes - begin) {
    throw Error(Blame::input, place + ": expected a header of at most 1 MiB in the " +
                                  std::to_string(slice.size_bytes) + " bytes of the array, found " +
                                  std::to_string(length) + " bytes");
  }
  return {slice.offset_bytes + begin, length};
}

/// Adds the array; returns the text of its header.
std::string add_array(NumpyFile& result, const Source& source, const std::string& name,
                      const std::string& place) {
  const ByteRange slice = source.range;
  const ByteRange range = header_range(source, place);
  std::string text = bytes_of(source, range);
  NpyHeader header(text, place);
  Tensor tensor;
  tensor.name = name;
  tensor.shape = std::move(header.shape);
  const std::optional<std::int64_t> count = checked_product(tensor.shape);
  if (!count) {
    throw Error(Blame::input, place + ": an array of shape " +
                                  printable(shape_text(tensor.shape), 100) + " is too large");
  }
  tensor.num_elements = *count;
  const auto known = std::find_if(kDescrs.begin(), kDescrs.end(),
                                  [&](const Descr& descr) { return descr.code == header.descr; });
  if (known == kDescrs.end()) {
    tensor.stored_as = printable("NumPy " + header.descr, 60);
    const bool two_bytes = header.descr == "|V2" || header.descr == "<V2";
    result.left_out.push_back(
        {std::move(tensor), "encoding-not-read",
         "elements of NumPy type " + in_quotes(header.descr, 60) + " are not supported" +
             (two_bytes ? ". If they are bfloat16, save them as float32" : "")});
    return text;
  }
  tensor.dtype = known->dtype;
  tensor.offset_bytes = range.offset_bytes + range.size_bytes;
  const std::int64_t found = slice.offset_bytes + slice.size_bytes - tensor.offset_bytes;
  const auto bytes = checked_product(*count, dtype_bits(tensor.dtype) / 8);
  if (!bytes || *bytes != found) {
    throw Error(Blame::input,
                place + ": expected " + (bytes ? std::to_string(*bytes) : "more than 2^63") +
                    " bytes of data for shape " + printable(shape_text(tensor.shape), 100) +
                    ", found " + std::to_string(found));
  }
  tensor.size_bytes = *bytes;
  tensor.deflated = source.deflated;
  if (header.fortran_order && *count > 0 && tensor.shape.size() > 1) {
    Extent whole;
    whole.origin.assign(tensor.shape.size(), 0);
    whole.size = tensor.shape;
    std::int64_t stride = 1;
    for (const std::int64_t size : tensor.shape) {
      whole.strides.push_back(stride);
      stride *= size;
    }
    whole.offset_bytes = tensor.offset_bytes;
    tensor.extents.push_back(std::move(whole));
  }
  result.tensors.push_back(std::move(tensor));
  return text;
}

/// The part of a Flax TrainState that is no weights, under whatever joins the words of its names.
bool is_optimizer_state(std::string_view name) {
  constexpr std::string_view kWord = "opt_state";
  return name.starts_with(kWord) && name.size() > kWord.size() &&
         std::string_view("/.-").find(name[kWord.size()]) != std::string_view::npos;
}

void read_archive(NumpyFile& result, const InputFile& file, const std::string& place) {
  const ZipDirectory directory(file, {0, result.source.size_bytes}, place);
  result.source.header_hash = directory.hash();
  for (const ZipEntry& entry : directory.entries()) {
    if (!entry.name.ends_with(kEnding) || entry.name.size() == kEnding.size()) continue;
    const std::string name = entry.name.substr(0, entry.name.size() - kEnding.size());
    if (name.find('\0') != std::string::npos) {
      throw Error(Blame::input,
                  place + ": array " + in_quotes(name, 100) + ": expected a name without NUL");
    }
    if (is_optimizer_state(name)) continue;
    const bool deflated = ZipDirectory::is_deflated(entry);
    add_array(result,
              deflated ? deflated_source(file, directory.deflated(entry))
                       : plain_source(file, directory.data(entry)),
              name, place + ": array " + in_quotes(name, 100));
  }
}

}  // namespace

NumpyFile read_numpy_file(const std::filesystem::path& path) {
  const InputFile input(path);
  const std::string place = printable(path.string());
  NumpyFile result;
  result.source.name = path.filename().string();
  result.source.size_bytes = input.size_bytes();
  result.source.mtime_ns = input.mtime_ns();
  const Source whole = plain_source(input, {0, result.source.size_bytes});
  const std::string head =
      bytes_of(whole, {0, std::min<std::int64_t>(result.source.size_bytes, 4)});
  if (head.starts_with(std::string_view("PK", 2))) {
    read_archive(result, input, place);
  } else {
    result.source.header_hash = hash_hex(add_array(result, whole, path.stem().string(), place));
  }
  if (result.tensors.empty() && result.left_out.empty()) {
    throw Error(Blame::input, place + ": expected NumPy arrays, found none");
  }
  return result;
}

namespace {

constexpr std::string_view kEndings[] = {".npz", ".npy"};

Weights read_weights(const std::filesystem::path& path) {
  NumpyFile file = read_numpy_file(path);
  return take_weights(file);
}

}  // namespace

const Format& numpy_format() {
  static constexpr Format kFormat{.name = "numpy",
                                  .endings = kEndings,
                                  .any_name = true,
                                  .array_ending = ".npy",
                                  .read_file = read_weights};
  return kFormat;
}

}  // namespace wishart::checkpoint
