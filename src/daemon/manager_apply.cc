// ManagerObject: a machine that runs made what its definition says now.
#include "daemon/manager_object.h"

namespace holm::daemon {

using machine::MachineName;

namespace {
constexpr std::chrono::hours longest_wait{24};  // for somebody who confirms
}

void ManagerObject::plan_changes(Reply reply, const std::string& text)
{
    authorise(std::move(reply), Privilege::Inspect, "plan", text,
              [this](Reply granted, const MachineName& name) { lifecycle_.compare(name, Lifecycle::Shape::Rows, std::move(granted)); });
}

void ManagerObject::apply_changes(Reply reply, const std::string& text, uint64_t confirm)
{
    const std::chrono::microseconds longest = longest_wait;
    if (confirm > static_cast<uint64_t>(longest.count()))
        return reply.fail(
            error(Errc::Invalid, "changes wait at most {} h to be confirmed: give less, or 0 to keep them", longest_wait.count()));
    authorise(std::move(reply), Privilege::Manage, "apply", text, [this, confirm](Reply granted, const MachineName& name) {
        lifecycle_.apply(name, std::chrono::microseconds(confirm), std::move(granted));
    });
}

void ManagerObject::confirm_changes(Reply reply, const std::string& text)
{
    authorise(std::move(reply), Privilege::Manage, "apply", text,
              [this](Reply granted, const MachineName& name) { lifecycle_.confirm(name, std::move(granted)); });
}

void ManagerObject::revert_changes(Reply reply, const std::string& text)
{
    authorise(std::move(reply), Privilege::Manage, "apply", text,
              [this](Reply granted, const MachineName& name) { lifecycle_.revert(name, std::move(granted)); });
}

}  // namespace holm::daemon
