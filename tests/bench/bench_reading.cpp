/// @file
/// Speed of converting stored bytes to float64, compared with copying the same bytes.
///
///     taskset -c 1 bench_reading [--what W] [--dtype D] [--mib N] [--runs K] [--panel-kib P]
///
/// Writes a checkpoint of N MiB. Then, K times, it reads the file with `dd bs=1M of=/dev/null` (1
/// MiB is dd's fastest block size here) and with the method W. Both read from the page cache.
/// Prints one line, medians of the K runs:
///
///     version,what,dtype,mib,seconds,gb_per_s,ratio_to_dd
///
/// with bytes as stored; the last is the median over runs of the seconds reported by dd divided by
/// those of W, so that a busy machine slows both. W is one of read        into panels of P KiB of
/// float64, over and over the same memory read-tally  the same, and each panel through the tally
/// decode      a panel's codes from memory, as often as the file is longer tally       a panel
/// through the tally, as often as the file is longer Ends with 1 if what was read is not what was
/// written.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <exception>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "wishart/checkpoint/catalogue.hpp"
#include "wishart/checkpoint/decode.hpp"
#include "wishart/checkpoint/element_reader.hpp"
#include "wishart/core/build_info.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/file.hpp"
#include "wishart/spectrum/tally.hpp"
#include "wishart/spectrum/workspace.hpp"

#include "../support/temp_folder.hpp"
#include "median.hpp"

using namespace wishart;
using bench::median;

namespace {

struct Options {
  std::string what = "read";
  std::string dtype = "BF16";
  std::int64_t mib = 512;
  std::int64_t runs = 9;
  std::int64_t panel_kib = 512;
};

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    const std::string value = argv[i + 1];
    if (name == "--what") options.what = value;
    if (name == "--dtype") options.dtype = value;
    if (name == "--mib") options.mib = std::stoll(value);
    if (name == "--runs") options.runs = std::stoll(value);
    if (name == "--panel-kib") options.panel_kib = std::stoll(value);
  }
  const auto& whats = {"read", "read-tally", "decode", "tally"};
  const bool known = std::find(whats.begin(), whats.end(), options.what) != whats.end();
  if (argc % 2 == 0 || !known || options.mib < 1 || options.runs < 1 || options.panel_kib < 1) {
    throw Error(Blame::usage, "see the comment at the head of bench_reading.cpp");
  }
  return options;
}

/// The numbers in the file, as stored in each type.
constexpr std::array<double, 4> kNumbers{1, -0.5, 2, 0.25};

std::array<std::uint64_t, 4> codes_of(Dtype dtype) {
  if (dtype == Dtype::bf16) return {0x3F80, 0xBF00, 0x4000, 0x3E80};
  if (dtype == Dtype::f16) return {0x3C00, 0xB800, 0x4000, 0x3400};
  if (dtype == Dtype::f32) return {0x3F800000, 0xBF000000, 0x40000000, 0x3E800000};
  if (dtype == Dtype::f8_e4m3) return {0x38, 0xB0, 0x40, 0x28};
  if (dtype == Dtype::f8_e5m2) return {0x3C, 0xB8, 0x40, 0x34};
  throw Error(Blame::usage, "bench_reading: --dtype must be BF16, F16, F32, F8_E4M3 or F8_E5M2");
}

/// The number at an element. There is no pattern that a wrong offset could reproduce.
std::size_t choice(std::int64_t element) {
  std::uint64_t mixed = static_cast<std::uint64_t>(element) * 0x9e3779b97f4a7c15ULL;
  mixed = (mixed ^ (mixed >> 32U)) * 0xd6e8feb86659fd93ULL;
  return mixed >> 62U;
}

/// Writes one tensor of `mib` MiB; returns the sum of (1 + i mod 7) times element i, which is exact
/// in float64.
double write_checkpoint(const std::filesystem::path& path, Dtype dtype, std::int64_t mib) {
  const std::int64_t element_bytes = dtype_bits(dtype) / 8;
  const std::int64_t bytes = mib << 20;
  const std::int64_t cols = (std::int64_t{1} << 20) / element_bytes;
  const std::string header = "{\"w\":{\"dtype\":\"" + std::string(dtype_name(dtype)) +
                             "\",\"shape\":[" + std::to_string(mib) + "," + std::to_string(cols) +
                             "],\"data_offsets\":[0," + std::to_string(bytes) + "]}}";
  const std::uint64_t length = header.size();
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(&length), sizeof(length));
  file << header;
  const std::array<std::uint64_t, 4> codes = codes_of(dtype);
  std::vector<char> row(std::size_t{1} << 20);
  double sum = 0;
  for (std::int64_t element = 0; element < mib * cols;) {
    for (std::int64_t col = 0; col < cols; ++col, ++element) {
      const std::size_t which = choice(element);
      std::memcpy(row.data() + col * element_bytes, &codes[which],
                  static_cast<std::size_t>(element_bytes));
      sum += kNumbers[which] * static_cast<double>(1 + element % 7);
    }
    file.write(row.data(), static_cast<std::streamsize>(row.size()));
  }
  file.close();
  if (!file) throw Error(Blame::resource, "bench_reading: the file could not be written");
  return sum;
}

