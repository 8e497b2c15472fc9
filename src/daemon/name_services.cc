#include "daemon/name_services.h"

#include <algorithm>
#include <iterator>

#include "api/names.h"
#include "base/log.h"
#include "daemon/network_files.h"

namespace holm::daemon {

void NameServices::follow()
{
    std::set<std::string> wanted, missing, gone;
    for (const network::Segment& segment : list_segments(Place::Up))
        if (segment.dns || segment.dhcp) wanted.insert(segment.name);
    std::ranges::set_difference(wanted, started_, std::inserter(missing, missing.end()));
    std::ranges::set_difference(started_, wanted, std::inserter(gone, gone.end()));
    for (const std::string& network : missing) change(systemd::UnitVerb::Start, network);
    for (const std::string& network : gone) change(systemd::UnitVerb::Stop, network);
    started_ = std::move(wanted);
}

void NameServices::change(systemd::UnitVerb verb, const std::string& network)
{
    const std::string unit = api::network_service_name(network);
    operations_[network] = units_.run_job(verb, unit, [network, unit](const Result<>& done) {
        if (done || done.error().code == Errc::NotFound) return;
        log_warning("network '{}' has no name service: {}; see 'systemctl status {}'", network, done.error().text, unit);
    });
}

}  // namespace holm::daemon
