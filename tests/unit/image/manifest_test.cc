#include "image/manifest.h"

#include <gtest/gtest.h>

namespace holm::image {
namespace {

const std::string top(64, 'a'), drawn = "r-" + std::string(32, '1'), digest = "sha256:" + top;

Manifest example()
{
    return {.layers = {drawn, top},
            .origin = "oci docker.io/library/nginx:1.25",
            .created = 1700000000,
            .size = 123456789,
            .architecture = "amd64",
            .os_release = {{"ID", "debian"}, {"PRETTY_NAME", "Debian \"12\""}},
            .config = {.entrypoint = {"/entry", "a b"},
                       .command = {"nginx", "-g", "daemon off;"},
                       .user = "www-data:www-data",
                       .working_directory = "/srv",
                       .environment = {{"PATH", "/usr/bin"}, {"odd name", "x\ny"}},
                       .stop_signal = "SIGQUIT",
                       .exposed_ports = {"80/tcp"},
                       .volumes = {"/data"},
                       .labels = {{"org.opencontainers.image.title", "x"}},
                       .healthcheck = {.test = {"CMD-SHELL", "test -e \"/a b\" || exit 1"},
                                       .interval = 5000000000,
                                       .timeout = 1,
                                       .start_period = INT64_MAX,
                                       .start_interval = 2,
                                       .retries = 7}}};
}

TEST(Manifest, ComesBackAsItWas)
{
    const Manifest manifest = example();
    auto read = parse_manifest(describe_manifest(manifest), "m.toml");
    ASSERT_TRUE(read) << read.error().text;
    EXPECT_EQ(*read, manifest);
    EXPECT_EQ(describe_manifest(*read), describe_manifest(manifest));
}

// Its digest is that of its text: what an image does not say must not change it.
TEST(Manifest, SaysNothingOfAHealthcheckThatIsNone)
{
    Manifest manifest = example();
    manifest.config.healthcheck = {};
    EXPECT_FALSE(describe_manifest(manifest).contains("healthcheck"));
}

TEST(Manifest, IsRefusedWhereItIsDamaged)
{
    for (const char* bad : {"", "layers = []", "layers = [\"../../etc\"]", "layers = [\"x\"]", "layers = 3", "unknown = 1"})
        EXPECT_FALSE(parse_manifest(bad, "m.toml")) << bad;
    std::string many = "layers = [";
    for (size_t i = 0; i <= max_layers; ++i) many += "\"" + top + "\",";
    EXPECT_FALSE(parse_manifest(many + "]", "m.toml"));
}

TEST(StoreFiles, ComeBackAsTheyWere)
{
    const Name name{.manifest = digest, .read_only = true};
    EXPECT_EQ(parse_name(describe_name(name), "n").value(), name);
    EXPECT_FALSE(parse_name("read_only = true", "n"));
    const LayerInfo sealed{}, known{.digest = digest, .diff_id = digest, .size = 1, .entries = 2};
    EXPECT_EQ(parse_layer_info(describe_layer_info(sealed), "l").value(), sealed);
    EXPECT_EQ(parse_layer_info(describe_layer_info(known), "l").value(), known);
    const Stack stack{.reference = "debian:12", .manifest = digest, .layers = {drawn, top}};
    EXPECT_EQ(parse_stack(describe_stack(stack), "s").value(), stack);
    EXPECT_FALSE(parse_stack("reference = \"x\"", "s"));
}

}  // namespace
}  // namespace holm::image
