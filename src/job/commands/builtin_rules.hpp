#pragma once

/// @file
/// The rules that `wishart check` judges by: the files jobs/gate-*.cfg, taken in when the program
/// is built.

#include <string_view>

namespace wishart::job {

[[nodiscard]] std::string_view finetune_rules() noexcept;     ///< jobs/gate-finetune.cfg
[[nodiscard]] std::string_view lora_rules() noexcept;         ///< jobs/gate-lora.cfg
[[nodiscard]] std::string_view compression_rules() noexcept;  ///< jobs/gate-compression.cfg

}  // namespace wishart::job
