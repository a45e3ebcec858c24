#include "options/completion.hpp"

#include <algorithm>
#include <string_view>

#include "wishart/core/text.hpp"
#include "wishart/core/words.hpp"

namespace wishart::job {
namespace {

bool is_word(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' || c == '-';
  });
}

/// `text` without what stands in brackets, and the space before it.
std::string without_brackets(std::string_view text) {
  std::string out;
  int depth = 0;
  for (const char c : text) {
    if (c == '(') {
      if (depth++ == 0 && out.ends_with(' ')) out.pop_back();
    } else if (c == ')') {
      --depth;
    } else if (depth == 0) {
      out += c;
    }
  }
  return out;
}

/// `a, b or c` or `a, b, or c` as words; none if it is anything else.
std::vector<std::string> listed_words(std::string text) {
  std::string_view separator = ", or ";
  std::size_t last = text.rfind(separator);
  if (last == std::string::npos) {
    separator = " or ";
    last = text.rfind(separator);
  }
  if (last == std::string::npos) return {};
  text.replace(last, separator.size(), ", ");
  std::vector<std::string> words;
  for (std::size_t from = 0; from <= text.size();) {
    const std::size_t to = std::min(text.find(", ", from), text.size());
    words.push_back(text.substr(from, to - from));
    if (!is_word(words.back())) return {};
    from = to + 2;
  }
  return words;
}

bool takes_value(const po::option_description& option) {
  return option.semantic()->max_tokens() > 0;
}

/// How the help calls the value of an option: `FILE`.
std::string value_name(const po::option_description& option) {
  const std::string text = option.format_parameter();
  return text.substr(0, text.find(' '));
}

/// True if the value is the path of a file or a folder.
bool is_path(const po::option_description& option) {
  const std::string name = value_name(option);
  return name == "FILE" || name == "DIR" || name == "PATH" || name == "ARCHIVE" || name == "WHERE";
}

/// The options of a command by short and long names, `-o --output`.
std::vector<std::string> flags_of(const po::option_description& option) {
  std::vector<std::string> flags{"--" + option.long_name()};
  const std::string names = option.format_name();
  if (names.size() > 2 && names[0] == '-' && names[1] != '-') flags.push_back(names.substr(0, 2));
  return flags;
}

std::string names_of_commands() {
  std::string names;
  for (const CommandSummary& command : command_summaries()) {
    names += (names.empty() ? "" : " ") + std::string(command.name);
  }
  return names;
}

/// `text` inside single quotes of a shell.
std::string in_quotes(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out;
}

/// `text` as the explanation of an option in a specification of zsh's _arguments.
std::string in_specification(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c;
  }
  return in_quotes(out);
}

/// A branch of the case over `COMMAND OPTION`, whose value is completed.
std::string bash_value(const std::string& command, const po::option_description& option) {
  const std::vector<std::string> flags = flags_of(option);
  std::string pattern;
  for (const std::string& flag : flags) {
    pattern += pattern.empty() ? "'" : " | '";
    pattern.append(command).append(" ").append(flag).append("'");
  }
  std::string branch = "        " + pattern + ") ";
  if (const std::vector<std::string> choices = choices_of(option); !choices.empty()) {
    return branch + "values='" + join(choices, " ") + "' ;;\n";
  }
  return branch + (is_path(option) ? "files=yes ;;\n" : "values='' ;;\n");
}

std::string zsh_option(const po::option_description& option) {
  std::string specs;
  const std::string text = in_specification(option.description());
  for (const std::string& flag : flags_of(option)) {
    const bool is_long = flag.starts_with("--");
    specs += " \\\n        '*" + flag;
    if (takes_value(option)) {
      specs += std::string(is_long ? "=" : "") + '[' + text +
               "]:" + in_specification(value_name(option)) + ':';
      if (const std::vector<std::string> choices = choices_of(option); !choices.empty()) {
        specs += '(' + join(choices, " ") + ')';
      } else if (is_path(option)) {
        specs += "_files";
      }
    } else {
      specs += '[' + text + ']';
    }
    specs += '\'';
  }
  return specs;
}

}  // namespace

