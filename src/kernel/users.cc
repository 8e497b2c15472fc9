#include "kernel/users.h"

#include <grp.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "kernel/path.h"

namespace holm::kernel {

namespace {

struct UserLine {
    std::string_view name, home, shell;
    uint32_t uid, gid;
};

struct GroupLine {
    std::string_view name;
    uint32_t gid;
    std::string_view members;
};

constexpr uint32_t no_id = UINT32_MAX;  // (uid_t) -1 means "unchanged" to the kernel: never a user

std::optional<uint32_t> parse_id(std::string_view text)
{
    auto number = parse_number(text, no_id - 1);
    if (!number) return {};
    return static_cast<uint32_t>(*number);
}

// What useradd(8) and systemd's relaxed rule have in common: no digit first, so that no name is taken for a number.
bool is_user_name(std::string_view text)
{
    auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
    auto inner = [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '.'; };
    if (text.ends_with('$')) text.remove_suffix(1);  // Samba's machine accounts
    return !text.empty() && text.size() <= 256 && letter(text[0]) && std::all_of(text.begin(), text.end(), inner);
}

std::optional<UserLine> parse_user_line(std::string_view line)
{
    auto fields = split(line, ':');
    if (fields.size() != 7) return {};
    auto uid = parse_id(fields[2]), gid = parse_id(fields[3]);
    if (!uid || !gid) return {};
    return UserLine{.name = fields[0], .home = fields[5], .shell = fields[6], .uid = *uid, .gid = *gid};
}

std::optional<GroupLine> parse_group_line(std::string_view line)
{
    auto fields = split(line, ':');
    if (fields.size() != 4) return {};
    auto gid = parse_id(fields[2]);
    if (!gid) return {};
    return GroupLine{.name = fields[0], .gid = *gid, .members = fields[3]};
}

// The first line of a file that `parse` takes and `matches` wants, as getpwnam(3) would find.
template <typename Parse, typename Matches>
auto find_line(std::string_view text, Parse parse, Matches matches) -> decltype(parse(text))
{
    for (std::string_view line : split(text, '\n'))
        if (auto entry = parse(line); entry && matches(*entry)) return entry;
    return {};
}

Result<User> find_by_name_or_id(std::string_view text, std::string_view passwd)
{
    auto id = parse_id(text);
    if (!id && !is_user_name(text))
        return error(Errc::Invalid, "'{}' is neither a user's name nor a user id (0 to 4294967294)", printable(text));
    auto line = find_line(passwd, parse_user_line, [&](const UserLine& user) { return id ? user.uid == *id : user.name == text; });
    if (line) {
        User user{.name = std::string(line->name), .uid = line->uid, .gid = line->gid, .groups = {}};
        if (line->home.starts_with('/')) user.home = line->home;
        if (line->shell.starts_with('/')) user.shell = line->shell;
        return user;
    }
    if (text == "root" || (id && *id == 0)) return User{.name = "root", .home = "/root"};
    if (!id) return error(Errc::NotFound, "the machine has no user '{}'", printable(text));
    return User{.name = "", .uid = *id};
}

Result<uint32_t> find_group(std::string_view text, std::string_view group)
{
    if (auto id = parse_id(text)) return *id;
    if (!is_user_name(text))
        return error(Errc::Invalid, "'{}' is neither a group's name nor a group id (0 to 4294967294)", printable(text));
    if (auto line = find_line(group, parse_group_line, [&](const GroupLine& entry) { return entry.name == text; })) return line->gid;
    if (text == "root") return uint32_t{0};
    return error(Errc::NotFound, "the machine has no group '{}'", printable(text));
}

// initgroups(3): the first group, then every group that lists the name; each once.
std::vector<uint32_t> login_groups(const User& user, std::string_view group, uint32_t count)
{
    std::vector<uint32_t> groups{user.gid};
    for (std::string_view line : split(group, '\n')) {
        auto entry = parse_group_line(line);
        if (!entry || user.name.empty() || entry->gid >= count) continue;
        auto members = split(entry->members, ',');
        bool listed = std::find(members.begin(), members.end(), user.name) != members.end();
        if (listed && std::find(groups.begin(), groups.end(), entry->gid) == groups.end()) groups.push_back(entry->gid);
    }
    return groups;
}

}  // namespace

Result<User> find_user(std::string_view request, std::string_view passwd, std::string_view group, uint32_t count)
{
    size_t colon = request.find(':');
    User user = TRY(find_by_name_or_id(request.substr(0, colon), passwd));
    if (colon != request.npos) user.gid = TRY(find_group(request.substr(colon + 1), group));
    for (auto [what, id] : {std::pair("user", user.uid), std::pair("group", user.gid)})
        if (id >= count) return error(Errc::Invalid, "{} id {} does not exist in the machine, which has 0 to {}", what, id, count - 1);
    user.groups = login_groups(user, group, count);
    return user;
}

Result<User> observe_user(int root, std::string_view request, uint32_t count)
{
    auto read = [&](const char* path) -> Result<std::string> {
        auto content = read_in_root(root, path, max_users_file);
        if (!content && content.error().sys_errno == ENOENT) return std::string();
        return content;
    };
    const std::string passwd = TRY(read("/etc/passwd")), group = TRY(read("/etc/group"));
    return find_user(request, passwd, group, count);
}

Result<> become_user(const User& user)
{
    if (::setgroups(user.groups.size(), user.groups.data())) return sys_error("cannot set {} supplementary groups", user.groups.size());
    if (::setresgid(user.gid, user.gid, user.gid)) return sys_error("cannot become group {}", user.gid);
    if (::setresuid(user.uid, user.uid, user.uid)) return sys_error("cannot become user {}", user.uid);
    return {};
}

}  // namespace holm::kernel
