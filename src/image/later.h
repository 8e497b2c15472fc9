// What is to be done to folders of a layer when it is complete: their times, which filling them changes, and marks of opaque ones, which
// the confined child may not set. A file of records, so that it costs no memory. Effects: writes and reads that file, changes folders.
#pragma once

#include <ctime>
#include <string>
#include <string_view>

#include "base/error.h"

namespace holm::image {

class LaterWriter {
public:
    // The descriptor stays the caller's.
    explicit LaterWriter(int file) : file_(file) {}
    void add_time(std::string_view folder, timespec time);
    void add_opaque(std::string_view folder);
    // Errors: of any write since the last.
    Result<> flush();

private:
    void add(char kind, std::string_view folder, timespec time);
    int file_;
    std::string waiting_;
    Result<> written_;
};

// Sets the times that are noted in `later`, in the folder `root`; the last of a folder counts. No link is followed.
Result<> set_folder_times(int root, int later);
// Sets the marks. The file may have been written by somebody who is not trusted.
Result<> mark_opaque(int root, int later);

}  // namespace holm::image
