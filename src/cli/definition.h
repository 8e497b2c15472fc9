// A definition made of the options of `run` and `create`: TOML, so that one parser (machine/spec_file) judges what came
// from a file and what came from a command line. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "cli/parse.h"

namespace holm::cli {

// An absolute path of one on the command line; `folder`: the working directory.
std::string absolute_path(std::string_view path, std::string_view folder);

struct Bind {
    std::string source;
    std::string target;
    bool read_only = false;
    bool operator==(const Bind&) const = default;
};
// "SRC[:DST[:ro|rw]]"; `\:` and `\\` stand for the bytes themselves. Errors: Invalid.
Result<Bind> parse_bind(std::string_view text, std::string_view folder);

// Whether any option that becomes a key of the definition was given, or a command.
bool defines_machine(const Invocation& call);

// The definition; "" where defines_machine is false. Errors: Invalid, with the option's name.
Result<std::string> definition_of_options(const Invocation& call, std::string_view folder);

}  // namespace holm::cli
