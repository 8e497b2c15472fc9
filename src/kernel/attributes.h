// Attributes: the extended attributes of a file that is named within an open folder, whatever it is; no link is followed.
// Reads and changes; outside.
#pragma once

#include <map>
#include <string>

#include "base/error.h"

namespace holm::kernel {

// Name to value: "security.capability". Sorted.
using Attributes = std::map<std::string, std::string>;

// Of the file `name` in `folder`, or with "" of the folder itself. A file system that has none has no attributes.
Result<Attributes> read_attributes(int folder, const std::string& name);
// One of them; "" where it is not there.
Result<std::string> read_attribute(int folder, const std::string& name, const char* attribute);
Result<> write_attribute(int folder, const std::string& name, const std::string& attribute, const std::string& value);

}  // namespace holm::kernel
