#include "rootfs/copy_file.h"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

namespace holm::rootfs {

namespace {

constexpr off_t largest_step = 16 << 20;  // bytes of one copy_file_range(2): a signal is not kept waiting for a large file
constexpr size_t buffer_size = 256 << 10;

// A step that the kernel cannot copy between the two by itself. Gives the bytes that were there.
Result<off_t> copy_through_memory(int from, int to, off_t begin, off_t end)
{
    std::vector<char> buffer(buffer_size);
    off_t at = begin;
    while (at < end) {
        const ssize_t size = ::pread(from, buffer.data(), std::min<size_t>(buffer.size(), static_cast<size_t>(end - at)), at);
        if (size < 0) return sys_error("cannot read it");
        if (size == 0) break;  // it has become shorter
        for (ssize_t done = 0; done < size;) {
            const ssize_t written = ::pwrite(to, buffer.data() + done, static_cast<size_t>(size - done), at + done);
            if (written < 0) return sys_error("cannot write the copy");
            done += written;
        }
        at += size;
    }
    return at - begin;
}

Result<off_t> copy_step(int from, int to, off_t begin, off_t end)
{
    off_t in = begin, out = begin;
    const ssize_t size = ::copy_file_range(from, &in, to, &out, static_cast<size_t>(end - begin), 0);
    if (size >= 0) return size;
    if (errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP || errno == ENOSYS) return copy_through_memory(from, to, begin, end);
    return sys_error("cannot write the copy");
}

Result<> copy_range(int from, int to, off_t begin, off_t end, Copied& copied, const std::function<Result<>()>& go_on)
{
    while (begin < end) {
        const off_t size = TRY(copy_step(from, to, begin, std::min(end, begin + largest_step)));
        if (size == 0) return {};
        begin += size;
        copied.bytes += static_cast<uint64_t>(size);
        TRY(go_on());
    }
    return {};
}

}  // namespace

Result<> copy_content(int from, int to, Copied& copied, const std::function<Result<>()>& go_on)
{
    struct stat status;
    if (::fstat(from, &status)) return sys_error("cannot look at it");
    if (!S_ISREG(status.st_mode)) return error(Errc::Invalid, "it is no regular file any more");
    if (::ioctl(to, FICLONE, from) == 0) {
        copied.shared += static_cast<uint64_t>(status.st_size);
        return {};
    }
    if (::ftruncate(to, status.st_size)) return sys_error("cannot write the copy");
    for (off_t begin = 0; begin < status.st_size;) {
        const off_t data = ::lseek(from, begin, SEEK_DATA);
        if (data < 0 && errno == ENXIO) return {};  // the rest is a hole
        off_t hole = data < 0 ? status.st_size : ::lseek(from, data, SEEK_HOLE);
        if (hole < 0) return sys_error("cannot read it");
        hole = std::min(hole, status.st_size);
        TRY(copy_range(from, to, std::max<off_t>(data, 0), hole, copied, go_on));
        begin = hole;
    }
    return {};
}

}  // namespace holm::rootfs
