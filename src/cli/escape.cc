#include "cli/escape.h"

namespace holm::cli {

bool Escape::complete(std::string_view input, Time now)
{
    constexpr char key = 0x1d;  // ^]
    if (input.empty() || input.find_first_not_of(key) != input.npos || input.size() > 3) {
        count_ = 0;
        return false;
    }
    if (count_ == 0 || now - first_ > std::chrono::seconds(1)) {
        count_ = 0;
        first_ = now;
    }
    count_ += static_cast<unsigned>(input.size());
    return count_ >= 3;
}

}  // namespace holm::cli
