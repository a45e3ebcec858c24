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

std::string sentence(const NotRead& format, std::string_view name) {
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
  return found == kNotRead.end() ? std::string() : sentence(*found, name);
}

std::string not_read_instead(const std::vector<std::string>& names,
                             const std::vector<std::string>& weights) {
  if (weights.empty()) return {};
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
