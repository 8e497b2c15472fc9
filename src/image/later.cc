#include "image/later.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdint>
#include <functional>

#include "base/fd.h"
#include "image/attributes.h"
#include "image/entry_path.h"
#include "kernel/path.h"

namespace holm::image {

namespace {

constexpr size_t buffer_size = 64 << 10;
constexpr char time_kind = 't', opaque_kind = 'o';

// Behind it `length` bytes of the folder's path.
struct Record {
    int64_t seconds = 0, nanoseconds = 0;
    uint32_t length = 0;
    char kind = 0;
};

Result<size_t> read_at(int file, char* into, size_t size, off_t at)
{
    for (;;) {
        const ssize_t got = ::pread(file, into, size, at);
        if (got >= 0) return static_cast<size_t>(got);
        if (errno != EINTR) return sys_error("cannot read what is to be done to folders");
    }
}

Result<> for_each(int file, char kind, const std::function<Result<>(const std::string& folder, timespec time)>& act)
{
    std::string buffer(buffer_size, '\0');
    for (off_t at = 0;;) {
        const size_t got = TRY(read_at(file, buffer.data(), buffer.size(), at));
        if (got == 0) return {};
        size_t from = 0;
        Record record;
        while (got - from >= sizeof record) {
            ::memcpy(&record, buffer.data() + from, sizeof record);
            if (record.length > 4096) return error(Errc::Invalid, "the list of what is to be done to folders is damaged");
            if (got - from - sizeof record < record.length) break;
            const std::string folder(buffer.data() + from + sizeof record, record.length);
            if (record.kind == kind) TRY(act(folder, {record.seconds, record.nanoseconds}));
            from += sizeof record + record.length;
        }
        if (from == 0) return error(Errc::Invalid, "the list of what is to be done to folders is damaged");
        at += static_cast<off_t>(from);
    }
}

Result<Fd> open_folder(int root, const std::string& folder)
{
    return kernel::open_in_root(root, folder, O_RDONLY | O_DIRECTORY, kernel::Links::Refuse);
}

}  // namespace

void LaterWriter::add(char kind, std::string_view folder, timespec time)
{
    Record record{};
    record = {.seconds = time.tv_sec, .nanoseconds = time.tv_nsec, .length = static_cast<uint32_t>(folder.size()), .kind = kind};
    waiting_.append(reinterpret_cast<const char*>(&record), sizeof record).append(folder);
    if (waiting_.size() >= buffer_size) written_ = flush();
}

void LaterWriter::add_time(std::string_view folder, timespec time)
{
    add(time_kind, folder, time);
}

void LaterWriter::add_opaque(std::string_view folder)
{
    add(opaque_kind, folder, {});
}

Result<> LaterWriter::flush()
{
    if (written_) written_ = write_all(file_, waiting_);
    waiting_.clear();
    return written_;
}

Result<> set_folder_times(int root, int later)
{
    return for_each(later, time_kind, [root](const std::string& folder, timespec time) -> Result<> {
        Fd opened = TRY(open_folder(root, folder));
        const timespec both[2] = {time, time};
        if (::futimens(opened.get(), both)) return sys_error("cannot set the times of '{}'", folder);
        return {};
    });
}

Result<> mark_opaque(int root, int later)
{
    return for_each(later, opaque_kind, [root](const std::string& folder, timespec) -> Result<> {
        Fd opened = TRY(open_folder(root, folder));
        if (::fsetxattr(opened.get(), opaque_attribute, "y", 1, 0)) return sys_error("cannot make '{}' opaque", folder);
        return {};
    });
}

}  // namespace holm::image