std::vector<std::string> choices_of(const po::option_description& option) {
  if (!takes_value(option)) return {};
  const std::string name = value_name(option);
  const bool literal = !name.empty() && name[0] >= 'a' && name[0] <= 'z';  // weightwatcher
  if (literal && name != "arg") return split(name, '|');
  std::string text = without_brackets(option.description());
  text.resize(std::min(text.find(';'), text.size()));
  if (const std::size_t colon = text.rfind(": "); colon != std::string::npos) {
    text.erase(0, colon + 2);
  }
  return listed_words(std::move(text));
}

std::string bash_completion() {
  std::string options;
  std::string values;
  for (const Command& command : all_commands()) {
    std::string flags;
    for (const Option& option : command.options.options()) {
      for (const std::string& flag : flags_of(*option)) flags += ' ' + flag;
      if (takes_value(*option)) values += bash_value(command.name, *option);
    }
    options += "        " + command.name + ") options='" + flags.substr(1) + "' ;;\n";
  }
  return "# bash completion for wishart; made by `wishart help --pages`.\n"
         "_wishart() {\n"
         "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
         "    local command=${COMP_WORDS[1]} options values files=no\n"
         "    COMPREPLY=()\n"
         "    # bash cuts --format=json into three words.\n"
         "    if [ \"$before\" = = ]; then before=${COMP_WORDS[COMP_CWORD-2]}; fi\n"
         "    if [ \"$word\" = = ]; then word=''; fi\n"
         "    if [ \"$COMP_CWORD\" = 1 ]; then\n"
         "        COMPREPLY=($(compgen -W '" +
         names_of_commands() +
         " help --help --version' -- \"$word\"))\n"
         "        return\n"
         "    fi\n"
         "    case $command in\n"
         "        help)\n"
         "            if [ \"$before\" = --pages ]; then COMPREPLY=(); return; fi\n"
         "            COMPREPLY=($(compgen -W '" +
         names_of_commands() +
         " --pages' -- \"$word\"))\n"
         "            return ;;\n"
         "        --version) options=--json ;;\n" +
         options +
         "        *) return ;;\n"
         "    esac\n"
         "    case \"$command $before\" in\n" +
         values +
         "        *)\n"
         "            # The rest are paths and ids: files, unless an option was begun.\n"
         "            if [[ $word == -* ]] || [ \"$command\" = --version ]; then\n"
         "                COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n"
         "            fi\n"
         "            return ;;\n"
         "    esac\n"
         "    if [ \"$files\" = yes ]; then return; fi\n"
         "    COMPREPLY=($(compgen -W \"$values\" -- \"$word\"))\n"
         "}\n"
         "# Where nothing is proposed, the names of files are.\n"
         "complete -o bashdefault -o default -F _wishart wishart\n";
}

std::string zsh_completion() {
  std::string commands;
  for (const CommandSummary& command : command_summaries()) {
    std::string summary(command.summary);
    std::replace(summary.begin(), summary.end(), '\n', ' ');
    commands += "        '" + std::string(command.name) + ':' + in_quotes(summary) + "'\n";
  }
  std::string options;
  for (const Command& command : all_commands()) {
    options += "    " + command.name + ")\n        _arguments -s";
    for (const Option& option : command.options.options()) options += zsh_option(*option);
    options += " \\\n        '*:file:_files' ;;\n";
  }
  return "#compdef wishart\n"
         "# zsh completion for wishart; made by `wishart help --pages`.\n"
         "local -a commands\n"
         "if (( CURRENT == 2 )); then\n"
         "    commands=(\n" +
         commands +
         "        'help:show the options of a command'\n"
         "    )\n"
         "    _describe command commands\n"
         "    return\n"
         "fi\n"
         "local command=${words[2]}\n"
         "words=(\"wishart $command\" ${words[3,-1]})\n"
         "(( CURRENT-- ))\n"
         "case $command in\n"
         "    help) _values command " +
         names_of_commands() + " ;;\n" + options + "esac\n";
}

}  // namespace wishart::job
