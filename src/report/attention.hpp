#pragma once

/// @file
/// Internal: the groups of analysis/attention.hpp, by the names that reports use.

#include "wishart/analysis/attention.hpp"

namespace wishart::report {

using analysis::AttentionGroup;
using analysis::layers_that_need_attention;
using analysis::remarks_on;

}  // namespace wishart::report
