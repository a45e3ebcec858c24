#pragma once

/// @file
/// Shows a file in a browser.

#include <filesystem>
#include <string>
#include <vector>

namespace wishart::job {

/// A new empty file for a page, in the folder for temporary files. It stays: the browser reads it
/// after the program has ended.
/// @throws Error with Blame::resource
[[nodiscard]] std::filesystem::path temporary_page();

/// The command lines that open a file, in the order in which they are tried: those of BROWSER,
/// which are separated by colons and may have %s for the file, or xdg-open.
/// @param browser  the value of BROWSER, or empty
[[nodiscard]] std::vector<std::vector<std::string>> browser_commands(
    const std::string& browser, const std::filesystem::path& file);

/// Starts the first of these programs that there is, without a shell, and does not wait for it to
/// end.
/// @throws Error with Blame::resource that names the file, if none can be started or it fails at
///   once
void open_page(const std::filesystem::path& file);

}  // namespace wishart::job
