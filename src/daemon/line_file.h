// LineFile: lines that are told to a client in a file in memory, and folders of layers that are compared for it. In a child of holmd.
// Observes; outside.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/fd.h"

namespace holm::daemon {

class LineFile {
public:
    // `name`: of the file, for people who look at descriptors.
    static Result<LineFile> make(const char* name);
    // Errors: NotSupported, where it is more than can be told.
    Result<> add(const std::string& line);
    // The file, sealed, to be read from its beginning.
    Result<Fd> finish();

private:
    explicit LineFile(Fd file) : file_(std::move(file)) {}
    Fd file_;
    std::string buffer_;
    size_t written_ = 0;
};

// Errors: NotSupported, where one is a disk image.
Result<std::vector<Fd>> open_layers(const std::vector<std::string>& paths);

}  // namespace holm::daemon
