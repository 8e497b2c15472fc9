#include "daemon/network_services.h"

#include <algorithm>
#include <iterator>

#include "api/names.h"
#include "base/log.h"
#include "daemon/network_files.h"

namespace holm::daemon {

namespace {

constexpr const char* relay_service = "holm-relay.service";

}  // namespace

void NetworkServices::follow()
{
    if (looking_) return;
    auto looking = loop_.defer([this] { look(); });
    if (looking) looking_ = std::move(*looking);
    else look();
}

void NetworkServices::look()
{
    looking_.reset();
    std::set<std::string> wanted, missing, gone;
    const std::vector<network::Segment> up = list_segments(Place::Up);
    for (const network::Segment& segment : up)
        if (segment.dns || segment.dhcp) wanted.insert(api::network_service_name(segment.name));
    if (has_relayed()) wanted.insert(relay_service);
    std::ranges::set_difference(wanted, started_, std::inserter(missing, missing.end()));
    std::ranges::set_difference(started_, wanted, std::inserter(gone, gone.end()));
    for (const std::string& unit : missing) change(systemd::UnitVerb::Start, unit);
    for (const std::string& unit : gone) change(systemd::UnitVerb::Stop, unit);
    started_ = std::move(wanted);
    if (followed_) followed_(up);
}

void NetworkServices::restart(const std::set<std::string>& networks)
{
    for (const std::string& network : networks)
        if (const std::string unit = api::network_service_name(network); started_.contains(unit)) change(systemd::UnitVerb::Restart, unit);
}

void NetworkServices::change(systemd::UnitVerb verb, const std::string& unit)
{
    operations_[unit] = units_.run_job(verb, unit, [unit](const Result<>& done) {
        if (done || done.error().code == Errc::NotFound) return;
        log_warning("networks go on without unit '{0}': {1}; see 'systemctl status {0}'", unit, done.error().text);
    });
}

}  // namespace holm::daemon
