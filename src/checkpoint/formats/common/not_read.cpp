#include "formats/common/not_read.hpp"

#include <algorithm>
#include <array>

#include "wishart/core/text.hpp"

#include "formats/common/weight_names.hpp"

namespace wishart::checkpoint {
namespace {

/// A format by the names of its files. In `beside` and `weights`, `=` stands for what `*` is in
/// `pattern`.
struct NotRead {
  std::string_view pattern;  ///< of a name that shows it
  std::string_view beside;   ///< of another name that must be there too; empty: none
  std::string_view weights;  ///< of its files that look like those of a format that is read
  std::string_view name;
  std::string_view remedy;
};

constexpr std::string_view kUnpackNemo =
    "It is a tar archive: unpack it (tar -xf), and name what it holds";
constexpr std::string_view kRestoreOrbax =
    "Restore it with orbax-checkpoint, and save the arrays with numpy.savez, each layer by itself";
constexpr std::string_view kOriginal = "Scan the model that it was made from";

// The pattern that tells most comes first. Sources of the less known:
// Orbax: google/orbax 3ff7b24, _src/serialization/tensorstore_utils.py, and "Checkpoint Format".
// torch_checkpointing: meta-pytorch/torch_checkpointing e57668f, checkpoint_writer.py.
constexpr std::array kNotRead{
    NotRead{"metadata.pkl", "*_0.*", "*_*", "shards of torch_checkpointing",
            "Load it with torch_checkpointing, and save the state dict with torch.save"},
    NotRead{"params_shard_*.bin", "", "params_shard_*.bin", "MLC", kOriginal},
    NotRead{"ndarray-cache.json", "", "params_shard_*.bin", "MLC", kOriginal},
    NotRead{"tensor-cache.json", "", "params_shard_*.bin", "MLC", kOriginal},
    NotRead{"*.xml", "=.bin", "=.bin", "OpenVINO", kOriginal},
    NotRead{"pytorch_model_fsdp_*_rank*.bin", "", "", "flat parameters of PyTorch FSDP",
            "Save a full or a sharded state dict"},
    NotRead{"zero_pp_rank_*", "", "", "a piece of DeepSpeed ZeRO",
            "Name the folder that has the files of all ranks"},
    NotRead{"mp_rank_*", "", "", "a piece of Megatron or DeepSpeed",
            "Name the folder that has the files of all ranks"},
    NotRead{"latest_checkpointed_iteration.txt", "", "", "Megatron",
            "Name one of its folders iter_N"},
    NotRead{"consolidated.*.pth", "", "", "shards of Meta",
            "Convert them with convert_llama_weights_to_hf.py of transformers"},
    NotRead{"saved_model.pb", "", "", "TensorFlow SavedModel", "Convert it with tf2onnx"},
    NotRead{"*.index", "=.data-00000-of-*", "", "TensorFlow bundle",
            "Save its variables with numpy.savez; tf.train.load_checkpoint reads them"},
    NotRead{"model.json", "group*-shard*of*", "group*-shard*of*", "TensorFlow.js",
            "Convert it with tensorflowjs_converter --output_format keras"},
    NotRead{"_CHECKPOINT_METADATA", "", "", "Orbax", kRestoreOrbax},
    NotRead{"manifest.ocdbt", "", "", "Orbax", kRestoreOrbax},
    NotRead{"*.pdparams", "", "", "PaddlePaddle",
            "Save the arrays of paddle.load with numpy.savez"},
    NotRead{"*.pdiparams", "", "", "PaddlePaddle", "Convert it with paddle2onnx"},
    NotRead{"*.pte", "", "", "ExecuTorch", kOriginal},
    NotRead{"*.nemo", "", "", "NeMo", kUnpackNemo},
    NotRead{"*.tflite", "", "", "TensorFlow Lite", "Convert it with tf2onnx --tflite"},
    NotRead{"*.mlpackage", "", "", "Core ML", kOriginal},
    NotRead{"*.mlmodel", "", "", "Core ML", kOriginal},
    NotRead{"*.llamafile", "", "", "llamafile",
            "It is a zip archive: unpack the .gguf file in it (unzip)"},
};

/// Files that each hold one rank's pieces of all weights.
struct Pieces {
  std::string_view pattern;  ///< of the name, with `#` for each number
  std::size_t rank;          ///< which of the numbers it is
  std::size_t ranks;         ///< which of them counts the ranks; kNone: none does
  bool telling;              ///< a rank above 0 shows by itself that there are others
  std::string_view name;
  std::string_view remedy;
};
constexpr std::size_t kNone = std::string_view::npos;

// Sources: vllm-project/vllm 01ed47b4, model_loader/sharded_state_loader.py, which SGLang has too;
// deepseek-ai/DeepSeek-V3, inference/convert.py; NVIDIA/TensorRT-LLM, models/modeling_utils.py;
// volcengine/verl, model_merger.
constexpr std::array kPieces{
    Pieces{"model-rank-#-part-#.safetensors", 0, kNone, true,
           "a piece of a tensor-parallel rank of vLLM or SGLang", kOriginal},
    Pieces{"model#-mp#.safetensors", 0, 1, true, "a piece of a rank of DeepSeek's own code",
           kOriginal},
    // Adapters may be called by their rank, which is another.
    Pieces{"rank#.safetensors", 0, kNone, false, "a piece of a rank of TensorRT-LLM", kOriginal},
    Pieces{"model_world_size_#_rank_#.pt", 1, 0, true, "a piece of a rank of FSDP, saved by verl",
           "Merge them (python -m verl.model_merger merge)"},
};

/// A name with `#` for each number in it.
struct Numbered {
  std::string pattern;
  std::vector<std::string_view> numbers;
};

Numbered numbered(std::string_view name) {
  constexpr std::string_view kDigits = "0123456789";
  Numbered found;
  while (!name.empty()) {
    const std::size_t begin = std::min(name.find_first_of(kDigits), name.size());
    found.pattern.append(name.substr(0, begin));
    name.remove_prefix(begin);
    const std::size_t length = std::min(name.find_first_not_of(kDigits), name.size());
    if (length == 0) break;
    found.pattern += '#';
    found.numbers.push_back(name.substr(0, length));
    name.remove_prefix(length);
  }
  return found;
}

/// What `name` is a piece of, given the names of its folder; null: of none that is known. The piece
/// of a single rank is whole.
const Pieces* piece_of(std::string_view name, const std::vector<std::string>& names) {
  const Numbered own = numbered(name);
  const auto* const found = std::find_if(kPieces.begin(), kPieces.end(), [&](const Pieces& pieces) {
    return pieces.pattern == own.pattern;
  });
  if (found == kPieces.end()) return nullptr;
  const bool counted = found->ranks != kNone && own.numbers[found->ranks] != "1";
  if (counted || (found->telling && own.numbers[found->rank] != "0")) return found;
  const auto has_rank = [&](std::string_view rank) {
    return std::any_of(names.begin(), names.end(), [&](const std::string& other) {
      const Numbered one = numbered(other);
      return one.pattern == own.pattern && one.numbers[found->rank] == rank;
    });
  };
  return has_rank("0") && has_rank("1") ? found : nullptr;
}

/// What `*` stands for if `name` matches a pattern with one `*`; the empty text for others.
std::string_view stem_of(std::string_view pattern, std::string_view name) {
  const std::size_t star = pattern.find('*');
  if (star == std::string_view::npos || pattern.find('*', star + 1) != std::string_view::npos) {
    return {};
  }
  return name.substr(star, name.size() - (pattern.size() - 1));
}

/// `pattern` with `=` replaced. A stem with characters that have a meaning in patterns stays safe:
/// they match themselves.
std::string with_stem(std::string_view pattern, std::string_view stem) {
  std::string text(pattern);
  if (const std::size_t at = text.find('='); at != std::string::npos) text.replace(at, 1, stem);
  return text;
}

/// True if `name` shows the format, given the names beside it.
bool shows(const NotRead& format, const std::string& name, const std::vector<std::string>& names) {
  if (!glob_match(format.pattern, name) || is_side_state(name) || name.starts_with('.')) {
    return false;
  }
  if (format.beside.empty()) return true;
  const std::string beside = with_stem(format.beside, stem_of(format.pattern, name));
  return std::any_of(names.begin(), names.end(), [&](const std::string& other) {
    return other != name && glob_match(beside, other);
  });
}

template <class Format>
std::string sentence(const Format& format, std::string_view name) {
  return printable(name) + " (" + std::string(format.name) + "), which is not supported. " +
         std::string(format.remedy);
}

}  // namespace

bool is_not_read(std::string_view name) {
  return std::any_of(kNotRead.begin(), kNotRead.end(), [&](const NotRead& format) {
    return format.beside.empty() && glob_match(format.pattern, name) && !is_side_state(name);
  });
}

std::string not_read_among(const std::vector<std::string>& names) {
  for (const NotRead& format : kNotRead) {
    for (const std::string& name : names) {
      if (shows(format, name, names)) return sentence(format, name);
    }
  }
  return {};
}

std::string not_read_file(const std::string& name, const std::vector<std::string>& names) {
  const auto* found = std::find_if(kNotRead.begin(), kNotRead.end(), [&](const NotRead& format) {
    return shows(format, name, names);
  });
  if (found != kNotRead.end()) return sentence(*found, name);
  const Pieces* const pieces = piece_of(name, names);
  return pieces == nullptr ? std::string() : sentence(*pieces, name);
}

std::string not_read_instead(const std::vector<std::string>& names,
                             const std::vector<std::string>& weights) {
  if (weights.empty()) return {};
  for (const std::string& file : weights) {
    if (const Pieces* const pieces = piece_of(file, names)) return sentence(*pieces, file);
  }
  for (const NotRead& format : kNotRead) {
    if (format.weights.empty()) continue;
    for (const std::string& name : names) {
      if (!shows(format, name, names)) continue;
      const std::string pattern = with_stem(format.weights, stem_of(format.pattern, name));
      const bool all = std::all_of(weights.begin(), weights.end(), [&](const std::string& file) {
        return glob_match(pattern, file);
      });
      if (all) return sentence(format, weights.front());
    }
  }
  return {};
}

std::string pieces_beside_index(const std::vector<std::string>& names,
                                const std::vector<std::string>& weights) {
  const bool all = std::all_of(weights.begin(), weights.end(), [&](const std::string& file) {
    return piece_of(file, names) != nullptr;
  });
  return all ? not_read_instead(names, weights) : std::string();
}

bool is_unfinished(const std::filesystem::path& folder, const std::vector<std::string>& weights) {
  // Without a slash at the end, which would make the last component empty.
  const std::filesystem::path name = folder.has_filename() ? folder : folder.parent_path();
  return name.filename().string().starts_with("tmp_") && !weights.empty() &&
         std::all_of(weights.begin(), weights.end(), [](const std::string& file) {
           const std::size_t dash = file.rfind('_');
           const std::size_t dot = file.rfind('.');
           if (dash == std::string::npos || dot == std::string::npos || dot <= dash + 1) {
             return false;
           }
           return file.find_first_not_of("0123456789", dash + 1) == dot;
         });
}

}  // namespace wishart::checkpoint
