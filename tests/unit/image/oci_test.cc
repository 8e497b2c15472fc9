#include "image/oci.h"

#include <gtest/gtest.h>

#include "image/write_oci.h"

namespace holm::image::oci {
namespace {

const std::string digest = "sha256:" + std::string(64, 'a'), other = "sha256:" + std::string(64, 'b');
const std::string manifest_type = "application/vnd.oci.image.manifest.v1+json", layer_type = "application/vnd.oci.image.layer.v1.tar+gzip",
                  config_type = "application/vnd.oci.image.config.v1+json";

std::string descriptor(const std::string& type, const std::string& of = digest, const std::string& more = "")
{
    return fmt::format(R"({{"mediaType": "{}", "digest": "{}", "size": 7{}}})", type, of, more);
}

std::string index_of(const std::string& descriptors, const std::string& more = "")
{
    return fmt::format(R"({{"schemaVersion": 2, "manifests": [{}]{}}})", descriptors, more);
}

std::string manifest_of(const std::string& layers, const std::string& more = "")
{
    return fmt::format(R"({{"schemaVersion": 2, "config": {}, "layers": [{}]{}}})", descriptor(config_type), layers, more);
}

std::string config_of(const std::string& payload)
{
    return fmt::format(R"({{"os": "linux", "architecture": "amd64", "config": {}, "rootfs": {{"diff_ids": ["{}"]}}}})", payload, digest);
}

TEST(OciIndex, IsRead)
{
    auto read = parse_index(index_of(descriptor(manifest_type, digest,
                                                R"(, "platform": {"os": "linux", "architecture": "arm64"},
                                                   "annotations": {"org.opencontainers.image.ref.name": "x:1"})") +
                                     ", " + descriptor("application/vnd.example+json", other)));
    ASSERT_TRUE(read) << read.error().text;
    ASSERT_EQ(read->size(), 1U);
    EXPECT_EQ((*read)[0], (Descriptor{manifest_type, digest, 7, "linux", "arm64", "x:1"}));
}

TEST(OciIndex, IsRefusedWhereItIsNone)
{
    const std::string good = descriptor(manifest_type);
    for (const std::string& bad :
         {std::string(), std::string("["), std::string("[]"), std::string("{}"), std::string(R"({"schemaVersion": 1, "manifests": []})"),
          std::string(R"({"schemaVersion": 2, "manifests": {}})"), index_of(good, R"(, "layers": [])"), index_of(good, R"(, "config": {})"),
          index_of(good, fmt::format(R"(, "mediaType": "{}")", manifest_type)),
          index_of(descriptor(manifest_type, "sha256:../../etc/passwd")),
          index_of(descriptor(manifest_type, "sha256:" + std::string(64, 'A'))), index_of(R"({"mediaType": "x"})"),
          index_of(fmt::format(R"({{"mediaType": "{}", "digest": "{}", "size": -1}})", manifest_type, digest)),
          index_of(fmt::format(R"({{"mediaType": "{}", "digest": "{}", "size": 1e99}})", manifest_type, digest)), std::string(100000, '['),
          "{\"a\":" + std::string(100, '[') + std::string(100, ']') + "}"})
        EXPECT_FALSE(parse_index(bad)) << bad.substr(0, 200);
    EXPECT_EQ(parse_index(index_of(descriptor(manifest_type, "sha512:" + std::string(128, 'a')))).error().code, Errc::NotSupported);
    EXPECT_FALSE(parse_index(index_of(good) + std::string(max_document, ' ')));
}

TEST(OciChoice, TakesWhatRunsHere)
{
    const Descriptor arm{manifest_type, digest, 7, "linux", "arm64", "x"}, amd{manifest_type, other, 7, "linux", "amd64", "x"},
        attestation{manifest_type, "sha256:" + std::string(64, 'c'), 7, "unknown", "unknown", ""};
    EXPECT_EQ(choose({arm, amd, attestation}, "", "amd64").value(), amd);
    EXPECT_EQ(choose({amd, amd}, "x", "amd64").value(), amd);
    EXPECT_EQ(choose({arm}, "", "amd64").error().code, Errc::NotFound);
    EXPECT_EQ(choose({}, "", "amd64").error().code, Errc::NotFound);
    Descriptor second = amd;
    second.digest = digest, second.reference = "y";
    EXPECT_EQ(choose({amd, second}, "", "amd64").error().code, Errc::Invalid);
    EXPECT_EQ(choose({amd, second}, "y", "amd64").value(), second);
}

TEST(OciManifest, IsRead)
{
    auto read = parse_manifest(manifest_of(descriptor(layer_type) + "," + descriptor(layer_type, other)));
    ASSERT_TRUE(read) << read.error().text;
    EXPECT_EQ(read->layers.size(), 2U);
    EXPECT_EQ(compression_of(read->layers[0].media_type), "gzip");
}

TEST(OciManifest, IsRefusedWhereItIsNone)
{
    std::string many = descriptor(layer_type);
    for (int i = 0; i < 10000; ++i) many += "," + descriptor(layer_type);
    for (const std::string& bad :
         {manifest_of(""), manifest_of(many), manifest_of(descriptor(manifest_type)), manifest_of(descriptor("text/plain")),
          manifest_of(descriptor(layer_type, digest, R"(, "urls": ["https://example.org/x"])")),
          manifest_of(descriptor(layer_type), R"(, "manifests": [])"),
          manifest_of(descriptor(layer_type), R"(, "mediaType": "application/vnd.oci.image.index.v1+json")"),
          manifest_of(descriptor("application/vnd.oci.image.layer.nondistributable.v1.tar"))})
        EXPECT_FALSE(parse_manifest(bad)) << bad.substr(0, 200);
}

TEST(OciConfig, BecomesThePayload)
{
    auto read = parse_config(config_of(R"({"Entrypoint": ["/e"], "Cmd": ["a", ""], "User": "1000:1000", "WorkingDir": "srv",
        "Env": ["A=1", "B=x=y", "A=2"], "StopSignal": "SIGQUIT", "ExposedPorts": {"80/tcp": {}}, "Volumes": {"/data": {}}, "Labels": {"k": "v"},
        "Healthcheck": {"Test": ["CMD", "check", ""], "Interval": 5000000000, "Timeout": 3000000000, "StartPeriod": 1, "Retries": 2}})"));
    ASSERT_TRUE(read) << read.error().text;
    EXPECT_EQ(read->config,
              (Config{.entrypoint = {"/e"},
                      .command = {"a", ""},
                      .user = "1000:1000",
                      .working_directory = "/srv",
                      .environment = {{"A", "2"}, {"B", "x=y"}},
                      .stop_signal = "SIGQUIT",
                      .exposed_ports = {"80/tcp"},
                      .volumes = {"/data"},
                      .labels = {{"k", "v"}},
                      .healthcheck = {
                          .test = {"CMD", "check", ""}, .interval = 5000000000, .timeout = 3000000000, .start_period = 1, .retries = 2}}));
    EXPECT_EQ(read->diff_ids, std::vector<std::string>{digest});
    EXPECT_TRUE(parse_config(config_of("null")));
}

// Docker's own, unknown to OCI: it is no reason to refuse an image.
TEST(OciConfig, AHealthcheckThatIsNoneIsLeftOut)
{
    auto read = [](const std::string& check) {
        auto config = parse_config(config_of(fmt::format(R"({{"Cmd": ["c"], "Healthcheck": {}}})", check)));
        EXPECT_TRUE(config) << check;
        return config ? config->config.healthcheck : Healthcheck();
    };
    EXPECT_EQ(read(R"({"Test": ["NONE"]})").test, std::vector<std::string>{"NONE"});
    EXPECT_EQ(read(R"({"Test": ["CMD-SHELL", "x"], "Interval": null})").test, (std::vector<std::string>{"CMD-SHELL", "x"}));
    std::string many = R"("CMD")";
    for (int i = 0; i < 1000; ++i) many += R"(, "x")";
    for (const std::string& bad :
         {std::string("null"), std::string("3"), std::string("[]"), std::string("{}"), std::string(R"({"Interval": 1})"),
          std::string(R"({"Test": []})"), std::string(R"({"Test": "CMD x"})"), std::string(R"({"Test": ["CMD"]})"),
          std::string(R"({"Test": ["CMD", ""]})"), std::string(R"({"Test": ["CMD-SHELL", ""]})"), std::string(R"({"Test": ["x"]})"),
          std::string(R"({"Test": ["CMD", 1]})"), std::string(R"({"Test": ["CMD", "x\u0000"]})"),
          std::string(R"({"Test": ["CMD", "x"], "Interval": -1})"), std::string(R"({"Test": ["CMD", "x"], "Timeout": "3s"})"),
          std::string(R"({"Test": ["CMD", "x"], "StartPeriod": 1e9})"),
          std::string(R"({"Test": ["CMD", "x"], "Retries": 18446744073709551615})"), fmt::format(R"({{"Test": [{}]}})", many),
          fmt::format(R"({{"Test": ["CMD", "{}"]}})", std::string(70000, 'x'))})
        EXPECT_EQ(read(bad), Healthcheck()) << bad.substr(0, 200);
}

TEST(OciConfig, IsWrittenAsItWasRead)
{
    const Manifest image{.architecture = "amd64",
                         .config = {.entrypoint = {"/e"},
                                    .working_directory = "/srv",
                                    .exposed_ports = {"80/tcp"},
                                    .healthcheck = {.test = {"CMD-SHELL", "a || b"},
                                                    .interval = 5000000000,
                                                    .timeout = 1,
                                                    .start_period = 2,
                                                    .start_interval = 3,
                                                    .retries = 4}}};
    auto read = parse_config(describe_config(image, {digest}));
    ASSERT_TRUE(read) << read.error().text;
    EXPECT_EQ(read->config, image.config);
    EXPECT_FALSE(describe_config({}, {digest}).contains("Healthcheck"));
}

TEST(OciConfig, IsRefusedWhereItMakesNoSense)
{
    for (const char* bad : {R"({"Env": ["A"]})", R"({"Env": ["=B"]})", R"({"Env": ["A=\u0000"]})", R"({"Entrypoint": [""]})",
                            R"({"Cmd": "sh"})", R"({"User": "4294967296"})", R"({"User": "-1"})", R"({"WorkingDir": "/a/../b"})",
                            R"({"StopSignal": "NOSUCH"})", R"({"Volumes": {"/../../etc": {}}})", R"({"Volumes": ["/x"]})", "[]", "3"})
        EXPECT_FALSE(parse_config(config_of(bad))) << bad;
}

TEST(Saved, IsRead)
{
    auto read = parse_saved(R"([{"Config": "c.json", "RepoTags": ["x:1"], "Layers": ["a/layer.tar"]}])");
    ASSERT_TRUE(read) << read.error().text;
    EXPECT_EQ(read->at(0).layers, std::vector<std::string>{"a/layer.tar"});
    for (const char* bad : {"{}", "[1]", "[{}]", R"([{"Config": "c", "Layers": []}])", R"([{"Config": 1, "Layers": ["a"]}])"})
        EXPECT_FALSE(parse_saved(bad)) << bad;
}

}  // namespace
}  // namespace holm::image::oci
