// Ring: the last bytes of a console. Pure.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace holm::supervisor {

class Ring {
public:
    static constexpr size_t capacity = 64 << 10;

    void append(std::string_view bytes);
    // The last `limit` bytes, oldest first. Where older ones were lost it begins after a line end, if one has something behind it:
    // not in the middle of a character or an escape sequence.
    std::string content(size_t limit = capacity) const;

private:
    std::unique_ptr<char[]> bytes_;  // made at the first byte; its pages become real as they fill
    size_t end_ = 0;                 // where the next byte goes
    size_t size_ = 0;
    bool lost_ = false;
};

}  // namespace holm::supervisor
