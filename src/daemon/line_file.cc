#include "daemon/line_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "kernel/path.h"

namespace holm::daemon {

namespace {

constexpr size_t most_bytes = 64 << 20;  // it is held in memory
constexpr size_t buffer_size = 64 << 10;

}  // namespace

Result<LineFile> LineFile::make(const char* name)
{
    Fd file(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!file) return sys_error("cannot make a file in memory");
    return LineFile(std::move(file));
}

Result<> LineFile::add(const std::string& line)
{
    buffer_ += line;
    written_ += line.size();
    if (written_ > most_bytes)
        return error(Errc::NotSupported, "there are more changes than can be told: {} MiB of them", most_bytes >> 20);
    return buffer_.size() < buffer_size ? Result<>() : write_all(file_.get(), std::exchange(buffer_, {}));
}

Result<Fd> LineFile::finish()
{
    TRY(write_all(file_.get(), std::exchange(buffer_, {})));
    if (::lseek(file_.get(), 0, SEEK_SET) || ::fcntl(file_.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
        return sys_error("cannot seal a file in memory");
    return std::move(file_);
}

Result<std::vector<Fd>> open_layers(const std::vector<std::string>& paths)
{
    std::vector<Fd> layers;
    for (const std::string& path : paths) {
        Fd layer = TRY(kernel::open_source(path, O_RDONLY | O_NONBLOCK));
        struct stat status;
        if (::fstat(layer.get(), &status)) return sys_error("cannot look at '{}'", printable(path));
        if (!S_ISDIR(status.st_mode))
            return error(Errc::NotSupported, "the layer '{}' is a disk image, and changes can be told against folders alone",
                         printable(path));
        layers.push_back(std::move(layer));
    }
    return layers;
}

}  // namespace holm::daemon
