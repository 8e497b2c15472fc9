#include "image/identifiers.h"

#include <gtest/gtest.h>

#include "image/entry_path.h"

namespace holm::image {
namespace {

const std::string hex(64, 'a');

TEST(Digest, IsItsOneForm)
{
    EXPECT_EQ(parse_digest("sha256:" + hex).value(), "sha256:" + hex);
    for (const std::string& bad :
         {std::string(), std::string("sha256:"), hex, "sha256:" + hex + "a", "sha256:" + std::string(64, 'A'), "sha512:" + hex,
          std::string("sha256:../../etc/passwd"), "sha256:" + std::string(63, 'a') + "/", "SHA256:" + hex, "sha256:" + hex + "\n"})
        EXPECT_FALSE(parse_digest(bad)) << bad;
}

TEST(LayerId, IsADigestOrDrawn)
{
    EXPECT_TRUE(parse_layer_id(hex));
    EXPECT_TRUE(parse_layer_id("r-" + std::string(32, '0')));
    for (const std::string& bad : {std::string(".."), std::string("r-"), "r-" + hex, std::string(32, '0'), hex + "/..", "sha256:" + hex})
        EXPECT_FALSE(parse_layer_id(bad)) << bad;
}

TEST(Reference, IsANameWithATagOrADigest)
{
    EXPECT_EQ(parse_reference("debian").value(), "debian");
    EXPECT_EQ(parse_reference("debian:latest").value(), "debian");
    EXPECT_EQ(parse_reference("debian:12").value(), "debian:12");
    EXPECT_EQ(parse_reference("sha256:" + hex).value(), "sha256:" + hex);
    for (const char* bad : {"", ".", "..", ".hidden", ":12", "debian:", "a:b:c", "a/b", "a b", "a@sha256:x", "sha256:abc", "../x", "a\nb"})
        EXPECT_FALSE(parse_reference(bad)) << bad;
    EXPECT_FALSE(parse_image_name("sha256:" + hex));
}

TEST(NameOfPath, IsTheLastComponentWithoutItsEndings)
{
    EXPECT_EQ(name_of_path("/srv/debian-12.tar.zst"), "debian-12");
    EXPECT_EQ(name_of_path("x.tgz"), "x");
    EXPECT_EQ(name_of_path("/srv/root/"), "root");
    EXPECT_EQ(name_of_path("/srv/a b.tar"), "a-b");
    EXPECT_EQ(name_of_path("/"), "image");
    EXPECT_EQ(name_of_path(".tar"), "tar");
    EXPECT_EQ(name_of_path("/srv/..."), "image");
    for (const char* path : {"/srv/a b.tar", "x:y", "-a", "…", "/", "a@b"}) EXPECT_TRUE(parse_image_name(name_of_path(path))) << path;
}

TEST(EntryPath, StaysInItsFolder)
{
    EXPECT_EQ(parse_entry_path("./usr//bin/./env").value(), "usr/bin/env");
    EXPECT_EQ(parse_entry_path("/etc/passwd").value(), "etc/passwd");
    EXPECT_EQ(parse_entry_path("./").value(), "");
    EXPECT_EQ(parse_entry_path("...").value(), "...");
    for (const std::string& bad : {std::string(), std::string(".."), std::string("a/../b"), std::string("/.."), std::string("a/.."),
                                   std::string(256, 'x'), std::string(5000, '/') + "x"})
        EXPECT_FALSE(parse_entry_path(bad)) << bad.substr(0, 40);
    std::string deep;
    for (int i = 0; i < 600; ++i) deep += "d/";
    EXPECT_FALSE(parse_entry_path(deep));
}

}  // namespace
}  // namespace holm::image
