#pragma once

/// @file
/// Reads a TensorProto of an ONNX model: what it is, and where its numbers are.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "wishart/checkpoint/catalogue.hpp"

#include "bytes/wire_reader.hpp"

namespace wishart::checkpoint {

/// An initializer or a constant: its numbers are in place, unless `why_not` says why they cannot
/// be.
struct OnnxValue {
  Tensor tensor;
  std::uint64_t type = 0;  ///< TensorProto.DataType
  std::string type_name;   ///< `INT4`
  std::string why_not;
  bool is_constant = false;  ///< from a `Constant` node
  bool is_used = false;      ///< part of a quantised weight: not listed by itself
};

/// Bits of a type that is packed, several elements to a byte; 0 for other types.
[[nodiscard]] std::int64_t packed_bits(std::uint64_t type) noexcept;

/// Reads the tensors of one model, and keeps the list of its data files.
class OnnxTensors {
public:
  /// @param folder  of the model; no data file is outside of it
  OnnxTensors(WireBytes& bytes, std::filesystem::path folder)
      : bytes_(bytes), folder_(std::move(folder)) {}

  /// The initializer in `range`, or the constant that a node calls `output`. Its name begins with
  /// `prefix`.
  /// @throws Error with Blame::input that names the tensor
  [[nodiscard]] OnnxValue read(ByteRange range, const std::string& prefix,
                               const std::string& output);

  /// The data files, named by their paths below the folder: file k of a tensor is number k - 1.
  [[nodiscard]] std::vector<SourceFile> take_data_files() { return std::move(data_files_); }

  [[noreturn]] void fail(const Tensor& tensor, const std::string& what) const;

private:
  struct Stored;

  [[nodiscard]] Stored stored(ByteRange range) const;
  void read_dims(Tensor& tensor, const WireField& field) const;
  void read_entry(Stored& one, ByteRange range) const;
  [[nodiscard]] std::int64_t whole_number(const Tensor& tensor, const std::string& key,
                                          const std::string& text) const;
  [[nodiscard]] std::string place(Stored& one);
  void measure(Tensor& tensor, std::int64_t element_bits) const;
  void expect_bytes(const Tensor& tensor, std::int64_t found) const;
  void place_inside(Tensor& tensor, ByteRange range) const;
  void place_numbers(Tensor& tensor, std::uint64_t type, ByteRange list);
  void place_outside(Stored& one);

  WireBytes& bytes_;
  std::filesystem::path folder_;
  std::vector<SourceFile> data_files_;
  std::map<std::string, std::int32_t> file_numbers_;  // location -> its number among the files
};

}  // namespace wishart::checkpoint