/// The seconds that dd reports for the file.
double seconds_of_dd(const std::filesystem::path& path) {
  const std::string command = "LC_ALL=C dd if='" + path.string() + "' of=/dev/null bs=1M 2>&1";
  std::FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) throw Error(Blame::resource, "bench_reading: dd cannot be started");
  std::string said(4096, '\0');
  said.resize(std::fread(said.data(), 1, said.size(), pipe));
  const int status = ::pclose(pipe);
  const std::size_t copied = said.find("copied, ");
  if (status != 0 || copied == std::string::npos) {
    throw Error(Blame::resource, "bench_reading: dd said: " + said);
  }
  return std::stod(said.substr(copied + 8));
}

/// A checkpoint on disk, and the ways to read it.
class Bench {
public:
  Bench(const Options& options, const std::filesystem::path& path)
      : options_(options),
        expected_(write_checkpoint(path, dtype_from_name(options.dtype).value(), options.mib)),
        catalogue_(checkpoint::open_checkpoint(path)),
        reader_(checkpoint::make_reader(catalogue_.root, catalogue_.files)),
        tensor_(catalogue_.tensors.at(0)),
        panel_(workspace_.take<double>(std::min(options.panel_kib * 128, tensor_.num_elements))) {
    checked_pass();
    raw_.resize(panel_.size() * static_cast<std::size_t>(dtype_bits(tensor_.dtype) / 8));
    InputFile(path).read(tensor_.offset_bytes, raw_);
  }

  /// One pass over as many elements as the file has.
  void pass() {
    spectrum::Tally tally;
    for_each_panel([&](std::int64_t first, std::span<double> panel) {
      if (options_.what == "decode") {
        const std::size_t bytes = raw_.size() / panel_.size() * panel.size();
        checkpoint::decode(tensor_.dtype, std::span(raw_).first(bytes), panel);
      } else if (options_.what != "tally") {
        reader_->read_elements(tensor_, first, panel);
      }
      if (options_.what == "tally" || options_.what == "read-tally") tally.add(first, panel);
    });
    if (tally.num_nan() != 0) throw Error(Blame::bug, "NaN was read that nobody wrote");
  }

private:
  template <class Body>
  void for_each_panel(Body&& body) {
    const auto step = static_cast<std::int64_t>(panel_.size());
    for (std::int64_t first = 0; first < tensor_.num_elements; first += step) {
      const auto left = static_cast<std::size_t>(tensor_.num_elements - first);
      body(first, panel_.first(std::min(panel_.size(), left)));
    }
  }

  /// Reads everything once, and throws unless it is what was written.
  void checked_pass() {
    double sum = 0;
    for_each_panel([&](std::int64_t first, std::span<double> panel) {
      reader_->read_elements(tensor_, first, panel);
      for (std::size_t i = 0; i < panel.size(); ++i) {
        sum += panel[i] * static_cast<double>(1 + (first + static_cast<std::int64_t>(i)) % 7);
      }
    });
    if (sum != expected_) throw Error(Blame::bug, "what was read is not what was written");
  }

  const Options& options_;
  double expected_;
  checkpoint::Catalogue catalogue_;
  std::unique_ptr<checkpoint::ElementReader> reader_;
  const Tensor& tensor_;
  spectrum::Workspace workspace_;
  std::span<double> panel_;  ///< in the same kind of memory as in a job
  std::vector<std::byte> raw_;
};

double seconds_of(const std::function<void()>& body) {
  const auto begin = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

void run(const Options& options) {
  const test::TempFolder folder;
  const std::filesystem::path path = folder / "bench.safetensors";
  Bench bench(options, path);
  std::vector<double> seconds;
  std::vector<double> ratios;
  for (std::int64_t k = 0; k < options.runs; ++k) {
    const double dd = seconds_of_dd(path);
    seconds.push_back(seconds_of([&] { bench.pass(); }));
    ratios.push_back(dd / seconds.back());
  }
  const double bytes = static_cast<double>(options.mib) * 1048576;
  std::printf("%s,%s,%s,%lld,%.6f,%.3f,%.3f\n", std::string(build_info().commit).c_str(),
              options.what.c_str(), options.dtype.c_str(), static_cast<long long>(options.mib),
              median(seconds), bytes / median(seconds) * 1e-9, median(ratios));
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
