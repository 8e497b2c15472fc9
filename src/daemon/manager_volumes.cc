// ManagerObject: named volumes.
#include <algorithm>
#include <tuple>

#include "base/text.h"
#include "daemon/manager_object.h"
#include "daemon/planner_child.h"
#include "daemon/volumes.h"
#include "machine/identifiers.h"

namespace holm::daemon {

namespace {

// (name, created, size, the machines that mount it)
using Row = std::tuple<std::string, uint64_t, uint64_t, std::vector<std::string>>;

// "name created size": of the child's own making.
Row parse_row(const std::string& line)
{
    const auto words = split(line, ' ');
    auto number = [&](size_t at) { return at < words.size() ? parse_number(words[at]).value_or(0) : 0; };
    return {std::string(words.front()), number(1), number(2), {}};
}

}  // namespace

// By their definitions and records.
std::vector<std::string> ManagerObject::users_of_volume(const std::string& volume)
{
    std::vector<std::string> users;
    for (const machine::MachineName& name : host_.catalogue.names()) {
        const Known* known = host_.catalogue.find(name);
        if (!known || !known->spec) continue;
        auto uses = [&](const machine::MountSpec& mount) { return mount.type == machine::MountType::Volume && mount.source == volume; };
        if (std::ranges::any_of(known->spec->mounts, uses)) users.push_back(name.text());
    }
    return users;
}

void ManagerObject::list_volumes(Reply reply)
{
    authority_.authorise(std::move(reply), {.privilege = Privilege::Inspect, .name = "list-volumes"}, [this](Reply granted) {
        auto job = [](const Worker::LookingAt&) -> Result<kernel::Message> {
            kernel::Message answer("ok");
            for (const Volume& volume : TRY(daemon::list_volumes()))
                answer.add("volume", fmt::format("{} {} {}", volume.name, volume.created, volume.size));
            return answer;
        };
        answer_with(std::move(granted), "listing the volumes", job, [this](Reply answer, const kernel::Message& found) {
            std::vector<Row> rows;
            for (const std::string& line : found.get_all("volume")) {
                rows.push_back(parse_row(line));
                std::get<3>(rows.back()) = users_of_volume(std::get<0>(rows.back()));
            }
            answer.ok(rows);
        });
    });
}

void ManagerObject::create_volume(Reply reply, const std::string& name, uint64_t size)
{
    if (auto valid = machine::parse_file_name(name); !valid) return reply.fail(valid.error());
    if (size > INT64_MAX) return reply.fail(error(Errc::Invalid, "{} bytes are more than a volume can have", size));
    authority_.authorise(std::move(reply), {.privilege = Privilege::Manage, .name = "volume-create"}, [this, name, size](Reply granted) {
        auto job = [name, size](const Worker::LookingAt&) -> Result<kernel::Message> {
            TRY(daemon::create_volume(name, size));
            return kernel::Message("ok");
        };
        answer_with(std::move(granted), fmt::format("making volume '{}'", name), job,
                    [](Reply answer, const kernel::Message&) { answer.ok(); });
    });
}

void ManagerObject::remove_volume(Reply reply, const std::string& name)
{
    if (auto valid = machine::parse_file_name(name); !valid) return reply.fail(valid.error());
    authority_.authorise(std::move(reply), {.privilege = Privilege::Manage, .name = "volume-remove"}, [this, name](Reply granted) {
        const auto users = users_of_volume(name);
        if (!users.empty())
            return granted.fail(error(Errc::Busy, "volume '{}' is mounted by {} {}: take it from their definitions first", name,
                                      users.size() == 1 ? "machine" : "machines", fmt::join(users, ", ")));
        auto job = [name](const Worker::LookingAt&) -> Result<kernel::Message> {
            TRY(daemon::remove_volume(name));
            return kernel::Message("ok");
        };
        answer_with(std::move(granted), fmt::format("removing volume '{}'", name), job,
                    [](Reply answer, const kernel::Message&) { answer.ok(); });
    });
}

}  // namespace holm::daemon
