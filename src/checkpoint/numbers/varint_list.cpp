#include "numbers/varint_list.hpp"

#include <algorithm>
#include <cstddef>

#include "wishart/checkpoint/decode.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"

#include "text/json_scanner.hpp"

namespace wishart::checkpoint {
namespace {

/// The most recently decoded elements of a list. The next row usually begins inside them.
class Run {
public:
  Run(ElementReader& reader, const Tensor& tensor) : reader_(reader), tensor_(tensor) {}

  /// Elements [first, first + out.size()).
  void copy(std::int64_t first, std::span<double> out) {
    while (!out.empty()) {
      load(first / kVarintRun);
      const std::int64_t from = first % kVarintRun;
      const std::int64_t count =
          std::min(std::ssize(values_) - from, static_cast<std::int64_t>(out.size()));
      require(count > 0, "an element of a varint list is in none of its runs");
      std::copy_n(values_.begin() + from, count, out.begin());
      out = out.subspan(static_cast<std::size_t>(count));
      first += count;
    }
  }

private:
  void load(std::int64_t number) {
    if (number == number_) return;
    const std::vector<std::int64_t>& places = tensor_.numbers;
    require(number >= 0 && number < std::ssize(places), "a run of varints has no offset");
    const Tensor& list = tensor_.parts[0];
    const auto index = static_cast<std::size_t>(number);
    const bool last = index + 1 == places.size();
    const std::int64_t begin = places[index];
    bytes_.resize(static_cast<std::size_t>((last ? list.num_elements : places[index + 1]) - begin));
    reader_.read_elements(list, begin, bytes_);
    const std::int64_t left = tensor_.num_elements - number * kVarintRun;
    values_.resize(static_cast<std::size_t>(std::min(left, kVarintRun)));
    convert();
    number_ = number;
  }

  /// Converts the bits of each number to an element. Their lengths were checked before.
  void convert() {
    const auto width = static_cast<std::size_t>(dtype_bits(tensor_.dtype) / 8);
    raw_.assign(values_.size() * width, std::byte{0});
    std::size_t at = 0;
    for (std::size_t i = 0; i < values_.size(); ++i) {
      std::uint64_t bits = 0;
      bool more = true;
      for (unsigned shift = 0; more; shift += 7) {
        if (at == bytes_.size() || shift > 63) {
          throw Error(Blame::input,
                      "tensor " + in_quotes(tensor_.name, 100) +
                          ": changed while it was being read: its variable-length "
                          "numbers are different now. Run again when no other program "
                          "is writing to it");
        }
        const auto byte = static_cast<std::uint64_t>(bytes_[at++]);
        bits |= (byte & 0x7FU) << shift;
        more = (byte & 0x80U) != 0;
      }
      for (std::size_t b = 0; b < width; ++b) {
        raw_[i * width + b] = static_cast<std::byte>(bits >> (8 * b));
      }
    }
    decode(tensor_.dtype, raw_, values_);
  }

  ElementReader& reader_;
  const Tensor& tensor_;
  std::int64_t number_ = -1;
  std::vector<double> bytes_;
  std::vector<std::byte> raw_;
  std::vector<double> values_;
};

}  // namespace

std::vector<std::int64_t> varint_places(WireBytes& bytes, ByteRange list, std::int64_t count,
                                        std::int64_t bits, bool is_signed,
                                        const std::string& what) {
  const std::uint64_t most = (std::uint64_t{1} << static_cast<unsigned>(bits)) - 1;
  const std::uint64_t middle = most / 2 + 1;
  std::vector<std::int64_t> places;
  WireMessage numbers(bytes, list);
  std::int64_t found = 0;
  for (; !numbers.at_end(); ++found) {
    if (found % kVarintRun == 0) places.push_back(numbers.position() - list.offset_bytes);
    const std::uint64_t value = numbers.varint();
    // From -2^(bits - 1) on, as numbers without a sign.
    const bool fits =
        is_signed ? value < middle || value >= ~std::uint64_t{0} - (middle - 1) : value <= most;
    if (!fits) {
      bytes.fail(what + ": expected numbers of " + std::to_string(bits) + " bits, found " +
                 std::to_string(value) + " as number " + std::to_string(found));
    }
  }
  if (found != count) {
    bytes.fail(what + ": expected " + std::to_string(count) + " numbers, found " +
               std::to_string(found));
  }
  return places;
}

void read_varints(ElementReader& reader, const Tensor& tensor, const Block& block,
                  std::span<double> out) {
  const std::int64_t width = tensor.shape.empty() ? 1 : tensor.shape.back();
  const auto cols = static_cast<std::size_t>(block.col_end - block.col_begin);
  Run run(reader, tensor);
  for (std::int64_t row = block.row_begin; row < block.row_end; ++row) {
    run.copy(row * width + block.col_begin, out.first(cols));
    out = out.subspan(cols);
  }
}

}  // namespace wishart::checkpoint
