#include "image/hashed_files.h"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <tuple>

#include "base/fd.h"
#include "kernel/path.h"

namespace holm::image {

namespace {

constexpr size_t most_known = 128 << 10;              // 8 MiB of them
constexpr uint64_t large = 1 << 20, soon = 64 << 10;  // bytes of a file that is written to disk, or told of, at once
constexpr std::chrono::milliseconds tick{20};         // and some more: the kernel's longest is 10 ms

std::chrono::nanoseconds duration_of(timespec time)
{
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

bool same(timespec one, timespec other)
{
    return one.tv_sec == other.tv_sec && one.tv_nsec == other.tv_nsec;
}

// Waits until the last change is a tick ago. False: it is being changed, or the file system has whole seconds alone.
bool is_settled(int file, const struct stat& status)
{
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    const auto age = duration_of(now) - duration_of(status.st_ctim);
    if (age < tick) std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(tick - age, tick));
    struct stat later;
    return status.st_ctim.tv_nsec != 0 && ::fstat(file, &later) == 0 && same(status.st_ctim, later.st_ctim);
}

}  // namespace

void HashedFiles::follow(int tree, int pipe)
{
    std::string buffer(PIPE_BUF + PATH_MAX, '\0');
    for (size_t held = 0;;) {
        const ssize_t got = ::read(pipe, buffer.data() + held, buffer.size() - held);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        std::string_view names(buffer.data(), held + static_cast<size_t>(got));
        for (size_t end; (end = names.find('\0')) != names.npos; names.remove_prefix(end + 1)) digest(tree, names.substr(0, end));
        held = names.size();
        if (held == buffer.size()) break;  // no name is so long
        buffer.replace(0, held, names);
    }
    std::ranges::sort(known_, {}, &Known::inode);
}

void HashedFiles::digest(int tree, std::string_view path)
{
    if (known_.size() == most_known) return;
    auto file = kernel::open_in_root(tree, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, kernel::Links::Refuse);
    struct stat status;
    if (!file || ::fstat(file->get(), &status) || !S_ISREG(status.st_mode)) return;
    if (static_cast<uint64_t>(status.st_size) >= large) ::sync_file_range(file->get(), 0, 0, SYNC_FILE_RANGE_WRITE);
    if (!is_settled(file->get(), status)) return;
    auto digest = hasher_.digest_file(file->get(), status, [](uint64_t) { return Result<>(); });
    if (digest) known_.push_back({.inode = status.st_ino, .changed = status.st_ctim, .digest = *digest});
}

// The last one of an inode that was given up and taken again.
const FileDigest* HashedFiles::find(const struct stat& status) const
{
    for (auto [at, end] = std::ranges::equal_range(known_, status.st_ino, {}, &Known::inode); at != end; ++at)
        if (same(at->changed, status.st_ctim)) return &at->digest;
    return nullptr;
}

void WholeFiles::add(std::string_view path, uint64_t size)
{
    if (pipe_ < 0 || path.size() >= PIPE_BUF) return;
    if (names_.size() + path.size() >= PIPE_BUF) flush();
    names_.append(path).push_back('\0');
    if (size >= soon) flush();
}

void WholeFiles::flush()
{
    std::ignore = ::write(pipe_, names_.data(), names_.size());  // at most PIPE_BUF: all of it or nothing
    names_.clear();
}

}  // namespace holm::image
