#pragma once

/// @file
/// Damages to quantised checkpoints, which must be refused by name: a part that is missing, of
/// another type, transposed, of another shape, or in another shard than the index says.

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include "quantised_support.hpp"

namespace wishart::test {

/// True if this damage to this part gives another right checkpoint.
using Legitimate = std::function<bool(const std::string& damage, std::size_t part)>;

inline std::string size_of(const TensorText& tensor, char fill) {
  std::int64_t bits = dtype_bits(*dtype_from_name(tensor.dtype));
  for (const std::int64_t size : tensor.shape) bits *= size;
  return std::string(static_cast<std::size_t>(bits / 8), fill);
}

/// Calls `refused(damage, checkpoint)` for each damage to each part inside one file.
template <class Refused>
void for_damages(const Example& good, const Legitimate& legitimate, Refused&& refused) {
  for (std::size_t p = 0; p < good.tensors.size(); ++p) {
    const auto damaged = [&](const char* damage, auto&& change) {
      if (legitimate && legitimate(damage, p)) return;
      Example bad = good;
      change(bad.tensors[p]);
      refused(damage, good.tensors[p].name, bad);
    };
    if (!legitimate || !legitimate("missing", p)) {
      Example bad = good;
      bad.tensors.erase(bad.tensors.begin() + static_cast<std::ptrdiff_t>(p));
      refused("missing", good.tensors[p].name, bad);
    }
    const auto retyped = [&](const char* type) {
      damaged("of another type", [&](TensorText& part) {
        part.dtype = type;
        part.data = size_of(part, '\1');
      });
    };
    for (const char* type : {"I64", "BOOL", "C64"}) {
      if (good.tensors[p].dtype != type) retyped(type);
    }
    // As many bits, another meaning.
    if (good.tensors[p].dtype == "I32") retyped("U32");
    if (good.tensors[p].dtype == "U32") retyped("I32");
    const std::vector<std::int64_t>& shape = good.tensors[p].shape;
    if (shape.size() > 1 && shape[0] != shape.back()) {
      damaged("transposed",
              [](TensorText& part) { std::swap(part.shape.front(), part.shape.back()); });
    }
    damaged("of another shape", [](TensorText& part) {
      if (part.shape.empty()) part.shape = {1};
      part.shape.front() += 32;
      part.data = size_of(part, '\1');
    });
  }
}

/// Each damage is refused by the name of the weight or the part; returns how many there were.
inline std::int64_t check_damages(const std::string& what, const Example& good,
                                  const Legitimate& legitimate = {}) {
  std::int64_t refusals = 0;
  for_damages(good, legitimate,
              [&](const std::string& damage, const std::string& part, const Example& bad) {
                const std::string text = refusal_of(bad);
                INFO(what << ": " << part << " " << damage << ": " << text);
                CHECK(text.find("'m") != std::string::npos);
                ++refusals;
              });
  return refusals;
}

/// Where a part in a second file is, by the index.
enum class Shard {
  listed,      ///< there
  elsewhere,   ///< in the first file
  not_listed,  ///< nowhere; the index lists another tensor of its file
  not_read,    ///< nowhere, and its file neither
};

inline void write_shards(const TempFolder& folder, const Example& example, std::size_t part,
                         Shard how) {
  const char* first = "model-00001-of-00002.safetensors";
  const char* second = "model-00002-of-00002.safetensors";
  const char* third = "rest.safetensors";
  const TensorText other{"other.norm", "F32", {2}, std::string(8, '\1')};
  std::vector<TensorText> rest = example.tensors;
  rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(part));
  std::vector<TensorText> moved{example.tensors[part]};
  std::string map;
  const auto list = [&](const TensorText& tensor, const char* file) {
    map += (map.empty() ? "" : ",") + json_quoted(tensor.name) + ":" + json_quoted(file);
  };
  for (const TensorText& tensor : rest) list(tensor, first);
  list(other, second);
  if (how == Shard::listed) list(moved[0], second);
  if (how == Shard::elsewhere) list(moved[0], first);
  folder.write(first, safetensors_bytes(rest, example.header));
  if (how == Shard::not_read) {
    folder.write(third, safetensors_bytes(moved));
    moved.clear();
  }
  moved.push_back(other);
  folder.write(second, safetensors_bytes(moved));
  folder.write("model.safetensors.index.json", "{\"weight_map\":{" + map + "}}");
  if (!example.config.empty()) folder.write("config.json", example.config);
}

/// The part in another shard is read where the index lists it, and refused by name where not.
/// @param counts  the parts to try; empty: all
inline std::int64_t check_shards(const std::string& what, const Example& good,
                                 const Legitimate& legitimate = {}) {
  std::int64_t tried = 0;
  for (std::size_t p = 0; p < good.tensors.size(); ++p) {
    if (legitimate && legitimate("in another shard", p)) continue;
    INFO(what << ": " << good.tensors[p].name);
    {
      const TempFolder folder;
      write_shards(folder, good, p, Shard::listed);
      const checkpoint::Catalogue catalogue = checkpoint::open_checkpoint(folder.path());
      const auto reader = checkpoint::make_reader(catalogue.root, catalogue.files);
      std::vector<double> values;
      for (const Tensor& tensor : catalogue.tensors) {
        if (tensor.name != good.weight) continue;
        values.resize(static_cast<std::size_t>(tensor.num_elements));
        reader->read_elements(tensor, 0, values);
      }
      CHECK(values == values_of(good));
    }
    for (const Shard how : {Shard::elsewhere, Shard::not_listed, Shard::not_read}) {
      const TempFolder folder;
      write_shards(folder, good, p, how);
      const std::string text =
          error_of([&] { static_cast<void>(checkpoint::open_checkpoint(folder.path())); });
      INFO(static_cast<int>(how) << ": " << text);
      CHECK(text.find("'m") != std::string::npos);
    }
    ++tried;
  }
  return tried;
}

}  // namespace wishart::test
