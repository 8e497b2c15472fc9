#include "api/names.h"

#include <gtest/gtest.h>

namespace holm::api {
namespace {

const machine::MachineName web = *machine::parse_name("web-1.a");

TEST(Names, OfUnitsAndBack)
{
    EXPECT_EQ(scope_name(web), "holm-web-1.a.scope");
    EXPECT_EQ(service_name(web), "holm@web-1.a.service");
    EXPECT_EQ(machine_of_unit(scope_name(web))->text(), "web-1.a");
    EXPECT_EQ(machine_of_unit(service_name(web))->text(), "web-1.a");
    for (const char* other : {"", "holmd.service", "holm@.service", "holm-.scope", "holm.target", "nginx.service", "holm-web.service",
                              "holm@web.scope", "holm@a_b.service"})
        EXPECT_FALSE(machine_of_unit(other)) << other;
}

TEST(Names, OfFolders)
{
    EXPECT_EQ(runtime_path(web), "/run/holm/machines/web-1.a");
    EXPECT_EQ(plan_path(web), "/run/holm/machines/web-1.a/plan.toml");
    EXPECT_EQ(control_path(web), "/run/holm/machines/web-1.a/control");
    EXPECT_EQ(result_path(web), "/run/holm/machines/web-1.a/result");
    EXPECT_EQ(state_path(web), "/var/lib/holm/machines/web-1.a");
}

}  // namespace
}  // namespace holm::api
