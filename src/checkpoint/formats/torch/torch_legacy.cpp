#include "formats/torch/torch_legacy.hpp"

#include <algorithm>
#include <span>

#include "wishart/core/error.hpp"
#include "wishart/core/hash.hpp"
#include "wishart/core/narrow.hpp"

#include "text/json_scanner.hpp"

namespace wishart::checkpoint {
namespace {

/// PyTorch, torch/serialization.py: MAGIC_NUMBER as a pickled LONG1.
constexpr std::string_view kMagic("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\x2e",
                                  15);
constexpr std::int64_t kProtocolVersion = 1001;
constexpr std::int64_t kFirstWindow = std::int64_t{1} << 20;

/// Reads consecutive pickles.
class PickleSequence {
public:
  PickleSequence(const InputFile& file, std::string place)
      : file_(file), place_(std::move(place)), size_(file.size_bytes()) {}

  /// The next pickle. Its length is known only after parsing, so it is tried with more and more
  /// bytes.
  Pickle next() {
    for (std::int64_t window = kFirstWindow;; window *= 8) {
      const std::int64_t count = std::min({window, size_ - at_, Pickle::kMaxBytes});
      std::string bytes(static_cast<std::size_t>(count), '\0');
      file_.read(at_, std::as_writable_bytes(std::span(bytes)));
      try {
        Pickle pickle(bytes, place_);
        at_ += static_cast<std::int64_t>(pickle.size_bytes());
        bytes.resize(pickle.size_bytes());
        hash_ = hash_hex(hash_ + hash_hex(bytes));
        return pickle;
      } catch (const PickleCutShort&) {
        if (count < window) throw;
      }
    }
  }
  [[nodiscard]] std::int64_t offset_bytes() const noexcept { return at_; }
  [[nodiscard]] const std::string& hash() const noexcept { return hash_; }

private:
  const InputFile& file_;
  std::string place_;
  std::int64_t size_;
  std::int64_t at_ = 0;
  std::string hash_;
};

[[noreturn]] void fail(const std::string& place, const std::string& what) {
  throw Error(Blame::input, place + ": " + what);
}

/// Walks over the storages after the pickles: a count of elements, then the elements.
void place_storages(const InputFile& file, const Pickle& tree, const Pickle& keys,
                    std::int64_t offset_bytes, const std::string& place, LegacyTorch& legacy) {
  std::unordered_map<std::string, TorchStorage> known;
  for (TorchStorage& storage : torch_storages(tree)) {
    std::string key = storage.key;
    known.emplace(std::move(key), std::move(storage));
  }
  const std::int64_t file_bytes = file.size_bytes();
  for (const PickleRef item : keys.items(keys.top())) {
    const std::string key(keys.text(item));
    const auto found = known.find(key);
    if (found == known.end()) {
      fail(place, "storage " + in_quotes(key, 60) + " is listed, but no tensor refers to it");
    }
    std::int64_t count = 0;
    file.read(offset_bytes, std::as_writable_bytes(std::span(&count, 1)));
    offset_bytes += 8;
    const std::int64_t element_bytes = dtype_bits(found->second.dtype) / 8;
    const auto bytes = count < 0 ? std::nullopt : checked_product(count, element_bytes);
    if (!bytes || *bytes != found->second.size_bytes || *bytes > file_bytes - offset_bytes) {
      fail(place, "storage " + in_quotes(key, 60) + ": expected " +
                      std::to_string(found->second.size_bytes / element_bytes) +
                      " elements, found a count of " + std::to_string(count) + " and " +
                      std::to_string(file_bytes - offset_bytes) + " bytes to the end of the file");
    }
    if (!legacy.storages.emplace(key, ByteRange{offset_bytes, *bytes}).second) {
      fail(place, "storage " + in_quotes(key, 60) + " is listed twice");
    }
    offset_bytes += *bytes;
  }
}

}  // namespace

bool is_torch_legacy(std::string_view head) { return head.starts_with(kMagic); }

LegacyTorch read_torch_legacy(const InputFile& file, const std::string& place) {
  PickleSequence sequence(file, place);
  static_cast<void>(sequence.next());  // the magic number
  const Pickle version = sequence.next();
  if (version.integer(version.top()) != kProtocolVersion) {
    fail(place, "expected version 1001 of PyTorch's old format, found another");
  }
  const Pickle system = sequence.next();
  const PickleRef little = system.value(system.top(), "little_endian");
  if (little != Pickle::kNone && !system.is_true(little)) {
    fail(place, "is big-endian, which is not supported");
  }
  const Pickle tree = sequence.next();
  const Pickle keys = sequence.next();
  LegacyTorch legacy;
  legacy.hash = sequence.hash();
  legacy.tree = read_torch_tree(tree);
  place_storages(file, tree, keys, sequence.offset_bytes(), place, legacy);
  for (const TorchTensor& tensor : legacy.tree.tensors) {
    if (legacy.storages.contains(tensor.storage_key)) continue;
    fail(place, "tensor " + in_quotes(tensor.name) + ": its storage " +
                    in_quotes(tensor.storage_key, 60) + " is not in the file");
  }
  return legacy;
}

}  // namespace wishart::checkpoint
