// Properties: the a{sv} that org.freedesktop.DBus.Properties.GetAll answers with, as JSON in the order of the answer.
// Pure but for the reading position of the message.
#pragma once

#include <string>
#include <string_view>

#include <systemd/sd-bus.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cli/parse.h"

namespace holm::cli {

// D-Bus's types are JSON's where they can be: dictionaries with text keys are objects, all other containers arrays.
using Properties = nlohmann::ordered_json;

// Errors: Invalid, where the message holds something else.
Result<Properties> read_properties(sd_bus_message* answer);

// What is not there, or of another type, is "" or 0 or false.
std::string text_of(const Properties& properties, std::string_view name);
uint64_t number_of(const Properties& properties, std::string_view name);
bool flag_of(const Properties& properties, std::string_view name);

// The value as `show` prints it: a list with spaces between, an array of bytes as hex digits, a time as its number.
std::string describe_value(const Properties& value);
// The whole as JSON, with its line end.
std::string describe_json(const Properties& properties, JsonStyle style);

}  // namespace holm::cli
