#include "supervisor/ring.h"

#include <algorithm>
#include <cstring>

namespace holm::supervisor {

void Ring::append(std::string_view bytes)
{
    if (bytes.empty()) return;
    if (!bytes_) bytes_.reset(new char[capacity]);
    lost_ = lost_ || size_ + bytes.size() > capacity;
    if (bytes.size() > capacity) bytes.remove_prefix(bytes.size() - capacity);
    size_t first = std::min(bytes.size(), capacity - end_);
    memcpy(bytes_.get() + end_, bytes.data(), first);
    memcpy(bytes_.get(), bytes.data() + first, bytes.size() - first);
    end_ = (end_ + bytes.size()) % capacity;
    size_ = std::min(capacity, size_ + bytes.size());
}

std::string Ring::content(size_t limit) const
{
    std::string text;
    size_t wanted = std::min(limit, size_), begin = (end_ + capacity - wanted) % capacity, first = std::min(wanted, capacity - begin);
    if (wanted == 0) return text;
    text.append(bytes_.get() + begin, first).append(bytes_.get(), wanted - first);
    if (lost_ || wanted < size_)
        if (size_t line = text.find('\n'); line != text.npos && line + 1 < text.size()) text.erase(0, line + 1);
    return text;
}

}  // namespace holm::supervisor
