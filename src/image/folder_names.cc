#include "image/folder_names.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/fd.h"
#include "base/handle.h"

namespace holm::image {

Result<FolderNames> FolderNames::read(int folder, size_t most)
{
    FolderNames names(folder, most);
    TRY(names.fill());
    return names;
}

Result<const char*> FolderNames::next()
{
    if (at_ == starts_.size()) {
        if (limit_.empty()) return nullptr;
        last_ = std::move(limit_);
        TRY(fill());
        if (starts_.empty()) return nullptr;
    }
    return text_.data() + starts_[at_++];
}

// The first of the names behind `last_`.
Result<> FolderNames::fill()
{
    Fd own = TRY(open_at(folder_, ".", O_RDONLY | O_DIRECTORY));
    Handle<DIR, closedir> listing(::fdopendir(own.get()));
    if (!listing) return sys_error("cannot list a folder");
    own.release();
    text_.clear(), starts_.clear();
    limit_.clear();
    at_ = 0;
    errno = 0;
    while (const dirent* entry = ::readdir(listing.get())) {
        const char* name = entry->d_name;
        if (::strcmp(name, ".") == 0 || ::strcmp(name, "..") == 0) continue;
        if (!last_.empty() && ::strcmp(name, last_.c_str()) <= 0) continue;
        if (!limit_.empty() && ::strcmp(name, limit_.c_str()) > 0) continue;
        starts_.push_back(static_cast<uint32_t>(text_.size()));
        text_.append(name, ::strlen(name) + 1);
        if (text_.size() > 2 * most_) keep_first();
        errno = 0;
    }
    if (errno) return sys_error("cannot list a folder");
    sort();
    return {};
}

void FolderNames::sort()
{
    const char* text = text_.data();
    std::ranges::sort(starts_, [text](uint32_t a, uint32_t b) { return ::strcmp(text + a, text + b) < 0; });
}

// Half of them is enough for now; the others come when the folder is read again.
void FolderNames::keep_first()
{
    sort();
    std::string kept;
    std::vector<uint32_t> starts;
    for (uint32_t start : starts_) {
        if (!kept.empty() && kept.size() > most_) break;
        starts.push_back(static_cast<uint32_t>(kept.size()));
        kept.append(text_.data() + start).push_back('\0');
    }
    text_ = std::move(kept), starts_ = std::move(starts);
    limit_ = text_.data() + starts_.back();
}

}  // namespace holm::image
