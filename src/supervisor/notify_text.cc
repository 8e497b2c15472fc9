#include "supervisor/notify_text.h"

#include "base/text.h"

namespace holm::supervisor {

NotifyText parse_notify(std::string_view datagram)
{
    constexpr std::string_view status = "STATUS=";
    NotifyText text;
    for (std::string_view line : split(datagram, '\n')) {
        if (line == "READY=1") text.ready = true;
        else if (line.starts_with(status)) text.status = printable(line.substr(status.size()));
    }
    return text;
}

}  // namespace holm::supervisor
