// FolderNames: the names in a folder, sorted by bytes, however many, in little memory: the folder is read again where they do not fit.
// Reads.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"

namespace holm::image {

class FolderNames {
public:
    // Of an open folder, whose descriptor stays the caller's and open. At most about twice `most` bytes of names are held at a time.
    static Result<FolderNames> read(int folder, size_t most = 4 << 20);

    // The next name, valid until the next call; null behind the last.
    Result<const char*> next();
    // Bytes that it holds now.
    size_t held() const { return text_.size() + starts_.size() * sizeof(uint32_t); }

private:
    FolderNames(int folder, size_t most) : folder_(folder), most_(most) {}
    Result<> fill();
    void sort();
    void keep_first();

    int folder_;
    size_t most_;
    std::string text_;  // names, each with its NUL
    std::vector<uint32_t> starts_;
    size_t at_ = 0;
    std::string last_;   // of those that were held before; "" of the first ones
    std::string limit_;  // these are all behind `last_` up to this one; "": all
};

}  // namespace holm::image
