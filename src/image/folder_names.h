// FolderNames: the names in a folder, sorted by bytes, in little memory. Reads.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"

namespace holm::image {

class FolderNames {
public:
    // Of an open folder; its descriptor stays the caller's. Errors: Invalid, where the names take more than 4 GiB.
    static Result<FolderNames> read(int folder);

    class Iterator {
    public:
        Iterator(const FolderNames& names, size_t at) : names_(names), at_(at) {}
        const char* operator*() const { return names_.text_.data() + names_.starts_[at_]; }
        Iterator& operator++() { return ++at_, *this; }
        bool operator!=(const Iterator& other) const { return at_ != other.at_; }

    private:
        const FolderNames& names_;
        size_t at_;
    };
    Iterator begin() const { return {*this, 0}; }
    Iterator end() const { return {*this, starts_.size()}; }

private:
    std::string text_;  // the names, each with its NUL
    std::vector<uint32_t> starts_;
};

}  // namespace holm::image
