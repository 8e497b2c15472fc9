#include "base/log.h"

#include <sys/uio.h>
#include <unistd.h>

#include <string>

#include "base/text.h"

namespace holm {

namespace {
LogLevel threshold = LogLevel::Info;
}

void set_log_level(LogLevel level)
{
    threshold = level;
}

void log_line(LogLevel level, std::string_view line)
{
    if (level > threshold) return;
    std::string text = fmt::format("<{}>{}\n", static_cast<int>(level), printable(line, 4096));
    // One write: lines of several processes do not mix. What cannot be written is lost: a log must not stop its writer.
    [[maybe_unused]] ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
}

}  // namespace holm
