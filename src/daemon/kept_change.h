// KeptChange: a live change that is kept, in the drop-in 90-set.toml of a definition or in a machine's record. Reads and writes files of
// holm alone.
#pragma once

#include <string>

#include "base/error.h"
#include "daemon/catalogue.h"
#include "machine/name.h"

namespace holm::daemon {

// A file that was changed, and what it was before ("" where it was not there).
struct KeptChange {
    std::string path, before;
};

inline constexpr const char* kept_file = "90-set.toml";
// The file where a change of the machine is kept.
std::string kept_path(const machine::MachineName& name, const Known& known);
// "" where it is not there.
Result<std::string> read_kept(const std::string& path);
// As one step. An empty text: the file goes, and its folder with it where it is a drop-in's and empty.
Result<> write_kept(const std::string& path, const std::string& text);
Result<> take_back(const KeptChange& change);

// The first line of what is written.
inline constexpr const char* kept_note = "# Written by holmd: what set, publish, connect and their like have changed.\n";

}  // namespace holm::daemon
