#include "network/apply_physical.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/fd.h"
#include "base/handle.h"
#include "base/log.h"
#include "base/text.h"
#include "kernel/link_move.h"
#include "network/physical.h"

namespace holm::network {

namespace {

using kernel::Link;
using kernel::Netlink;

// A network namespace of the machine's, this boot's or an earlier one's.
struct Kept {
    std::string path;
    ino_t inode = 0;
    Netlink netlink;
};

void keep_no_longer(const std::string& path)
{
    static_cast<void>(::umount2(path.c_str(), MNT_DETACH));
    if (::unlink(path.c_str())) log_warning("cannot remove '{}': {}", path, strerror(errno));
}

// A file that nothing is mounted on is of a start that was cut off.
Result<std::vector<Kept>> open_kept(const std::string& folder)
{
    std::vector<Kept> all;
    Handle<DIR, ::closedir> names(::opendir(folder.c_str()));
    while (const dirent* entry = names ? ::readdir(names.get()) : nullptr) {
        if (entry->d_name[0] == '.') continue;
        const std::string path = fmt::format("{}/{}", folder, std::string_view(entry->d_name));
        Fd file = TRY(open_file(path, O_RDONLY | O_NOFOLLOW));
        struct statfs type{};
        struct stat status{};
        if (::fstatfs(file.get(), &type) || ::fstat(file.get(), &status)) return sys_error("cannot look at '{}'", path);
        if (type.f_type != NSFS_MAGIC) {
            keep_no_longer(path);
            continue;
        }
        Netlink netlink = TRY(kernel::open_netlink_in(file.get()));
        all.push_back({.path = path, .inode = status.st_ino, .netlink = std::move(netlink)});
    }
    return all;
}

// Returns its inode, which is the file's name.
Result<ino_t> keep(const std::string& folder, int pid)
{
    const std::string space = fmt::format("/proc/{}/ns/net", pid);
    struct stat status{}, there{};
    if (::stat(space.c_str(), &status)) return sys_error("cannot look at '{}'", space);
    const std::string path = fmt::format("{}/{}", folder, status.st_ino);
    if (::stat(path.c_str(), &there) == 0 && there.st_ino == status.st_ino && there.st_dev == status.st_dev) return status.st_ino;
    TRY(make_folders(folder, 0700));
    static_cast<void>(TRY(open_file(path, O_RDONLY | O_CREAT | O_NOFOLLOW, 0600)));
    if (::mount(space.c_str(), path.c_str(), nullptr, MS_BIND, nullptr)) {
        const auto failure = sys_error("cannot keep the network namespace of the machine by '{}'", path);
        ::unlink(path.c_str());
        return failure;
    }
    return status.st_ino;
}

void forget(const std::string& folder, std::span<const Kept> kept, ino_t but = 0)
{
    for (const Kept& one : kept)
        if (one.inode != but) keep_no_longer(one.path);
    ::rmdir(folder.c_str());  // not while one is in it
}

std::string describe_link(const Endpoint& endpoint)
{
    return fmt::format("interface '{}' of the host", endpoint.parent);
}

Error say_why(const Error& failure, const Endpoint& endpoint)
{
    if (failure.sys_errno == EINVAL || failure.sys_errno == EOPNOTSUPP)
        return error(Errc::NotSupported, "{} is of a kind that the kernel does not move: {}", describe_link(endpoint), failure.text);
    return with_context(failure, describe_link(endpoint));
}

// The one that the machine has, wherever it is now. A machine that has removed it can make another of its index, but none of hardware.
struct Place {
    Netlink* netlink = nullptr;  // null: it is nowhere
    ino_t inode = 0;             // 0: the host's
    Link link;
};

Result<Place> find_place(const Endpoint& endpoint, Netlink& host, std::span<Kept> kept)
{
    for (Kept& one : kept)
        if (auto link = TRY(kernel::find_link(one.netlink, inner_index(endpoint.link))); link && link->kind == endpoint.link.kind)
            return Place{&one.netlink, one.inode, *link};
    for (const std::string& name : {passing_name(endpoint.link), endpoint.parent})
        if (auto link = TRY(kernel::find_link(host, name)); link && link->name == name) return Place{&host, 0, *link};
    return Place();
}

Result<> move_link(const Endpoint& endpoint, const Place& from, ino_t into, int pid)
{
    if (!from.netlink) return error(Errc::NotFound, "{} is gone: it was there when the machine was planned", describe_link(endpoint));
    if (from.inode == into) return {};
    auto moved = from.netlink->change(
        kernel::move_request({.index = from.link.index, .name = endpoint.interface, .pid = pid, .new_index = inner_index(endpoint.link)}));
    return moved ? moved : say_why(moved.error(), endpoint);
}

// What of it is to be other than it is: there are kinds that refuse even to be given what they have.
kernel::LinkRestoration find_changes(const Link& link, const std::string& name, const Mac& mac, uint32_t mtu, const std::string& alias)
{
    kernel::LinkRestoration changes{.index = link.index, .name = name};
    if (mac != Mac{} && link.mac != mac) changes.mac = mac;
    if (link.mtu != mtu) changes.mtu = mtu;
    if (link.alias != alias) changes.alias = alias;
    return changes;
}

// As the definition wants it, whatever an earlier boot has left.
Result<> set_up(const Endpoint& endpoint, Netlink& machine)
{
    const auto link = TRY(kernel::find_link(machine, inner_index(endpoint.link)));
    if (!link) return error(Errc::Failed, "{} is gone again", describe_link(endpoint));
    const uint32_t mtu = endpoint.mtu ? endpoint.mtu : endpoint.link.mtu;
    TRY(machine.change(kernel::restore_request(find_changes(*link, endpoint.interface, endpoint.mac, mtu, endpoint.link.alias))),
        describe_link(endpoint));
    return {};
}

// The names that a machine has given it could be those of the host's own links.
Result<> drop_names(const Endpoint& endpoint, const Place& place)
{
    for (const std::string& name : TRY(kernel::list_other_names(*place.netlink, place.link.index)))
        if (std::ranges::find(endpoint.link.names, name) == endpoint.link.names.end())
            TRY(place.netlink->change(kernel::remove_name_request(place.link.index, name)));
    return {};
}

// Out of the machine, under a name that nobody else has. Its index is the old one where that is free.
Result<> move_out(const Endpoint& endpoint, const Place& place)
{
    kernel::LinkMove move{
        .index = place.link.index, .name = passing_name(endpoint.link), .pid = ::getpid(), .new_index = endpoint.link.index};
    auto moved = place.netlink->change(kernel::move_request(move));
    if (!moved && (moved.error().sys_errno == EBUSY || moved.error().sys_errno == EEXIST)) {
        move.new_index = 0;
        moved = place.netlink->change(kernel::move_request(move));
    }
    return moved ? moved : say_why(moved.error(), endpoint);
}

Result<> rename(const Endpoint& endpoint, const Link& link, Netlink& host)
{
    auto renamed = host.change(kernel::restore_request({.index = link.index, .name = endpoint.parent}));
    if (renamed || renamed.error().sys_errno != EEXIST) return renamed;
    TRY(host.change(kernel::restore_request({.index = link.index, .name = free_name(endpoint.parent)})));
    const auto now = TRY(kernel::find_link(host, link.index));
    const std::string name = now ? now->name : "?";
    log_warning("{} has come back as '{}': another has its name now; rename them with 'ip link set {} name NAME'", describe_link(endpoint),
                name, name);
    return {};
}

// The name is what the host knows it by: that comes back whatever of the rest does not.
Result<> restore(const Endpoint& endpoint, Netlink& host)
{
    const HostLink& before = endpoint.link;
    const auto link = TRY(kernel::find_link(host, passing_name(before)));
    if (!link) return {};
    auto changed = host.change(kernel::restore_request(find_changes(*link, link->name, before.mac, before.mtu, before.alias)));
    if (!changed) log_warning("{} comes back with what the machine has made of it: {}", describe_link(endpoint), changed.error().text);
    TRY(rename(endpoint, *link, host), describe_link(endpoint));
    return {};
}

Result<> give_one_back(const Endpoint& endpoint, Netlink& host, std::span<Kept> kept)
{
    const Place place = TRY(find_place(endpoint, host, kept));
    if (!place.netlink) {
        log_warning("{} does not come back: the machine has removed it, or moved it on", describe_link(endpoint));
        return {};
    }
    if (place.inode != 0) {
        TRY(drop_names(endpoint, place));
        TRY(move_out(endpoint, place));
    }
    return restore(endpoint, host);
}

}  // namespace

Result<> move_in(const Plan& plan, const std::string& folder, int pid)
{
    if (!has_moved(plan)) return {};
    const ino_t inode = TRY(keep(folder, pid));
    std::vector<Kept> kept = TRY(open_kept(folder));
    Netlink host = TRY(kernel::open_netlink());
    for (const Endpoint& endpoint : plan.endpoints) {
        if (endpoint.type != EndpointType::Physical) continue;
        const Place from = TRY(find_place(endpoint, host, kept));
        TRY(move_link(endpoint, from, inode, pid));
        for (Kept& one : kept)
            if (one.inode == inode) TRY(set_up(endpoint, one.netlink));
    }
    forget(folder, kept, inode);
    return {};
}

Result<> give_back(std::span<const Endpoint> endpoints, const std::string& folder, const Plan& staying)
{
    if (!has_moved({.kind = Kind::Endpoints, .endpoints = {endpoints.begin(), endpoints.end()}})) return {};
    std::vector<Kept> kept = TRY(open_kept(folder));
    Netlink host = TRY(kernel::open_netlink());
    Result<> result;
    for (const Endpoint& endpoint : endpoints) {
        if (endpoint.type != EndpointType::Physical) continue;
        auto given = give_one_back(endpoint, host, kept);
        if (given) continue;
        result = with_context(given.error(), fmt::format("'{}' keeps what is not given back ('nsenter --net=FILE' enters it)", folder));
    }
    if (result && !has_moved(staying)) forget(folder, kept);
    return result;
}

}  // namespace holm::network
