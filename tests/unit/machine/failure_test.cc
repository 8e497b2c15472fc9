#include "machine/failure.h"

#include <cerrno>
#include <csignal>

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

namespace holm::machine {
namespace {

std::string first_hint(const Failure& failure)
{
    auto hints = find_hints(failure, "web");
    return hints.empty() ? "" : hints.front();
}

TEST(Failure, StepsHaveNamesOfTheirOwn)
{
    std::set<std::string_view> names;
    for (const RunStep& step : run_steps()) names.insert(step.name);
    EXPECT_EQ(names.size(), run_steps().size());
    EXPECT_EQ(run_steps().front().name, "plan");
}

TEST(Failure, HintsNameWhatCanBeChanged)
{
    EXPECT_NE(first_hint({.step = "run", .memory_kills = 2}).find("MemoryMax"), std::string::npos);
    EXPECT_NE(first_hint({.step = "run", .tasks_refused = 7}).find("TasksMax refused 7 forks"), std::string::npos);
    EXPECT_NE(first_hint({.step = "run", .signal = SIGSYS}).find("system calls"), std::string::npos);
    const std::string of_guest = first_hint({.step = "ready", .guest_unit = "nginx.service"});
    EXPECT_TRUE(of_guest.starts_with("'holmctl logs ")) << of_guest << ": it has stopped, and can be asked nothing";
    EXPECT_NE(of_guest.find("systemctl status nginx.service"), std::string::npos);
    EXPECT_NE(first_hint({.step = "root", .sys_errno = EPERM}).find("mount"), std::string::npos);
    EXPECT_NE(first_hint({.step = "network", .sys_errno = EADDRINUSE}).find("ss -lntup"), std::string::npos);
    EXPECT_NE(first_hint({.step = "plan", .sys_errno = ENOSPC}).find("full"), std::string::npos);
    EXPECT_NE(first_hint({.step = "ready"}).find("start_timeout"), std::string::npos);
    EXPECT_NE(first_hint({.step = "stop", .why = "[daemon] shutdown_timeout"}).find("stop_signal"), std::string::npos);
    EXPECT_EQ(first_hint({.step = "root", .sys_errno = ELOOP, .why = "by a symbolic link, which is refused"}), "");
    EXPECT_EQ(first_hint({.step = "run", .why = "its payload exited with status 3"}), "");
}

}  // namespace
}  // namespace holm::machine
