#include "launch/oci_runtime.h"

#include <gtest/gtest.h>

namespace holm::launch {
namespace {

Plan made_plan()
{
    Plan plan;
    plan.name = *machine::parse_name("web");
    plan.security.runtime = "/usr/bin/runsc";
    plan.security.capabilities = 1 | (uint64_t{1} << 37) | (uint64_t{1} << 40);
    plan.security.rlimits = {{"CORE", {0, UINT64_MAX}}};
    plan.payload.hostname = "inner";
    return plan;
}

TEST(OciRuntime, SaysWhatRuns)
{
    const OciProcess process{.arguments = {"/bin/sh", "-c", "echo \"a\\b\"\n\x01"},
                             .environment = {"PATH=/bin", "U=é"},
                             .working_directory = "/tmp",
                             .uid = 1000,
                             .gid = 100,
                             .groups = {100, 10},
                             .terminal = true};
    EXPECT_EQ(describe_oci_process(made_plan(), process),
              R"({"terminal":true,"user":{"uid":1000,"gid":100,"additionalGids":[100,10]},)"
              R"("args":["/bin/sh","-c","echo \"a\\b\"\u000a\u0001"],"env":["PATH=/bin","U=é"],"cwd":"/tmp",)"
              R"("capabilities":{"bounding":["CAP_CHOWN","CAP_AUDIT_READ"],"effective":[],"permitted":[],"inheritable":[],"ambient":[]},)"
              R"("rlimits":[{"type":"RLIMIT_CORE","soft":0,"hard":18446744073709551615}],"noNewPrivileges":true})");
    const std::string config = describe_oci_config(made_plan(), {.arguments = {"/bin/true"}, .working_directory = "/"}, "t");
    EXPECT_TRUE(config.starts_with(R"({"ociVersion":"1.0.2","root":{"path":"root"},"hostname":"inner","process":{)"));
    EXPECT_TRUE(config.contains(R"("mounts":[{"destination":"/tmp","type":"bind","source":"t","options":["rbind"]}])"));
    EXPECT_TRUE(describe_oci_config(made_plan(), {}, "").contains(R"("mounts":[])"));
    EXPECT_TRUE(config.contains(R"("effective":["CAP_CHOWN","CAP_AUDIT_READ"])")) << "root has them";
}

TEST(OciRuntime, CommandLines)
{
    Plan plan = made_plan();
    const std::vector<std::string> kill = oci_kill(plan, 10, "7");
    EXPECT_EQ(kill.front(), "runsc");
    EXPECT_EQ(std::vector(kill.end() - 4, kill.end()), (std::vector<std::string>{"kill", "--pid=7", "web", "10"}));
    EXPECT_EQ(oci_kill(plan, 10, "").size(), kill.size() - 1);
    EXPECT_EQ(oci_exec(plan, "/p.json", "/pid").back(), "web");
    plan.security.runtime = "/usr/local/bin/kata-runtime";
    EXPECT_EQ(oci_run(plan),
              (std::vector<std::string>{"kata-runtime", "--root=/state", "--log=/log", "run", "--bundle=/", "--pid-file=/pid", "web"}));
}

TEST(OciRuntime, TheLastErrorOfALog)
{
    EXPECT_EQ(last_oci_error(""), "");
    EXPECT_EQ(last_oci_error(R"({"msg":"first","level":"error"}{"msg":"no \"x\": gone","level":"error"})"), "no \"x\": gone");
    EXPECT_EQ(last_oci_error(R"({"msg":"cut)"), "cut");
}

}  // namespace
}  // namespace holm::launch
