// machined's own files of machines: whose a name is. Real files in a temp folder.
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

#include "base/fd.h"
#include "systemd/machined.h"

namespace holm::test {
namespace {

class MachinedTest : public testing::Test {
protected:
    MachinedTest()
    {
        std::string pattern = testing::TempDir() + "holm-machined.XXXXXX";
        folder_ = ::mkdtemp(pattern.data());
    }
    ~MachinedTest() override { std::filesystem::remove_all(folder_); }

    Result<> check(const std::string& text)
    {
        EXPECT_TRUE(replace_file(folder_ + "/web", text));
        return systemd::check_owner("web", folder_);
    }
    std::string folder_;
};

TEST_F(MachinedTest, ANameOfAnotherProgramsMachineIsTaken)
{
    auto taken = check(fmt::format("NAME=web\nSERVICE=systemd-nspawn\nLEADER={}\nCLASS=container\n", ::getpid()));
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error().code, Errc::Busy);
    EXPECT_EQ(taken.error().text, "name 'web' is in use by a machine of 'systemd-nspawn'");
    EXPECT_FALSE(check(fmt::format("NAME=web\nLEADER={}\n", ::getpid())));
    EXPECT_FALSE(check("SERVICE=systemd-nspawn\nLEADER=1\n")) << "a process of another user lives too";
}

TEST_F(MachinedTest, OursAndTheDeadAreFree)
{
    EXPECT_TRUE(systemd::check_owner("web", folder_));
    EXPECT_TRUE(check(fmt::format("SERVICE=holm\nLEADER={}\n", ::getpid())));
    EXPECT_TRUE(check("SERVICE=systemd-nspawn\nLEADER=2147483647\n"));
    EXPECT_TRUE(check("SERVICE=systemd-nspawn\nLEADER=x\n"));
    EXPECT_TRUE(check(""));
}

}  // namespace
}  // namespace holm::test
