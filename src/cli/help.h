// Help: what the tables of verbs and options say, for a person. Pure.
#pragma once

#include <string>

#include "cli/verb_table.h"

namespace holm::cli {

std::string describe_usage();                     // holmctl --help
std::string describe_verb(const VerbInfo& verb);  // holmctl VERB --help

}  // namespace holm::cli
