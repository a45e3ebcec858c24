#include "quantised/schemes.hpp"

namespace wishart::checkpoint {
namespace {

constexpr std::string_view kCompanions[] = {"scale_inv",
                                            "weight_scale_2",
                                            "scale_2",
                                            "global_scale",
                                            "scale",
                                            "scales",
                                            "biases",
                                            "packed",
                                            "shape",
                                            "zero_point",
                                            "g_idx",
                                            "qweight",
                                            "qzeros",
                                            "blocks",
                                            "codes",
                                            "codebooks",
                                            "W_q",
                                            "zero",
                                            "trellis",
                                            "suh",
                                            "svh",
                                            "su",
                                            "sv",
                                            "mcg",
                                            "mul1",
                                            "pre_quant_scale",
                                            "svdquant_lora_a",
                                            "svdquant_lora_b",
                                            "absmax",
                                            "quant_map",
                                            "nested_absmax",
                                            "nested_quant_map",
                                            "SCB",
                                            "qdata",
                                            "scale_and_zero",
                                            "act_pre_scale",
                                            "per_tensor_scale",
                                            "act_per_tensor_scale",
                                            "q_weight",
                                            "q_scale",
                                            "q_scale_max",
                                            "q_groups",
                                            "q_group_map",
                                            "q_invperm",
                                            "input_scale",
                                            "output_scale",
                                            "input_global_scale",
                                            "input_zero_point",
                                            "k_scale",
                                            "v_scale",
                                            "weight_format",
                                            "meta",
                                            "channel_scales",
                                            "deq_scale",
                                            "quant_bias",
                                            "wscales",
                                            "smooth_factor",
                                            "smooth_factor_orig",
                                            "lora_down",
                                            "lora_up",
                                            "proj_down",
                                            "proj_up",
                                            "indices",
                                            "res_indices",
                                            "centroids",
                                            "res_centroids",
                                            "qidxs",
                                            "Qidxs",
                                            "SU",
                                            "SV",
                                            "tables",
                                            "scale_weight",
                                            "scale_input",
                                            "activation_scale"};

constexpr std::string_view kActivations[] = {
    "input_scale", "input_global_scale",   "input_zero_point", "output_scale",    "k_scale",
    "v_scale",     "act_per_tensor_scale", "scale_input",      "activation_scale"};

constexpr std::string_view kOriginal =
    "dequantise it with the program that made it, or scan the model that it was made from";
constexpr Unread kUnread[] = {
    {"aqlm", kOriginal},
    {"exl2", kOriginal},
    {"exl3", kOriginal},
    {"quip", kOriginal},
    {"vptq", kOriginal},
    {"spqr", kOriginal},
    {"quanto", kOriginal},
    {"eetq", kOriginal},
    {"quark", kOriginal},
    {"qqq", kOriginal},
    {"paroquant", kOriginal},
    {"modelslim", "scan the model that Huawei ModelSlim quantised"},
    {"higgs", "dequantise it in transformers with model.dequantize()"},
    {"fp_quant", "dequantise it in transformers with model.dequantize()"},
    {"auto-round", "export it with auto-round as auto_gptq or auto_awq"},
    {"intel/auto-round", "export it with auto-round as auto_gptq or auto_awq"},
    {"gguf", "scan the GGUF file itself"},
    {"marlin", "convert it to GPTQ"},
    {"", kOriginal},  // any other
};

}  // namespace

std::span<const std::string_view> companion_words() noexcept { return kCompanions; }
std::span<const std::string_view> activation_words() noexcept { return kActivations; }
std::span<const Unread> unread_methods() noexcept { return kUnread; }

}  // namespace wishart::checkpoint
