#include "daemon/group_snapshots.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "api/names.h"
#include "base/folder.h"
#include "base/log.h"
#include "base/text.h"
#include "daemon/snapshots.h"
#include "rootfs/history.h"
#include "rootfs/seal.h"

namespace holm::daemon {

namespace {

using rootfs::History;
using rootfs::Snapshot;
using rootfs::UpperPlace;

constexpr std::string_view mark_prefix = "group-", half_written = ".new";  // the latter of replace_file()
constexpr size_t max_mark = 16 << 20;

// A machine is in one change at a time.
std::string mark_of(const GroupSnapshot& group)
{
    return fmt::format("{}/{}{}-{}", api::state_folder, mark_prefix, group.members.front().name.text(), group.created);
}

// "shop-3", "1763796612000000", then a line for each upper: "own /srv/web.upper", or "ours /var/lib/holm/…".
std::string describe_mark(const GroupSnapshot& group)
{
    std::string text = fmt::format("{}\n{}\n", group.tag, group.created);
    for (const GroupMember& member : group.members) text += fmt::format("{} {}\n", member.place.ours ? "ours" : "own", member.place.path);
    return text;
}

Result<GroupSnapshot> parse_mark(const std::string& text)
{
    auto lines = split(text, '\n');
    if (lines.size() < 3 || !lines.back().empty()) return error(Errc::Invalid, "it is not whole");
    GroupSnapshot group;
    group.tag = TRY(rootfs::parse_tag(lines[0]));
    group.created = parse_number(lines[1]).value_or(0);
    for (size_t i = 2; i + 1 < lines.size(); ++i) {
        const size_t space = lines[i].find(' ');
        if (space == lines[i].npos) return error(Errc::Invalid, "it has a line '{}'", printable(lines[i], 80));
        UpperPlace place{.upper = rootfs::Upper::Directory, .path = std::string(lines[i].substr(space + 1)), .work = ""};
        place.ours = lines[i].starts_with("ours");
        group.members.push_back({.name = {}, .place = std::move(place)});
    }
    return group;
}

Result<> remove_mark(const std::string& path)
{
    if (::unlink(path.c_str()) && errno != ENOENT) return sys_error("cannot remove '{}'", path);
    Fd folder = TRY(open_file(api::state_folder, O_RDONLY | O_DIRECTORY));
    return ::fsync(folder.get()) ? Result<>(sys_error("cannot sync '{}'", api::state_folder)) : Result<>();
}

Result<> in_all(const GroupSnapshot& group, const Worker::LookingAt& looking_at, Result<> (*work)(const GroupSnapshot&, const GroupMember&))
{
    for (const GroupMember& member : group.members) {
        looking_at(rootfs::layers_folder(member.place));
        TRY(work(group, member), fmt::format("machine '{}'", member.name.text()));
    }
    return {};
}

Result<> write_one(const GroupSnapshot& group, const GroupMember& member)
{
    const Snapshot snapshot{
        .tag = group.tag, .created = group.created, .frozen = member.runs ? std::max<uint64_t>(group.frozen, 1) : 0, .layers = {}};
    if (!member.runs) return seal_locked(member.place, member.name.text(), snapshot);
    return record_copy(member.place, member.copy, snapshot);
}

Result<> take_back_one(const GroupSnapshot& group, const UpperPlace& place)
{
    History history = TRY(rootfs::settle_history(place));
    const Snapshot* made = rootfs::find_snapshot(history, group.tag);
    if (made && made->created == group.created) {
        history = TRY(rootfs::plan_forget(history, group.tag));
        TRY(rootfs::write_history(place, history));
    }
    return rootfs::set_unused_aside(place, history);
}

Result<bool> all_have(const GroupSnapshot& group)
{
    for (const GroupMember& member : group.members) {
        const History history = TRY(rootfs::read_history(member.place));
        const Snapshot* made = rootfs::find_snapshot(history, group.tag);
        if (!made || made->created != group.created) return false;
    }
    return true;
}

// As many as can be; the first error of those that cannot.
Result<> take_back_all(const GroupSnapshot& group)
{
    Result<> all;
    for (const GroupMember& member : group.members)
        if (auto taken = take_back_one(group, member.place); !taken && all) all = taken;
    return all;
}

}  // namespace

Result<> check_new_tag(const GroupSnapshot& group, const Worker::LookingAt& looking_at)
{
    return in_all(group, looking_at, [](const GroupSnapshot& whole, const GroupMember& member) -> Result<> {
        const History history = TRY(rootfs::read_history(member.place));
        const std::string id = TRY(rootfs::draw_layer_id());
        TRY(rootfs::plan_copy(history, id, {.tag = whole.tag, .layers = {}}));
        if (TRY(rootfs::has_writes(member.place))) TRY(rootfs::sync_upper(member.place));
        return {};
    });
}

Result<> check_old_tag(const GroupSnapshot& group, const Worker::LookingAt& looking_at)
{
    return in_all(group, looking_at, [](const GroupSnapshot& whole, const GroupMember& member) -> Result<> {
        const History history = TRY(rootfs::read_history(member.place));
        TRY(rootfs::plan_rollback(history, "", whole.tag, real_now()));
        return {};
    });
}

Result<> write_down(const GroupSnapshot& group, const Worker::LookingAt& looking_at)
{
    const std::string mark = mark_of(group);
    TRY(replace_file(mark, describe_mark(group), 0600));
    TRY(in_all(group, looking_at, write_one));
    TRY(remove_mark(mark));
    for (const GroupMember& member : group.members)
        if (auto kept = keep_newest(member.place, group.keep); !kept)
            log_warning("machine '{}': its oldest snapshots cannot be removed: {}", member.name.text(), kept.error().text);
    return {};
}

Result<bool> settle_group(const GroupSnapshot& group)
{
    const std::string mark = mark_of(group);
    if (::access(mark.c_str(), F_OK) && TRY(all_have(group))) return true;
    TRY(take_back_all(group));
    TRY(remove_mark(mark));
    return false;
}

bool is_any_unfinished()
{
    return std::ranges::any_of(names_in(api::state_folder), [](const std::string& name) { return name.starts_with(mark_prefix); });
}

Result<> take_back_unfinished()
{
    Result<> all;
    for (const std::string& name : names_in(api::state_folder)) {
        if (!name.starts_with(mark_prefix)) continue;
        const std::string path = fmt::format("{}/{}", api::state_folder, name);
        auto undo = [&]() -> Result<> {
            if (name.ends_with(half_written)) return remove_mark(path);
            const std::string text = TRY(read_regular_file(path, max_mark));
            const GroupSnapshot group = TRY(parse_mark(text));
            TRY(take_back_all(group));
            return remove_mark(path);
        };
        if (auto undone = undo(); !undone && all) all = with_context(undone.error(), path);
    }
    return all;
}

}  // namespace holm::daemon
