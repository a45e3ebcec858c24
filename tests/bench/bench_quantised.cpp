/// @file
/// Speed of reading quantised weights, compared with bf16 weights of the same shape.
///
///     taskset -c 1 bench_quantised [--rows R] [--cols C] [--runs K] [--panel-kib P]
///
/// Writes one checkpoint with four R x C weights: bf16, MXFP4, and FP8 with scales of blocks of
/// 128 x 128 and of rows. Then, K times, it reads each of them from the page cache, in panels of P
/// KiB of float64, over and over the same memory. Prints a line for each quantised weight, medians
/// of the K runs:
///
///     version,weight,elements,seconds,ns_per_element,ratio_to_bf16
///
/// The last is the median over runs of the seconds for bf16 divided by those for this weight, so
/// that a busy machine slows both. Ends with 1 if what was read is not what was written.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <exception>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "wishart/checkpoint/catalogue.hpp"
#include "wishart/checkpoint/element_reader.hpp"
#include "wishart/core/build_info.hpp"
#include "wishart/core/error.hpp"
#include "wishart/spectrum/workspace.hpp"

#include "../support/temp_folder.hpp"
#include "median.hpp"

using namespace wishart;
using bench::median;

namespace {

struct Options {
  std::int64_t rows = 8192;
  std::int64_t cols = 4096;
  std::int64_t runs = 9;
  std::int64_t panel_kib = 16384;  ///< as a scan reads them
};

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    const std::int64_t value = std::stoll(argv[i + 1]);
    if (name == "--rows") options.rows = value;
    if (name == "--cols") options.cols = value;
    if (name == "--runs") options.runs = value;
    if (name == "--panel-kib") options.panel_kib = value;
  }
  if (argc % 2 == 0 || options.rows < 1 || options.cols < 32 || options.cols % 32 != 0 ||
      options.runs < 1 || options.panel_kib < 1) {
    throw Error(Blame::usage, "see the comment at the head of bench_quantised.cpp");
  }
  return options;
}

/// A number without a pattern that a wrong offset could reproduce.
std::uint64_t mixed(std::int64_t place) {
  std::uint64_t value = static_cast<std::uint64_t>(place) * 0x9e3779b97f4a7c15ULL;
  value = (value ^ (value >> 32U)) * 0xd6e8feb86659fd93ULL;
  return value ^ (value >> 29U);
}

/// Weight of the sum by which what was read is compared with what was written. All sums are exact.
double weight_of(std::int64_t element) { return static_cast<double>(1 + element % 7); }

constexpr std::array<double, 4> kNumbers{1, -0.5, 2, 0.25};
constexpr std::array<std::uint8_t, 4> kE4M3{0x38, 0xB0, 0x40, 0x28};
constexpr std::array<std::uint16_t, 4> kBf16{0x3F80, 0xBF00, 0x4000, 0x3E80};
constexpr std::array<double, 16> kFp4{0,    0.5,  1,  1.5,  2,  3,  4,  6,
                                      -0.0, -0.5, -1, -1.5, -2, -3, -4, -6};

/// A weight, its scales, and the sum of its elements times their weights.
struct Stored {
  std::string name;
  std::string dtype;
  std::string codes;
  std::string scale_name;
  std::string scale_dtype;
  std::int64_t scale_rows = 0;
  std::int64_t scale_cols = 0;
  std::string scales;
  double sum = 0;
};

void add_bytes(std::string& to, const void* from, std::size_t count) {
  to.append(static_cast<const char*>(from), count);
}

/// Scales 2^-3 to 2^4 for blocks of rows and columns, as floats or as exponents.
double scale_of(std::int64_t place) {
  return static_cast<double>(1U << (mixed(place + 12345) % 8)) / 8;
}
void add_scales(Stored& weight, bool exponents) {
  for (std::int64_t place = 0; place < weight.scale_rows * weight.scale_cols; ++place) {
    const auto value = static_cast<float>(scale_of(place));
    std::uint32_t bits = 0;
    std::memcpy(&bits, &value, sizeof(bits));
    const auto exponent = static_cast<std::uint8_t>(bits >> 23U);
    if (exponents) {
      add_bytes(weight.scales, &exponent, 1);
    } else {
      add_bytes(weight.scales, &value, sizeof(value));
    }
  }
}

