#include "cli/definition.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "machine/spec_file.h"

namespace holm::cli {
namespace {

Result<std::string> definition_of(std::vector<std::string> words)
{
    words.insert(words.begin(), "run");
    auto call = parse_command_line(words);
    if (!call) return call.error();
    auto made = definition_of_options(*call, "/home/alice");
    if (!made) return made.error();
    EXPECT_EQ(made->options.size(), static_cast<size_t>(std::ranges::count(made->text, '\n'))) << made->text;
    return made->text;
}

std::string refusal(std::vector<std::string> words)
{
    words.insert(words.begin(), {"run", "--root=/r"});
    auto call = parse_command_line(words);
    EXPECT_TRUE(call.has_value());
    auto made = call ? definition_of_options(*call, "/") : call.error();
    if (!made) return made.error().text;
    auto spec = parse_with_options(*machine::parse_name("web"), {}, *made);
    return spec ? "" : spec.error().text;
}

// Through the parser of definitions, which has the last word on what the text means.
machine::Spec spec_of(const std::vector<std::string>& words)
{
    auto text = definition_of(words);
    EXPECT_TRUE(text.has_value()) << text.error().text;
    machine::Source source{"", text.value_or("")};
    auto spec = machine::parse_spec(*machine::parse_name("web"), {&source, 1});
    EXPECT_TRUE(spec.has_value()) << spec.error().text << "\n" << source.text;
    return spec ? *spec : machine::Spec{};
}

TEST(Definition, Root)
{
    EXPECT_EQ(spec_of({"--root=/srv/web"}).root.path, "/srv/web");
    EXPECT_EQ(spec_of({"--root=web/"}).root.path, "/home/alice/web");
    EXPECT_EQ(spec_of({"--root=../bob/./web"}).root.path, "/home/bob/web");
    EXPECT_EQ(spec_of({"--root=/"}).root.path, "/");
    EXPECT_EQ(spec_of({"--image=debian-12"}).root.image, "debian-12");
    machine::Spec spec = spec_of({"--lower=top", "--lower=/base", "--upper=up", "--ephemeral"});
    EXPECT_EQ(spec.root.lower, (std::vector<std::string>{"/home/alice/top", "/base"}));
    EXPECT_EQ(spec.root.upper, "/home/alice/up");
    EXPECT_EQ(spec.root.mode, machine::RootMode::Ephemeral);
    EXPECT_EQ(spec_of({"--root=/r", "--read-only"}).root.mode, machine::RootMode::ReadOnly);
}

TEST(Definition, EveryByteOfACommandArrives)
{
    std::vector<std::string> command = {"/bin/sh", "-c", "printf '%s' \"$1\"\\ \t\n\x7f # é", "", "[x]", "a=b"};
    std::vector<std::string> words = {"--root=/r", "--"};
    words.insert(words.end(), command.begin(), command.end());
    EXPECT_EQ(spec_of(words).payload.command, command);
}

TEST(Definition, PathsThatTomlOrOverlayfsWouldStumbleOver)
{
    EXPECT_EQ(spec_of({"--lower=/a:b,c\\d \"e\"", "--lower=/f"}).root.lower[0], "/a:b,c\\d \"e\"");
}

TEST(Definition, Environment)
{
    machine::Spec spec = spec_of({"--root=/r", "--env=A=1", "--env=B=x=\"y\"", "-E", "A=2", "--env=EMPTY="});
    std::map<std::string, std::string> environment(spec.payload.environment.begin(), spec.payload.environment.end());
    EXPECT_EQ(environment, (std::map<std::string, std::string>{{"A", "2"}, {"B", "x=\"y\""}, {"EMPTY", ""}}));
}

TEST(Definition, Mounts)
{
    machine::Spec spec = spec_of({"--root=/r", "--bind=data:/srv:ro", "--bind=/same", "--tmpfs=/scratch"});
    ASSERT_EQ(spec.mounts.size(), 3u);
    EXPECT_EQ(spec.mounts[0].source, "/home/alice/data");
    EXPECT_EQ(spec.mounts[0].target, "/srv");
    EXPECT_TRUE(spec.mounts[0].read_only);
    EXPECT_EQ(spec.mounts[1].target, "/same");
    EXPECT_FALSE(spec.mounts[1].read_only);
    EXPECT_EQ(spec.mounts[2].type, machine::MountType::Tmpfs);
}

TEST(Definition, TheRest)
{
    machine::Spec spec = spec_of({"--root=/r", "--boot", "--user=app", "--users=host", "--property=MemoryMax=512M",
                                  "--property=TasksMax=200", "--capability=CAP_NET_ADMIN", "--capability=-CAP_MKNOD", "--hostname=www",
                                  "--network=none", "--workdir=/srv", "--slice=machine-shop.slice"});
    EXPECT_EQ(spec.payload.boot, true);
    EXPECT_EQ(spec.payload.user, "app");
    EXPECT_EQ(spec.security.users.kind, machine::UsersKind::Host);
    EXPECT_EQ(spec.resources, (std::vector<std::pair<std::string, std::string>>{{"MemoryMax", "512M"}, {"TasksMax", "200"}}));
    EXPECT_EQ(spec.security.capabilities_add, std::vector<std::string>{"CAP_NET_ADMIN"});
    EXPECT_EQ(spec.security.capabilities_drop, std::vector<std::string>{"CAP_MKNOD"});
    EXPECT_EQ(spec.identity.hostname, "www");
    EXPECT_EQ(spec.payload.working_directory, "/srv");
    EXPECT_EQ(spec.unit.slice, "machine-shop.slice");
    ASSERT_EQ(spec.networks.size(), 1u);
    EXPECT_EQ(spec.networks[0].network, "none");
}

TEST(Definition, PortsGoToTheFirstNetwork)
{
    auto text = definition_of({"--root=/r", "--network=lan", "--network=back", "-p", "8080:80"});
    ASSERT_TRUE(text.has_value());
    EXPECT_NE(text->find("[[network]]\nnetwork = \"lan\"\npublish = [\"8080:80\"]\n\n[[network]]\nnetwork = \"back\"\n"),
              std::string::npos);
}

TEST(Definition, BadValuesNameTheOption)
{
    EXPECT_EQ(definition_of({"--root=/r", "--env=A"}).error().text, "--env=A: not of the form KEY=VALUE");
    EXPECT_EQ(definition_of({"--root=/r", "--property==x"}).error().text, "--property==x: not of the form KEY=VALUE");
    EXPECT_EQ(definition_of({"--root=/r", "--bind=/a:/b:rx"}).error().text, "--bind=/a:/b:rx: not of the form SRC[:DST[:ro|rw]]");
    EXPECT_EQ(definition_of({"--root=/r", "--", "\xff"}).error().text, "'\\xff' is not valid UTF-8");
    EXPECT_FALSE(definition_of({"--root=/r", "--ephemeral", "--read-only"}).has_value());
}

TEST(Definition, WhatTheParserRefusesIsSaidOfTheOption)
{
    EXPECT_EQ(refusal({"--property=TasksMax=5", "--network=none", "--bind=/a", "--boot"}), "");
    EXPECT_TRUE(refusal({"--boot", "--env=A=1", "--property=MemoryMx=1"}).starts_with("--property=MemoryMx: "));
    EXPECT_TRUE(refusal({"--property=MemoryMx=1"}).ends_with("(did you mean 'MemoryMax'?)"));
    EXPECT_TRUE(refusal({"--bind=/a", "--bind=/b:relative"}).starts_with("--bind=/b:relative: 'relative'"));
    EXPECT_TRUE(refusal({"--env=1A=x"}).starts_with("--env=1A: "));
    EXPECT_TRUE(refusal({"--", ""}).starts_with("command: "));
    EXPECT_TRUE(refusal({"--hostname=a_b"}).starts_with("--hostname=a_b: "));
    EXPECT_TRUE(refusal({"--slice=shop"}).starts_with("--slice=shop: "));
    EXPECT_TRUE(refusal({"--image=x"}).starts_with("--image=x: only one"));
    EXPECT_TRUE(refusal({"--publish=80:99999"}).starts_with("--publish=80:99999: "));
    EXPECT_EQ(refusal({"--publish=8080:80"}), "");
}

TEST(Definition, AFilesErrorsKeepTheirPlace)
{
    auto call = parse_command_line({"run", "--env=A=1"});
    auto made = definition_of_options(*call, "/");
    ASSERT_TRUE(made.has_value());
    const machine::MachineName web = *machine::parse_name("web");
    auto unknown = parse_with_options(web, {{"/f.toml", "[root]\npth = \"/\"\n"}}, *made);
    ASSERT_FALSE(unknown.has_value());
    EXPECT_TRUE(unknown.error().text.starts_with("/f.toml:2:1: ")) << unknown.error().text;
    auto rootless = parse_with_options(web, {{"/f.toml", ""}}, *made);
    ASSERT_FALSE(rootless.has_value());
    EXPECT_TRUE(rootless.error().text.starts_with("'root': ")) << rootless.error().text;
}

TEST(Definition, Bind)
{
    EXPECT_EQ(*parse_bind("/a\\:b:/c\\\\d", "/"), (Bind{"/a:b", "/c\\d", false}));
    EXPECT_EQ(*parse_bind("x:/y:rw", "/f"), (Bind{"/f/x", "/y", false}));
    for (const char* bad : {"", ":", "/a:", ":/b", "/a:/b:", "/a:/b:ro:x"}) EXPECT_FALSE(parse_bind(bad, "/").has_value()) << bad;
}

TEST(Definition, NothingGivenIsNoDefinition)
{
    auto call = parse_command_line({"run", "--name=web", "--rm"});
    ASSERT_TRUE(call.has_value());
    EXPECT_FALSE(defines_machine(*call));
    EXPECT_EQ(definition_of_options(*call, "/")->text, "");
}

}  // namespace
}  // namespace holm::cli
