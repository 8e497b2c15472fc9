// ManagerObject: files into and out of machines. Paths of the host are opened with root's privileges, so they are Manage; a stream is the
// caller's own, and what it brings is written as a shell of root there would.
#include "base/log.h"
#include "base/text.h"
#include "daemon/manager_object.h"
#include "daemon/running_transfer.h"

namespace holm::daemon {

using machine::MachineName;

namespace {

constexpr uint64_t replace_flag = 1;  // MACHINE_COPY_REPLACE of machine1
constexpr size_t max_path = 4095;

Result<transfer::Existing> parse_flags(uint64_t flags)
{
    if (flags & ~replace_flag) return error(Errc::Invalid, "the flags {:#x} are not known: only 1 (replace) is", flags & ~replace_flag);
    return flags & replace_flag ? transfer::Existing::Replace : transfer::Existing::Refuse;
}

Result<> check_path(const std::string& path)
{
    if (path.starts_with('/') && path.size() <= max_path) return {};
    return error(Errc::Invalid, "'{}' is not an absolute path", printable(path));
}

struct Paths {
    std::string source, destination;
    transfer::Existing existing;
};
Result<Paths> parse_paths(const std::string& source, const std::string& destination, uint64_t flags)
{
    Paths paths{source, destination.empty() ? source : destination, transfer::Existing::Refuse};
    paths.existing = TRY(parse_flags(flags));
    TRY(check_path(paths.source));
    TRY(check_path(paths.destination));
    return paths;
}

// A copy of a machine whose payload has ended would keep its root from the next start.
void end_with_machine(systemd::Loop& loop, const MachineEntry& machine, RunningTransfer& running)
{
    auto leader = leader_of(machine).open();
    if (!leader) return;  // its child finds that, too
    auto ended = [&running, name = machine.name.text()](uint32_t) {
        running.why = error(Errc::Busy, "machine '{}' stopped meanwhile", name);
        running.worker->kill();
        running.ends.clear();
    };
    auto watched = loop.watch_io(leader->get(), EPOLLIN, std::move(ended));
    if (!watched) return;
    running.leaders.push_back(std::move(*leader));
    running.ends.push_back(std::move(*watched));
}

}  // namespace

void ManagerObject::transfer(Reply reply, Transfer transfer)
{
    if (transfer.to.machine)
        if (auto free = lifecycle_.check_free_to_thaw(transfer.to.machine->name); !free) return reply.fail(free.error());
    auto place = transfers_.insert(transfers_.end(), std::make_unique<RunningTransfer>());
    RunningTransfer& running = **place;
    const MachineEntry* machine = transfer.to.machine ? transfer.to.machine : transfer.from.machine;
    running.caller = std::make_unique<CallerWatch>(host_.bus.get(), reply.sender(), [this, place] { transfers_.erase(place); });
    for (const TransferEnd* end : {&transfer.from, &transfer.to})
        if (end->machine) end_with_machine(host_.loop, *end->machine, running);
    auto done = [this, place, name = machine->name.text(), reply = std::move(reply)](Result<std::string> skipped) mutable {
        auto ended = std::move(*place);
        transfers_.erase(place);
        if (!skipped) return reply.fail(ended->why.value_or(skipped.error()));
        if (!skipped->empty()) log_info("copying with machine '{}': {}", name, *skipped);
        reply.ok();
    };
    running.worker = start_transfer(host_.loop, std::move(transfer), std::move(done));
}

void ManagerObject::copy_to(Reply reply, const std::string& name, const std::string& source, const std::string& destination)
{
    copy_to_with_flags(std::move(reply), name, source, destination, 0);
}

void ManagerObject::copy_from(Reply reply, const std::string& name, const std::string& source, const std::string& destination)
{
    copy_from_with_flags(std::move(reply), name, source, destination, 0);
}

void ManagerObject::copy_to_with_flags(Reply reply, const std::string& text, const std::string& source, const std::string& destination,
                                       uint64_t flags)
{
    auto paths = parse_paths(source, destination, flags);
    if (!paths) return reply.fail(paths.error());
    authorise(std::move(reply), Privilege::Manage, "copy-to", text,
              [this, paths = std::move(*paths)](Reply granted, const MachineName& name) mutable {
                  const MachineEntry* machine = started_or_fail(name, granted);
                  if (!machine) return;
                  Transfer wanted;
                  wanted.from.path = std::move(paths.source);
                  wanted.to.machine = machine;
                  wanted.to.path = std::move(paths.destination);
                  wanted.existing = paths.existing;
                  transfer(std::move(granted), std::move(wanted));
              });
}

void ManagerObject::copy_from_with_flags(Reply reply, const std::string& text, const std::string& source, const std::string& destination,
                                         uint64_t flags)
{
    auto paths = parse_paths(source, destination, flags);
    if (!paths) return reply.fail(paths.error());
    authorise(std::move(reply), Privilege::Manage, "copy-from", text,
              [this, paths = std::move(*paths)](Reply granted, const MachineName& name) mutable {
                  const MachineEntry* machine = started_or_fail(name, granted);
                  if (!machine) return;
                  Transfer wanted;
                  wanted.from.machine = machine;
                  wanted.from.path = std::move(paths.source);
                  wanted.to.path = std::move(paths.destination);
                  wanted.existing = paths.existing;
                  transfer(std::move(granted), std::move(wanted));
              });
}

void ManagerObject::copy_stream_to(Reply reply, const std::string& text, Fd tar, const std::string& destination, uint64_t flags)
{
    auto existing = parse_flags(flags);
    if (!existing) return reply.fail(existing.error());
    if (auto checked = check_path(destination); !checked) return reply.fail(checked.error());
    auto allowed = [this, tar = std::move(tar), destination, existing = *existing](Reply granted, const MachineName& name) mutable {
        const MachineEntry* machine = started_or_fail(name, granted);
        if (!machine) return;
        Transfer wanted;
        wanted.from.stream = std::move(tar);
        wanted.to.machine = machine;
        wanted.to.path = std::move(destination);
        wanted.existing = existing;
        transfer(std::move(granted), std::move(wanted));
    };
    authorise(std::move(reply), Privilege::Shell, "copy-to", text, std::move(allowed), "root");
}

void ManagerObject::copy_stream_from(Reply reply, const std::string& text, const std::string& source, Fd tar)
{
    if (auto checked = check_path(source); !checked) return reply.fail(checked.error());
    auto allowed = [this, tar = std::move(tar), source](Reply granted, const MachineName& name) mutable {
        const MachineEntry* machine = started_or_fail(name, granted);
        if (!machine) return;
        Transfer wanted;
        wanted.from.machine = machine;
        wanted.from.path = std::move(source);
        wanted.to.stream = std::move(tar);
        transfer(std::move(granted), std::move(wanted));
    };
    authorise(std::move(reply), Privilege::Shell, "copy-from", text, std::move(allowed), "root");
}

void ManagerObject::copy_between(Reply reply, const std::string& text, const std::string& source, const std::string& other,
                                 const std::string& destination, uint64_t flags)
{
    auto paths = parse_paths(source, destination, flags);
    if (!paths) return reply.fail(paths.error());
    auto receiver = machine::parse_name(other);
    if (!receiver) return reply.fail(receiver.error());
    authorise(std::move(reply), Privilege::Manage, "copy-from", text,
              [this, to = *receiver, paths = std::move(*paths)](Reply granted, const MachineName& name) mutable {
                  const MachineEntry* from_machine = started_or_fail(name, granted);
                  const MachineEntry* to_machine = from_machine ? started_or_fail(to, granted) : nullptr;
                  if (!to_machine) return;
                  Transfer wanted;
                  wanted.from.machine = from_machine;
                  wanted.from.path = std::move(paths.source);
                  wanted.to.machine = to_machine;
                  wanted.to.path = std::move(paths.destination);
                  wanted.existing = paths.existing;
                  transfer(std::move(granted), std::move(wanted));
              });
}

// -- mounts -----------------------------------------------------------------------------------------------------------------------

void ManagerObject::bind_mount(Reply reply, const std::string& text, const std::string& source, const std::string& destination,
                               bool read_only, bool mkdir)
{
    auto paths = parse_paths(source, destination, 0);
    if (!paths) return reply.fail(paths.error());
    LiveBind bind{.source = paths->source, .target = paths->destination, .read_only = read_only, .make_target = mkdir};
    authorise(std::move(reply), Privilege::Manage, "bind", text,
              [this, bind = std::move(bind)](Reply granted, const MachineName& name) mutable {
                  const MachineEntry* machine = started_or_fail(name, granted);
                  if (!machine) return;
                  auto place = workers_.emplace(workers_.end());
                  *place = start_binding(host_.loop, *machine, std::move(bind), mount_changed(place, std::move(granted)));
              });
}

void ManagerObject::unbind_mount(Reply reply, const std::string& text, const std::string& destination)
{
    if (auto checked = check_path(destination); !checked) return reply.fail(checked.error());
    authorise(std::move(reply), Privilege::Manage, "unbind", text, [this, destination](Reply granted, const MachineName& name) {
        const MachineEntry* machine = started_or_fail(name, granted);
        if (!machine) return;
        auto place = workers_.emplace(workers_.end());
        *place = start_unbinding(host_.loop, *machine, destination, mount_changed(place, std::move(granted)));
    });
}

MountChanged ManagerObject::mount_changed(std::list<std::unique_ptr<Worker>>::iterator place, Reply reply)
{
    return [this, place, reply = std::move(reply)](Result<> changed) mutable {
        auto ended = std::move(*place);
        workers_.erase(place);
        if (changed) reply.ok();
        else reply.fail(changed.error());
    };
}

}  // namespace holm::daemon
