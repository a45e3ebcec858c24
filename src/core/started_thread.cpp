#include "wishart/core/started_thread.hpp"

#include <system_error>
#include <utility>

#include "wishart/core/error.hpp"

namespace wishart {

std::thread started_thread(const std::string& task, std::function<void()> body) {
  try {
    return std::thread(std::move(body));
  } catch (const std::system_error& error) {
    throw Error(Blame::resource, "the thread that " + task +
                                     " cannot be started: " + error.code().message() +
                                     ". Raise the limit on processes (ulimit -u, pids.max of the "
                                     "control group), or use fewer ranks on a host");
  }
}

}  // namespace wishart
