// Containers inside a machine: what nesting = true is for, with podman; and that it is refused without.
#include <filesystem>

#include "base/text.h"
#include "host.h"

namespace holm::test {

class NestingTest : public SystemTest {
protected:
    // A Debian root with podman beside the guest's: tests/host/podman-root.
    static std::string podman_root() { return std::filesystem::path(guest()).parent_path().string() + "/podman"; }

    void start(const std::string& machine, const std::string& security)
    {
        define(machine,
               fmt::format("[root]\nlower = [\"{}\"]\nmode = \"ephemeral\"\n"
                           "[[mount]]\nsource = \"{}\"\ntarget = \"/busybox\"\nread_only = true\n"
                           "[[mount]]\ntype = \"tmpfs\"\ntarget = \"/var/lib/containers\"\noptions = [\"size=512M\"]\n[security]\n{}",
                           podman_root(), std::filesystem::path(guest()).parent_path().string() + "/busybox", security));
        ASSERT_TRUE(succeeds(holmctl({"start", machine}, {}, 120s)));
        ASSERT_TRUE(succeeds(inside(machine, "tar -C /busybox -c . | podman import - busybox")));
    }
};

TEST_F(NestingTest, PodmanRunsInANestingMachineAlone)
{
    if (!exists(podman_root() + "/usr/bin/podman")) GTEST_SKIP() << "there is no root with podman at " << podman_root();
    // Not every host has the controller that podman's own default limit is for.
    const std::string hello = "podman run --rm --network=none --pids-limit=0 busybox /bin/sh -c 'echo hello'";
    std::string nesting = name(), plain = name();
    start(nesting, "nesting = true\n");
    Outcome said = inside(nesting, hello);
    EXPECT_TRUE(succeeds(said));
    EXPECT_EQ(said.out, "hello\n");
    start(plain, "nesting = false\n");
    Outcome refused = inside(plain, hello);
    EXPECT_NE(refused.code, 0);
    EXPECT_EQ(refused.out, "");
}

}  // namespace holm::test
