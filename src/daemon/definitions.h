// Definitions as clients send and change them: parsed with their profiles, written to /etc/holm/machines. Reads and writes files of
// holm alone.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "kernel/definition_files.h"
#include "machine/name.h"
#include "machine/spec.h"

namespace holm::daemon {

// The machine that a text describes, with the profiles that it names; `file` names it in errors ("": sent by a client).
// Errors: Invalid, NotFound (a profile), NotSupported (a key that this version cannot do).
Result<machine::Spec> parse_definition(const machine::MachineName& name, const std::string& text, const std::string& file,
                                       const kernel::Places& places);

// "/etc/holm/machines/web.toml".
std::string definition_path(const machine::MachineName& name);
Result<> write_definition(const machine::MachineName& name, const std::string& text);
// Removes the definition of /etc and its drop-ins. Errors: Denied, where it is the vendor's.
Result<> remove_definition(const machine::MachineName& name);
// What SetUnitProperties(runtime) of its starts has left with systemd: the names of the properties; and all of it removed.
std::vector<std::string> list_runtime_properties(const machine::MachineName& name);
Result<> remove_runtime_properties(const machine::MachineName& name);
// The same of one property, by its name on the bus: of MemoryMax and MemoryMaxScale the file that is read last would win.
void remove_runtime_property(const std::string& unit, const std::string& property);

}  // namespace holm::daemon