Stored bf16_weight(const Options& options) {
  Stored weight;
  weight.name = "bf16.weight";
  weight.dtype = "BF16";
  for (std::int64_t e = 0; e < options.rows * options.cols; ++e) {
    const std::size_t which = mixed(e) % 4;
    add_bytes(weight.codes, &kBf16[which], 2);
    weight.sum += kNumbers[which] * weight_of(e);
  }
  return weight;
}

Stored mxfp4_weight(const Options& options) {
  Stored weight;
  weight.name = "mxfp4.weight";
  weight.dtype = "F4";
  weight.scale_name = "mxfp4.scale";
  weight.scale_dtype = "F8_E8M0";
  weight.scale_rows = options.rows;
  weight.scale_cols = options.cols / 32;
  add_scales(weight, true);
  for (std::int64_t e = 0; e < options.rows * options.cols; e += 2) {
    const auto byte = static_cast<std::uint8_t>(mixed(e));
    add_bytes(weight.codes, &byte, 1);
    const double scale = scale_of(e / 32);
    weight.sum += kFp4[byte & 15U] * scale * weight_of(e);
    weight.sum += kFp4[byte >> 4U] * scale * weight_of(e + 1);
  }
  return weight;
}

Stored fp8_weight(const Options& options, bool of_rows) {
  Stored weight;
  weight.name = of_rows ? "fp8-rows.weight" : "fp8-blocks.weight";
  weight.dtype = "F8_E4M3";
  weight.scale_name = weight.name + (of_rows ? "_scale" : "_scale_inv");
  weight.scale_dtype = "F32";
  weight.scale_rows = of_rows ? options.rows : (options.rows + 127) / 128;
  weight.scale_cols = of_rows ? 1 : (options.cols + 127) / 128;
  add_scales(weight, false);
  for (std::int64_t e = 0; e < options.rows * options.cols; ++e) {
    const std::size_t which = mixed(e) % 4;
    add_bytes(weight.codes, &kE4M3[which], 1);
    const std::int64_t row = e / options.cols;
    const std::int64_t col = e % options.cols;
    const double scale = scale_of(of_rows ? row : row / 128 * weight.scale_cols + col / 128);
    weight.sum += kNumbers[which] * scale * weight_of(e);
  }
  return weight;
}

class Writer {
public:
  void add(const std::string& name, const std::string& dtype, std::int64_t rows, std::int64_t cols,
           const std::string& bytes) {
    const auto end = static_cast<std::int64_t>(data_.size() + bytes.size());
    header_ += (header_.empty() ? "{\"" : ",\"") + name + "\":{\"dtype\":\"" + dtype +
               "\",\"shape\":[" + std::to_string(rows) + "," + std::to_string(cols) +
               "],\"data_offsets\":[" + std::to_string(data_.size()) + "," + std::to_string(end) +
               "]}";
    data_ += bytes;
  }
  void write(const std::filesystem::path& path) const {
    const std::string header = header_ + "}";
    const std::uint64_t length = header.size();
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(&length), sizeof(length));
    file << header << data_;
    file.close();
    if (!file) throw Error(Blame::resource, "bench_quantised: the file could not be written");
  }

private:
  std::string header_;
  std::string data_;
};

/// The weights on disk, and the way to read them.
class Bench {
public:
  Bench(const Options& options, const std::filesystem::path& path)
      : options_(options),
        catalogue_(written(path)),
        reader_(checkpoint::make_reader(catalogue_.root, catalogue_.files)),
        depth_(std::clamp<std::int64_t>(options.panel_kib * 128 / options.cols, 1, options.rows)),
        panel_(workspace_.take<double>(depth_ * options.cols)) {
    for (std::size_t w = 0; w < sums_.size(); ++w) check(w);
  }

