#include "daemon/network_watch.h"

#include <sys/epoll.h>

#include <algorithm>

#include "base/log.h"
#include "daemon/network_files.h"
#include "kernel/netlink.h"
#include "network/apply_host.h"

namespace holm::daemon {

namespace {

// So long our own changes take, which look the same; and who reloads a firewall has made it anew.
constexpr std::chrono::milliseconds patience{50};

}  // namespace

Result<> NetworkWatch::open()
{
    links_ = TRY(kernel::open_link_events());
    link_source_ = TRY(watch(links_.get()));
    auto tables = kernel::open_table_events();
    if (!tables) return {};
    tables_ = std::move(*tables);
    table_source_ = TRY(watch(tables_.get()));
    TRY(kernel::netfilter_socket());  // what look() asks by: there from the beginning
    return {};
}

Result<systemd::Source> NetworkWatch::watch(int socket)
{
    return loop_.watch_io(socket, EPOLLIN, [this, socket](uint32_t) { receive(socket); });
}

void NetworkWatch::receive(int socket)
{
    kernel::NetworkLosses losses;
    if (auto read = kernel::read_losses(socket, losses); !read) {
        log_error("{}; what others change of it is not seen any more", read.error().text);
        link_source_.reset(), table_source_.reset();
        return;
    }
    const bool ours = std::ranges::any_of(losses.links, [](const std::string& alias) { return alias.starts_with("holm:"); }) ||
                      std::ranges::find(losses.tables, "holm") != losses.tables.end();
    if (ours || losses.overflown) look_later();
}

void NetworkWatch::look_later()
{
    auto pause = loop_.after(patience, [this] { look(); });
    if (pause) pause_ = std::move(*pause);
}

// While a child of ours changes a network, what there is and what its files say may differ: one that begins has its files first.
void NetworkWatch::look()
{
    pause_.reset();
    const auto lock = try_to_lock_networks();
    if (lock && !*lock) return look_later();
    const std::vector<network::Segment> up = list_segments(Place::Up);
    if (up.empty()) return;
    std::set<std::string> bridges;
    for (const network::Segment& segment : up) {
        auto there = network::has_bridge(segment);
        if (there && !*there) bridges.insert(segment.name);
    }
    auto rules = network::has_ruleset();
    if (bridges.empty() && (!rules || *rules)) return;
    lost_(bridges);
}

}  // namespace holm::daemon
