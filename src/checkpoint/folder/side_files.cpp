#include "folder/side_files.hpp"

#include <cmath>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <map>
#include <optional>

#include "wishart/core/error.hpp"
#include "wishart/core/file.hpp"
#include "wishart/core/system_failure.hpp"
#include "wishart/core/text.hpp"
#include "wishart/core/words.hpp"
#include "wishart/record/recorded_loss.hpp"
#include "wishart/record/step_name.hpp"

#include "text/json_facts.hpp"
#include "text/json_scanner.hpp"

namespace wishart::checkpoint {
namespace {

using Kind = JsonScanner::Kind;

constexpr double kNotRecorded = std::numeric_limits<double>::quiet_NaN();

/// Calls `read(scanner)` on the text of `file`, if the file exists. What is wrong with it becomes a
/// warning. Returns false if the file does not exist or is broken.
/// @throws SystemFailure if it cannot be read now: what it says must not be missing by chance
template <class Read>
bool read_side_file(const std::filesystem::path& file, std::int64_t max_bytes,
                    std::vector<std::string>& warnings, Read&& read) {
  if (!is_given(file)) return false;
  try {
    const std::string text = read_text_file(file, max_bytes);
    JsonScanner scanner(text, printable(file.string()), JsonDialect::python);
    read(scanner);
    scanner.finish();
    return true;
  } catch (const SystemFailure&) {
    throw;
  } catch (const Error& error) {
    warnings.push_back(std::string(error.what()) + ". The file is ignored");
    return false;
  }
}

/// The members of config.json that may be used, as found.
struct ConfigObject {
  std::map<std::string, std::int64_t> integers;
  std::string model_type;
  std::vector<std::string> architectures;
  std::optional<bool> tie_word_embeddings;
  std::optional<bool> multi_query;
  std::optional<bool> new_decoder_architecture;
  bool quantized = false;
};

void read_architectures(JsonScanner& scanner, std::vector<std::string>& out) {
  out.clear();
  scanner.read_array([&] {
    if (scanner.peek() == Kind::string) {
      out.push_back(scanner.read_string());
    } else {
      scanner.skip_value();
    }
  });
}

/// A number if it is a 64-bit integer; anything else is ignored.
std::optional<std::int64_t> read_integer(JsonScanner& scanner) {
  if (scanner.peek() != Kind::number) {
    scanner.skip_value();
    return std::nullopt;
  }
  const std::string_view number = scanner.read_number();
  if (number.size() > 18 || number.find_first_not_of("0123456789") != std::string_view::npos) {
    return std::nullopt;
  }
  return std::stoll(std::string(number));
}

/// Reads one object of the config; `text_config` of a multimodal model goes to `text`.
void read_config_object(JsonScanner& scanner, ConfigObject& object, ConfigObject* text) {
  scanner.read_object([&](const std::string& key) {
    const Kind kind = scanner.peek();
    if (key == "text_config" && kind == Kind::object && text != nullptr) {
      read_config_object(scanner, *text, nullptr);
    } else if (key == "model_type" && kind == Kind::string) {
      object.model_type = scanner.read_string();
    } else if (key == "architectures" && kind == Kind::array) {
      read_architectures(scanner, object.architectures);
    } else if (key == "tie_word_embeddings" && kind == Kind::boolean) {
      object.tie_word_embeddings = scanner.read_boolean();
    } else if (key == "multi_query" && kind == Kind::boolean) {
      object.multi_query = scanner.read_boolean();
    } else if (key == "new_decoder_architecture" && kind == Kind::boolean) {
      object.new_decoder_architecture = scanner.read_boolean();
    } else if ((key == "attn_config" || key == "ffn_config") && kind == Kind::object &&
               text != nullptr) {
      // MPT and DBRX store the numbers of heads and experts there.
      ConfigObject part;
      read_config_object(scanner, part, nullptr);
      object.integers.merge(part.integers);
    } else if (key == "quantization_config") {
      object.quantized = kind != Kind::null;
      scanner.skip_value();
    } else if (kind == Kind::number) {
      if (const std::optional<std::int64_t> value = read_integer(scanner)) {
        object.integers.insert_or_assign(key, *value);
      }
    } else {
      scanner.skip_value();
    }
  });
}

/// One record of `log_history`.
struct LogRecord {
  std::int64_t step = -1;
  std::optional<double> loss;
  std::optional<double> eval_loss;
  std::optional<double> learning_rate;
  std::map<std::string, double> named;  ///< held-out losses by the name of their data
};

/// NAME of `eval_NAME_loss`, the held-out loss of one of several data sets; empty for other keys.
std::string_view name_of_data(std::string_view key) {
  constexpr std::string_view kHead = "eval_";
  constexpr std::string_view kTail = "_loss";
  if (!key.starts_with(kHead) || !key.ends_with(kTail)) return {};
  if (key.size() <= kHead.size() + kTail.size()) return {};
  return key.substr(kHead.size(), key.size() - kHead.size() - kTail.size());
}

/// Takes out the parts of other losses, such as `val_nll` beside `val`.
void leave_wholes(std::map<std::string, double>& named) {
  std::erase_if(named, [&](const auto& part) {
    const std::string& name = part.first;
    for (std::size_t end = name.find('_'); end != std::string::npos;
         end = name.find('_', end + 1)) {
      if (named.contains(name.substr(0, end))) return true;
    }
    return false;
  });
}

/// That of several data sets none is taken.
std::string several_sets_text(const std::filesystem::path& file,
                              const std::map<std::string, double>& by_data) {
  const auto key = [](const auto& data) { return "eval_" + printable(data.first) + "_loss"; };
  const auto first = by_data.begin();
  return printable(file.string()) + ": held-out losses of " + std::to_string(by_data.size()) +
         " data sets (" + key(*first) + ", " + key(*std::next(first)) +
         (by_data.size() > 2 ? ", ..." : "") +
         ") and no eval_loss. None of them is taken: one alone would be, and so would eval_loss";
}

/// What a log records beside a loss: of reinforcement learning, or of pairs of answers, whose
/// losses are judged although they have rewards too.
struct Beside {
  bool rewards = false;
  bool pairs = false;
};

/// By the names that TRL gives.
void look_beside(std::string_view key, Beside& beside) {
  beside.rewards =
      beside.rewards || key == "reward" || key == "eval_reward" || key.starts_with("objective/");
  for (const char* pair : {"rewards/chosen", "rewards/rejected", "rewards/accuracies"}) {
    beside.pairs = beside.pairs || key.ends_with(pair);
  }
}

LogRecord read_log_record(JsonScanner& scanner, Beside& beside) {
  LogRecord record;
  const auto read_value = [&](std::optional<double>& out) {
    if (scanner.peek() == Kind::number) {
      const std::string_view number = scanner.read_number();
      out = number == "NaN" ? kRecordedNan : number_value(number);
    } else {
      scanner.skip_value();
    }
  };
  scanner.read_object([&](const std::string& key) {
    if (key == "step") {
      record.step = read_integer(scanner).value_or(-1);
    } else if (key == "loss") {
      read_value(record.loss);
    } else if (key == "eval_loss") {
      read_value(record.eval_loss);
    } else if (key == "learning_rate") {
      read_value(record.learning_rate);
    } else if (const std::string_view name = name_of_data(key); !name.empty()) {
      std::optional<double> loss;
      read_value(loss);
      if (loss && is_recorded(*loss)) record.named.insert_or_assign(std::string(name), *loss);
    } else {
      look_beside(key, beside);
      scanner.skip_value();
    }
  });
  leave_wholes(record.named);
  return record;
}

struct TrainerState {
  std::optional<std::int64_t> global_step;
  std::optional<std::int64_t> tokens;
  std::vector<LogRecord> log;
  Beside beside;
};

TrainerState read_trainer_state(JsonScanner& scanner) {
  TrainerState state;
  scanner.read_object([&](const std::string& key) {
    if (key == "global_step") {
      state.global_step = read_integer(scanner);
    } else if (key == "num_input_tokens_seen") {
      state.tokens = read_integer(scanner);
    } else if (key == "log_history" && scanner.peek() == Kind::array) {
      state.log.clear();
      scanner.read_array([&] {
        if (scanner.peek() == Kind::object) {
          state.log.push_back(read_log_record(scanner, state.beside));
        } else {
          scanner.skip_value();
        }
      });
    } else {
      scanner.skip_value();
    }
  });
  return state;
}

/// The step in a file of nanochat; -1 if it is not there, or not one.
std::int64_t step_of_meta(const std::filesystem::path& file, std::vector<std::string>& warnings) {
  std::optional<std::int64_t> step;
  read_side_file(file, kMaxConfigBytes, warnings, [&](JsonScanner& scanner) {
    scanner.read_object([&](const std::string& key) {
      if (key == "step") {
        step = read_integer(scanner);
      } else {
        scanner.skip_value();
      }
    });
  });
  return step.value_or(-1);
}

}  // namespace

std::string meta_file(std::string_view name) {
  constexpr std::string_view kModel = "model_";
  if (!name.starts_with(kModel)) return {};
  const std::string number(name.substr(kModel.size(), name.find('.') - kModel.size()));
  return is_number(number) ? "meta_" + number + ".json" : std::string();
}

ModelConfig read_model_config(const std::filesystem::path& folder,
                              std::vector<std::string>& warnings) {
  ConfigObject top;
  ConfigObject text;
  if (!read_side_file(folder / "config.json", kMaxConfigBytes, warnings,
                      [&](JsonScanner& scanner) { read_config_object(scanner, top, &text); })) {
    return {};
  }
  // The first of these names that exists; the top level takes precedence over text_config.
  const auto integer = [&](std::initializer_list<const char*> names) {
    for (const ConfigObject* object : {&top, &text}) {
      for (const char* name : names) {
        const auto found = object->integers.find(name);
        if (found != object->integers.end()) return std::optional(found->second);
      }
    }
    return std::optional<std::int64_t>();
  };
  ModelConfig config;
  config.model_type = top.model_type.empty() ? text.model_type : top.model_type;
  config.architectures = top.architectures.empty() ? text.architectures : top.architectures;
  config.tie_word_embeddings =
      top.tie_word_embeddings ? top.tie_word_embeddings : text.tie_word_embeddings;
  config.hidden_size = integer({"hidden_size", "n_embd", "d_model"});
  config.intermediate_size = integer(
      {"intermediate_size", "n_inner", "ffn_dim", "d_ff", "ffn_hidden_size", "mlp_hidden_size"});
  config.moe_intermediate_size = integer({"moe_intermediate_size"});
  config.num_hidden_layers = integer({"num_hidden_layers", "n_layer", "n_layers", "num_layers"});
  config.num_attention_heads = integer({"num_attention_heads", "n_head", "n_heads", "num_heads"});
  config.num_key_value_heads =
      integer({"num_key_value_heads", "num_kv_heads", "kv_n_heads", "multi_query_group_num"});
  config.head_dim = integer({"head_dim", "kv_channels"});
  config.num_experts =
      integer({"num_local_experts", "n_routed_experts", "num_experts", "moe_num_experts"});
  config.vocab_size = integer({"vocab_size"});
  config.multi_query = top.multi_query ? top.multi_query : text.multi_query;
  config.new_decoder_architecture =
      top.new_decoder_architecture ? top.new_decoder_architecture : text.new_decoder_architecture;
  config.quantized = top.quantized || text.quantized;
  return config;
}

TrainingState read_training_state(const std::filesystem::path& folder, std::string_view name,
                                  std::vector<std::string>& warnings) {
  TrainerState state;
  if (!read_side_file(folder / "trainer_state.json", kMaxTrainerStateBytes, warnings,
                      [&](JsonScanner& scanner) { state = read_trainer_state(scanner); })) {
    state = {};
  }
  const StepName named = parse_step_name(name);
  TrainingState training;
  training.step = state.global_step.value_or(named.step);
  if (const std::string meta = meta_file(name); training.step < 0 && !meta.empty()) {
    const std::filesystem::path place = is_folder(folder) ? folder : folder.parent_path();
    training.step = step_of_meta(place / meta, warnings);
  }
  // The Trainer writes 0 if it did not count.
  const bool counted = state.tokens && (*state.tokens > 0 || training.step == 0);
  training.tokens = counted ? *state.tokens : named.tokens;
  const std::int64_t last =
      training.step >= 0 ? training.step : std::numeric_limits<std::int64_t>::max();
  std::map<std::string, double> by_data;
  for (const LogRecord& record : state.log) {
    if (record.step > last) continue;
    for (const auto& [data, loss] : record.named) by_data.insert_or_assign(data, loss);
    training.loss = record.loss.value_or(training.loss);
    training.eval_loss = record.eval_loss.value_or(training.eval_loss);
    training.learning_rate = record.learning_rate.value_or(training.learning_rate);
  }
  leave_wholes(by_data);
  // Of several data sets none: any choice, and any mean, would be of something else once a set is
  // added, left out or not measured.
  const bool of_rewards = state.beside.rewards && !state.beside.pairs;
  if (!is_recorded(training.eval_loss) && by_data.size() == 1) {
    training.eval_loss = by_data.begin()->second;
  } else if (!is_recorded(training.eval_loss) && by_data.size() > 1 && !of_rewards) {
    warnings.push_back(several_sets_text(folder / "trainer_state.json", by_data));
  }
  // The loss of reinforcement learning neither falls with learning nor rises without. That it is
  // not finite says as much as of any other.
  if (of_rewards) {
    if (std::isfinite(training.loss)) training.loss = kNotRecorded;
    if (std::isfinite(training.eval_loss)) training.eval_loss = kNotRecorded;
  }
  return training;
}

}  // namespace wishart::checkpoint
