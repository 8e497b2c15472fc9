#include "kernel/loop_device.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>

#include "base/text.h"

namespace holm::kernel {

namespace {

constexpr unsigned most_attempts = 64;  // others take devices too

}  // namespace

Result<LoopDevice> open_loop_device(int file, const LoopPart& part)
{
    const bool writes = part.access == LoopAccess::ReadWrite;
    Fd control(::open("/dev/loop-control", O_RDWR | O_CLOEXEC));
    if (!control)
        return errno_error(errno,
                           "there are no loop devices here, which a file system in a file needs: '/dev/loop-control' cannot be "
                           "opened ('modprobe loop' may help)");
    loop_config config{};
    config.fd = static_cast<uint32_t>(file);
    config.info.lo_offset = part.begin;
    config.info.lo_sizelimit = part.size;
    config.info.lo_flags = LO_FLAGS_AUTOCLEAR | (writes ? 0 : LO_FLAGS_READ_ONLY);
    for (unsigned attempt = 1;; ++attempt) {
        const int number = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
        if (number < 0) return sys_error("cannot get a loop device");
        LoopDevice loop{.path = fmt::format("/dev/loop{}", number), .device = {}};
        loop.device = Fd(::open(loop.path.c_str(), (writes ? O_RDWR : O_RDONLY) | O_CLOEXEC));
        if (!loop.device) return sys_error("cannot open the loop device '{}'", loop.path);
        if (::ioctl(loop.device.get(), LOOP_CONFIGURE, &config) == 0) return loop;
        if (errno != EBUSY || attempt == most_attempts) return sys_error("cannot set up the loop device '{}'", loop.path);
    }
}

}  // namespace holm::kernel
