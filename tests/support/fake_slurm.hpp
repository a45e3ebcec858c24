#pragma once

/// @file
/// Commands of Slurm that say what a test wants.

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "support/temp_folder.hpp"
#include "support/variable.hpp"

namespace wishart::test {

/// Takes the place of Slurm's commands, for as long as it lives: PATH begins with a folder of its
/// own. At first they do as if they were not there.
class FakeSlurm {
public:
  FakeSlurm() {
    for (const char* name : {"squeue", "scontrol"}) write(name, "exit 127");
  }

  /// What these commands do, as lines of a shell.
  void squeue(const std::string& script) const { write("squeue", script); }
  void scontrol(const std::string& script) const { write("scontrol", script); }

  /// The path of a file in the folder, for scripts to write to, and what they have written.
  [[nodiscard]] std::string file(const char* name) const { return (folder_ / name).string(); }
  [[nodiscard]] std::string read(const char* name) const {
    std::ostringstream text;
    text << std::ifstream(folder_ / name).rdbuf();
    return text.str();
  }

private:
  void write(const char* name, const std::string& script) const {
    const std::filesystem::path path = folder_.write(name, "#!/bin/sh\n" + script + "\n");
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  }

  TempFolder folder_;
  Variable path_{"PATH", (folder_.path().string() + ":" + std::getenv("PATH")).c_str()};
};

}  // namespace wishart::test
