// A definition made of the options of `run` and `create`: TOML, so that one parser (machine/spec_file) judges what came
// from a file and what came from a command line. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "cli/parse.h"
#include "machine/spec_file.h"

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
// Whether the options say what the root is.
bool names_root(const Invocation& call);

// A definition that options were made into.
struct OptionsText {
    std::string text;
    std::vector<std::string> options;  // by line: the option it is made of, as "--property=MemoryMax"
};
// The definition; "" where defines_machine is false. Errors: Invalid, NotSupported, with the option's name.
Result<OptionsText> definition_of_options(const Invocation& call, std::string_view folder);
// What the files and, laid over them, the options define, judged as holmd will. Errors: Invalid, NotSupported, with the place in
// a file or the option's name: nobody has seen the text of the options.
Result<machine::Spec> parse_with_options(const machine::MachineName& name, std::vector<machine::Source> files, const OptionsText& made);

}  // namespace holm::cli