  [[nodiscard]] std::size_t num_weights() const { return names_.size(); }
  [[nodiscard]] const std::string& name(std::size_t weight) const { return names_[weight]; }

  /// Reads a weight once.
  double seconds(std::size_t weight) {
    const Matrix matrix = matrix_of(weight);
    const auto begin = std::chrono::steady_clock::now();
    for_each_panel(matrix, [](std::int64_t, std::span<const double>) {});
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }

private:
  checkpoint::Catalogue written(const std::filesystem::path& path) {
    Writer writer;
    for (const Stored& weight : {bf16_weight(options_), mxfp4_weight(options_),
                                 fp8_weight(options_, false), fp8_weight(options_, true)}) {
      writer.add(weight.name, weight.dtype, options_.rows, options_.cols, weight.codes);
      if (!weight.scales.empty()) {
        writer.add(weight.scale_name, weight.scale_dtype, weight.scale_rows, weight.scale_cols,
                   weight.scales);
      }
      names_.push_back(weight.name);
      sums_.push_back(weight.sum);
    }
    writer.write(path);
    return checkpoint::open_checkpoint(path);
  }

  [[nodiscard]] Matrix matrix_of(std::size_t weight) const {
    for (const Tensor& tensor : catalogue_.tensors) {
      if (tensor.name != names_[weight]) continue;
      Matrix matrix;
      matrix.tensor = tensor;
      matrix.rows = options_.rows;
      matrix.cols = options_.cols;
      matrix.views = {{0, options_.cols, 1}};
      return matrix;
    }
    throw Error(Blame::bug, "there is no weight " + names_[weight]);
  }

  template <class Body>
  void for_each_panel(const Matrix& matrix, Body&& body) {
    for (std::int64_t row = 0; row < options_.rows; row += depth_) {
      const std::int64_t end = std::min(row + depth_, options_.rows);
      const auto panel = panel_.first(static_cast<std::size_t>((end - row) * options_.cols));
      checkpoint::read_block(*reader_, matrix, 0, {row, end, 0, options_.cols}, panel);
      body(row * options_.cols, panel);
    }
  }

  /// Throws unless what is read is what was written.
  void check(std::size_t weight) {
    double sum = 0;
    for_each_panel(matrix_of(weight), [&](std::int64_t first, std::span<const double> panel) {
      for (const double value : panel) sum += value * weight_of(first++);
    });
    if (sum != sums_[weight]) throw Error(Blame::bug, "what was read is not what was written");
  }

  const Options& options_;
  std::vector<std::string> names_;
  std::vector<double> sums_;
  checkpoint::Catalogue catalogue_;
  std::unique_ptr<checkpoint::ElementReader> reader_;
  std::int64_t depth_;
  spectrum::Workspace workspace_;
  std::span<double> panel_;  ///< in the same kind of memory as in a job
};

void run(const Options& options) {
  const test::TempFolder folder;
  Bench bench(options, folder / "bench.safetensors");
  std::vector<std::vector<double>> seconds(bench.num_weights());
  std::vector<std::vector<double>> ratios(bench.num_weights());
  for (std::int64_t k = 0; k < options.runs; ++k) {
    for (std::size_t w = 0; w < bench.num_weights(); ++w) {
      seconds[w].push_back(bench.seconds(w));
      ratios[w].push_back(seconds[0].back() / seconds[w].back());
    }
  }
  for (std::size_t w = 0; w < bench.num_weights(); ++w) {
    const double time = median(seconds[w]);
    const std::int64_t elements = options.rows * options.cols;
    std::printf("%s,%s,%lld,%.6f,%.3f,%.3f\n", std::string(build_info().commit).c_str(),
                bench.name(w).c_str(), static_cast<long long>(elements), time,
                time / static_cast<double>(elements) * 1e9, median(ratios[w]));
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run(parse(argc, argv));
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
