#include "store/job.h"

#include <poll.h>

namespace holm::store {

Result<int> Job::input() const
{
    if (request_.fds.empty()) return error(Errc::Invalid, "the job '{}' needs a descriptor", request_.kind);
    return request_.fds.front().get();
}

void Job::progress(uint64_t bytes, uint64_t total) const
{
    if (alone_) return;
    kernel::Message message("progress");
    message.add("bytes", static_cast<int64_t>(bytes)).add("total", static_cast<int64_t>(total));
    static_cast<void>(kernel::send_message(socket_, message));  // where nobody hears it, go_on says so
}

Result<> Job::go_on() const
{
    if (alone_) return {};
    pollfd line{.fd = socket_, .events = POLLRDHUP, .revents = 0};
    if (::poll(&line, 1, 0) > 0 && line.revents) return error(Errc::Busy, "it was canceled");
    return {};
}

}  // namespace holm::store
