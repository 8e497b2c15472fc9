// ManagerObject: snapshots of all machines of a slice as one.
#include <algorithm>

#include "base/text.h"
#include "daemon/manager_object.h"
#include "daemon/options.h"
#include "machine/identifiers.h"
#include "rootfs/history.h"

namespace holm::daemon {

using machine::MachineName;

// One that runs is where it was started; what its file says may be of its next start. One that cannot be read is nowhere.
std::vector<MachineName> ManagerObject::names_in_slice(const std::string& slice)
{
    std::vector<MachineName> names;
    for (const MachineName& name : host_.catalogue.names()) {
        const Known* known = host_.catalogue.find(name);
        const MachineEntry* machine = lifecycle_.find(name);
        const bool runs = machine && is_active(machine->life) && !machine->control_group.empty();
        if (!known || (!runs && !known->spec)) continue;
        const bool is_in =
            runs ? machine->control_group.contains(fmt::format("/{}/", slice)) : machine::is_in_group(known->spec->unit.slice, slice);
        if (is_in) names.push_back(name);
    }
    return names;
}

Result<std::vector<GroupMember>> ManagerObject::members_of(const std::vector<MachineName>& names)
{
    std::vector<GroupMember> members;
    for (const MachineName& name : names) {
        const Known* known = host_.catalogue.find(name);
        if (!known) return lifecycle_.unknown(name);
        if (!known->spec) return known->spec.error();
        const rootfs::UpperPlace place = TRY(sealable_upper(name, *known->spec));
        members.push_back({.name = name, .place = place});
    }
    return members;
}

// Of an empty slice it is asked about none: who may not learns nothing of which machines there are.
void ManagerObject::authorise_all(Reply reply, const char* verb, const std::string& slice, std::vector<MachineName> names, size_t next,
                                  std::move_only_function<void(Reply)> allowed)
{
    if (next != 0 && next >= names.size()) return allowed(std::move(reply));
    Verb asked{.privilege = Privilege::Manage, .name = verb};
    asked.slice = slice;
    if (next < names.size()) {
        asked.machine = names[next].text();
        const Known* known = host_.catalogue.find(names[next]);
        if (known && known->spec) asked.owner = known->spec->owner;
    }
    authority_.authorise(std::move(reply), std::move(asked),
                         [this, verb, slice, names = std::move(names), next, allowed = std::move(allowed)](Reply granted) mutable {
                             authorise_all(std::move(granted), verb, slice, std::move(names), next + 1, std::move(allowed));
                         });
}

void ManagerObject::with_group(Reply reply, const char* verb, const std::string& text, GroupAllowed allowed)
{
    auto slice = machine::parse_group(text);
    if (!slice) return reply.fail(slice.error());
    const auto names = names_in_slice(*slice);
    authorise_all(std::move(reply), verb, *slice, names, 0,
                  [this, slice = *slice, names, allowed = std::move(allowed)](Reply granted) mutable {
                      if (names.empty())
                          return granted.fail(error(Errc::NotFound,
                                                    "no machine is in slice '{0}': slice = \"{0}\" below [unit] of its definition puts "
                                                    "one there ('holmctl edit NAME')",
                                                    slice));
                      if (names_in_slice(slice) != names)
                          return granted.fail(error(Errc::Busy, "the machines of slice '{}' have changed meanwhile: ask again", slice));
                      auto members = members_of(names);
                      if (!members) return granted.fail(members.error());
                      allowed(std::move(granted), slice, std::move(*members));
                  });
}

void ManagerObject::snapshot_group(Reply reply, const std::string& text, const std::string& asked, const systemd::Options& options)
{
    if (auto read = OptionReader(options).finish(); !read) return reply.fail(read.error());
    const std::string tag = asked.empty() ? tag_of(real_now()) : asked;
    if (auto valid = rootfs::parse_new_tag(tag); !valid) return reply.fail(valid.error());
    with_group(std::move(reply), "snapshot", text, [this, tag](Reply granted, const std::string& slice, std::vector<GroupMember> members) {
        GroupRequest request{.doing = fmt::format("being snapshot with slice '{}'", slice),
                             .what = fmt::format("snapshot '{}' of slice '{}'", tag, slice),
                             .group = {.tag = tag, .keep = host_.settings.store.keep_snapshots, .members = std::move(members)}};
        request.check = [group = request.group](const Worker::LookingAt& looking_at) -> Result<kernel::Message> {
            TRY(check_new_tag(group, looking_at));
            return kernel::Message("ok");
        };
        lifecycle_.change_group(std::move(request), std::move(granted));
    });
}

void ManagerObject::rollback_group(Reply reply, const std::string& text, const std::string& tag)
{
    if (auto valid = rootfs::parse_tag(tag); !valid) return reply.fail(valid.error());
    with_group(std::move(reply), "rollback", text, [this, tag](Reply granted, const std::string& slice, std::vector<GroupMember> members) {
        GroupRequest request{.doing = "being rolled back",
                             .what = fmt::format("rolling back slice '{}' to snapshot '{}'", slice, tag),
                             .group = {.tag = tag, .members = std::move(members)}};
        for (const GroupMember& member : request.group.members) {
            const Known* known = host_.catalogue.find(member.name);
            const SnapshotRequest own{.name = member.name, .spec = *known->spec, .tag = tag};
            request.changes.push_back(snapshot_change(own, rollback_change(), roll_back));
        }
        request.check = [group = request.group](const Worker::LookingAt& looking_at) -> Result<kernel::Message> {
            TRY(check_old_tag(group, looking_at));
            return kernel::Message("ok");
        };
        lifecycle_.change_group(std::move(request), std::move(granted));
    });
}

}  // namespace holm::daemon
