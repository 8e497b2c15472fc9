#include "daemon/network_services.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "api/names.h"
#include "base/folder.h"
#include "base/log.h"
#include "daemon/network_files.h"
#include "kernel/cgroup.h"

namespace holm::daemon {

namespace {

constexpr const char* relay_service = "holm-relay.service";

// Whoever has started them: each has its cgroup.
std::set<std::string> list_running()
{
    std::set<std::string> running;
    const auto mount = kernel::cgroup_mount();
    for (const std::string& unit : names_in(mount ? *mount + "/system.slice" : ""))
        if (unit == relay_service || unit.starts_with("holm-network@")) running.insert(unit);
    return running;
}

}  // namespace

void NetworkServices::forget()
{
    started_.clear();
    left_ = list_running();
}

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
    for (const std::string& unit : missing) change(systemd::UnitVerb::Start, unit);
    left_.merge(started_);
    std::ranges::set_difference(std::exchange(left_, {}), wanted, std::inserter(gone, gone.end()));
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
