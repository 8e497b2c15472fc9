// ReadFiles: what small files of holm's own say, read again when they have changed: holmd's children inherit what it has read, so that a
// start beside a thousand machines looks at their files and reads none. Reads; holds what is remembered.
#pragma once

#include <sys/stat.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

#include "base/error.h"
#include "base/fd.h"

namespace holm::daemon {

template <typename Value>
class ReadFiles {
public:
    using Parse = Result<Value> (*)(std::string_view text, const std::string& path);
    ReadFiles(Parse parse, size_t most_bytes) : parse_(parse), most_bytes_(most_bytes) {}

    // What the file says; none where there is no such file. Errors: those of reading and of `parse`, which are not remembered.
    Result<std::optional<Value>> read(const std::string& path)
    {
        const Stamp stamp = stamp_of(path);
        if (auto known = known_.find(path); known != known_.end() && stamp != Stamp() && known->second.stamp == stamp)
            return std::optional(known->second.value);
        known_.erase(path);
        Result<std::string> text = read_regular_file(path, most_bytes_);
        if (!text && text.error().sys_errno == ENOENT) return std::optional<Value>();
        if (!text) return text.error();
        Value value = TRY(parse_(*text, path));
        if (stamp != Stamp() && stamp_of(path) == stamp) known_.insert_or_assign(path, Known{stamp, value});
        return std::optional(std::move(value));
    }
    // Of files that are gone.
    void forget(const std::string& path) { known_.erase(path); }
    template <typename Condition>
    void forget_if(Condition condition)
    {
        std::erase_if(known_, [&](const auto& known) { return condition(known.first); });
    }

private:
    // A file of ours is replaced, never written to: device, inode, times of content and status, size.
    using Stamp = std::tuple<dev_t, ino_t, time_t, long, time_t, long, off_t>;
    struct Known {
        Stamp stamp;
        Value value;
    };
    static Stamp stamp_of(const std::string& path)
    {
        struct stat status;
        if (::lstat(path.c_str(), &status) || !S_ISREG(status.st_mode)) return {};
        return {status.st_dev,         status.st_ino,          status.st_mtim.tv_sec, status.st_mtim.tv_nsec,
                status.st_ctim.tv_sec, status.st_ctim.tv_nsec, status.st_size};
    }

    Parse parse_;
    size_t most_bytes_;
    std::map<std::string, Known> known_;
};

}  // namespace holm::daemon
