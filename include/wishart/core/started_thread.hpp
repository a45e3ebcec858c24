#pragma once

/// @file
/// Threads without which the work cannot go on.

#include <functional>
#include <string>
#include <thread>

namespace wishart {

/// A thread that runs `body`.
/// @param task  what it does, for the message: "sends results"
/// @throws Error with Blame::resource if the system refuses it
[[nodiscard]] std::thread started_thread(const std::string& task, std::function<void()> body);

}  // namespace wishart
