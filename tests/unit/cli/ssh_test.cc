#include "cli/ssh.h"

#include <gtest/gtest.h>

#include <cstdio>

namespace holm::cli {
namespace {

TEST(Ssh, QuotesWhatAShellWouldTakeApart)
{
    EXPECT_EQ(quote_for_shell("--name=web-1"), "--name=web-1");
    EXPECT_EQ(quote_for_shell(""), "''");
    EXPECT_EQ(quote_for_shell("a b"), "'a b'");
    EXPECT_EQ(quote_for_shell("it's"), "'it'\\''s'");
    EXPECT_EQ(quote_for_shell("~"), "'~'");
    EXPECT_EQ(quote_for_shell("$(reboot)`x`;&|"), "'$(reboot)`x`;&|'");
}

// The shell itself is the judge.
TEST(Ssh, AShellReadsBackEveryByte)
{
    std::string all;
    for (int byte = 1; byte < 256; ++byte) all += static_cast<char>(byte);
    FILE* shell = ::popen(("printf %s " + quote_for_shell(all)).c_str(), "r");
    ASSERT_NE(shell, nullptr);
    std::string read(1024, '\0');
    read.resize(::fread(read.data(), 1, read.size(), shell));
    ::pclose(shell);
    EXPECT_EQ(read, all);
}

TEST(Ssh, Command)
{
    auto argv = ssh_command("admin@db1", {"exec", "web", "--", "echo", "a b"}, SshTerminal::No);
    ASSERT_TRUE(argv.has_value());
    EXPECT_EQ(*argv, (std::vector<std::string>{"ssh", "--", "admin@db1", "holmctl", "exec", "web", "--", "echo", "'a b'"}));
    EXPECT_EQ((*ssh_command("h", {}, SshTerminal::Yes))[1], "-t");
}

TEST(Ssh, AHostIsNoOption)
{
    EXPECT_FALSE(ssh_command("-oProxyCommand=reboot", {}, SshTerminal::No).has_value());
    EXPECT_FALSE(ssh_command("", {}, SshTerminal::No).has_value());
}

}  // namespace
}  // namespace holm::cli
