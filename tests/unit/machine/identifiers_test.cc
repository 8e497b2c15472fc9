#include "machine/identifiers.h"

#include <gtest/gtest.h>

namespace holm::machine {
namespace {

using Parse = Result<std::string> (*)(std::string_view);

void expect_all(Parse parse, std::initializer_list<std::string> good, std::initializer_list<std::string> bad)
{
    for (const std::string& text : good) EXPECT_TRUE(parse(text)) << text;
    for (const std::string& text : bad) {
        auto result = parse(text);
        ASSERT_FALSE(result) << text;
        EXPECT_EQ(result.error().code, Errc::Invalid) << text;
    }
}

TEST(Identifiers, UserNeverBecomesRootByMistake)
{
    expect_all(parse_user, {"root", "app", "_apt", "0", "1000", "4294967294", "app:www-data", "1000:1000", "a.b"},
               {"", " ", "-1", "4294967295", "4294967296", "99999999999", "0x0", "1000:", ":0", "root\n", "+0", "0 ", "a b", "a:b:c", "*",
                "/etc"});
    expect_all(parse_user_name, {"alice", "_x"}, {"", "1000", "a:b", "-a"});
}

TEST(Identifiers, Hostname)
{
    expect_all(parse_hostname, {"web", "a.b-c", "host", "Web1"}, {"", "a_b", "-a", "a..b", "a.", std::string(65, 'a'), "a\nb"});
}

TEST(Identifiers, Interface)
{
    expect_all(parse_interface, {"eth0", "br-x.1", "x23456789012345", "a"},
               {"", ".", "..", "all", "default", "eth 0", "a/b", "a:b", "a%d", "0", "1234", "1234567890123456", "eth\n"});
}

TEST(Identifiers, Unit)
{
    EXPECT_EQ(*parse_unit("machine:db"), "holm@db.service");
    expect_all(parse_unit, {"nginx.service", "a@b.service", "dev-sda1.device", "a\\x2db.mount", "machine:web-1"},
               {"", "nginx", ".service", "a@.service", "@b.service", "a b.service", "a/b.service", "a.servic", "a\n.service",
                "machine:", "machine:a_b", "a%i.service", std::string(250, 'a') + ".service"});
    expect_all(parse_slice, {"machine.slice", "machine-shop.slice"},
               {"", ".slice", "-.slice", "a--b.slice", "-a.slice", "a-.slice", "a.service", "a@b.slice"});
}

TEST(Identifiers, AGroupIsASliceAndAllBelowIt)
{
    EXPECT_EQ(*parse_group("shop"), "machine-shop.slice");
    EXPECT_EQ(*parse_group("shop-front"), "machine-shop-front.slice");
    EXPECT_EQ(*parse_group("system.slice"), "system.slice");
    for (const char* bad : {"", "-", "a b", ".slice", "shop@x", "a/b", "shop-"}) EXPECT_FALSE(parse_group(bad)) << bad;
    for (const char* slice : {"machine-shop.slice", "machine-shop-front.slice", "machine-shop-front-a.slice"})
        EXPECT_TRUE(is_in_group(slice, "machine-shop.slice")) << slice;
    for (const char* slice : {"machine.slice", "machine-shops.slice", "machine-sho.slice", "a-machine-shop.slice"})
        EXPECT_FALSE(is_in_group(slice, "machine-shop.slice")) << slice;
    EXPECT_TRUE(is_in_group("machine-shop.slice", "machine.slice"));
}

TEST(Identifiers, FileNameNeverLeavesItsFolder)
{
    expect_all(parse_file_name, {"debian-12", "db.password", "a:b", "A_1+2@x"},
               {"", ".", "..", ".x", "-x", "a/b", "a b", "a\n", std::string(129, 'a')});
}

TEST(Identifiers, Environment)
{
    expect_all(parse_variable_name, {"A", "_", "PATH", "a1"}, {"", "1A", "A-B", "A=B", "A B", "=x", "*", "A.B"});
    expect_all(parse_argument, {"", "a\nb", std::string(131071, 'x')}, {std::string("a\0b", 3), std::string(131072, 'x')});
}

TEST(Identifiers, Capability)
{
    EXPECT_EQ(*parse_capability("net_admin"), "CAP_NET_ADMIN");
    EXPECT_EQ(*parse_capability("CAP_CHOWN"), "CAP_CHOWN");
    EXPECT_EQ(parse_capability("CAP_NET_ADMINS").error().text, "'CAP_NET_ADMINS' is no capability (did you mean 'CAP_NET_ADMIN'?)");
    EXPECT_FALSE(parse_capability("all"));
    EXPECT_EQ(capability_names()[21], "CAP_SYS_ADMIN");  // linux/capability.h
    EXPECT_EQ(capability_names()[40], "CAP_CHECKPOINT_RESTORE");
    EXPECT_EQ(capability_names().size(), 41u);
}

TEST(Identifiers, MachineId)
{
    EXPECT_EQ(*parse_machine_id("0123456789ABCDEF0123456789abcdef"), "0123456789abcdef0123456789abcdef");
    expect_all(parse_machine_id, {}, {"", std::string(32, '0'), std::string(31, 'a'), std::string(33, 'a'), std::string(32, 'g')});
}

TEST(Identifiers, Rest)
{
    expect_all(parse_label_key, {"tier", "a.b/c"}, {"", "a b", "a=b", std::string(65, 'a')});
    expect_all(parse_syscall, {"mount", "@mount"}, {"", "@", "a b"});
    expect_all(parse_device, {"/dev/fuse", "/dev/net/tun:rw"},
               {"/dev", "/dev/", "/etc/passwd", "/dev/../etc", "/dev/x:", "/dev/x:q", "fuse"});
    expect_all(parse_sysctl_name, {"net.core.somaxconn"}, {"", "net", "net..core", "a.b=c", "../x", "a.b/c", "a.+b", "a.b\nc"});
    expect_all(parse_line, {"", "front end"}, {"a\nb", "a\x1b[31m", std::string(1025, 'a')});
}

}  // namespace
}  // namespace holm::machine
