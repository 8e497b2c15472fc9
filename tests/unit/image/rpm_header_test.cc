// Headers of rpm: what is read of whole ones, and that others are refused wherever they are cut or point.
#include "image/rpm_header.h"

#include <gtest/gtest.h>

#include "rpm_blob.h"

namespace holm::image {
namespace {

using namespace std::string_literals;

// As rpm has them: an entry for all of it before, an epoch, others after.
const std::string data = "bash\0005.2\0001.el9\0\0\0\0\0\003"s;
constexpr RpmEntry region{.tag = 63, .type = 7, .offset = 18, .count = 16}, name{1000, 6, 0}, version{1001, 6, 5}, release{1002, 6, 9},
    epoch{1003, 4, 16}, other{1022, 6, 0};

Errc code_of(const std::string& bytes)
{
    const auto package = parse_rpm_header(bytes);
    return package ? Errc::Failed : package.error().code;
}

TEST(RpmHeader, NameAndVersion)
{
    ASSERT_EQ(data.size(), 20U);
    const auto package = parse_rpm_header(rpm_blob({region, name, version, release, epoch, other}, data));
    ASSERT_TRUE(package) << package.error().text;
    EXPECT_EQ(*package, (RpmPackage{"bash", "3:5.2-1.el9"}));
    EXPECT_EQ(parse_rpm_header(rpm_package("curl", "8.0~rc1", "2")), (RpmPackage{"curl", "8.0~rc1-2"}));
}

TEST(RpmHeader, WhatIsCutIsRefused)
{
    const std::string whole = rpm_blob({name, version, release, epoch}, data);
    ASSERT_TRUE(parse_rpm_header(whole));
    for (size_t size = 0; size < whole.size(); ++size) EXPECT_EQ(code_of(whole.substr(0, size)), Errc::Invalid) << size;
    EXPECT_TRUE(parse_rpm_header(whole + "more"));
}

TEST(RpmHeader, LengthsThatAreTooLargeAreRefused)
{
    const std::string rest = rpm_blob({name, version, release}, data).substr(8);
    for (const uint32_t entries : {4U, 0x10000000U, 0x10000003U, UINT32_MAX})
        EXPECT_EQ(code_of(big_endian(entries) + big_endian(static_cast<uint32_t>(data.size())) + rest), Errc::Invalid) << entries;
    for (const uint32_t size : {static_cast<uint32_t>(data.size()) + 1, UINT32_MAX})
        EXPECT_EQ(code_of(big_endian(3) + big_endian(size) + rest), Errc::Invalid) << size;
}

TEST(RpmHeader, EntriesWithoutSenseAreRefused)
{
    const auto size = static_cast<uint32_t>(data.size());
    for (const RpmEntry bad : {RpmEntry{1000, 6, size}, {1000, 6, UINT32_MAX}, {1000, 4, 0}, {1000, 6, 0, 0}, {1000, 6, 0, UINT32_MAX}})
        EXPECT_EQ(code_of(rpm_blob({bad, version, release}, data)), Errc::Invalid) << bad.offset << " " << bad.type << " " << bad.count;
    for (const RpmEntry bad : {RpmEntry{1003, 4, size - 3}, {1003, 4, size}, {1003, 6, 16}, {1003, 4, 16, 2}})
        EXPECT_EQ(code_of(rpm_blob({name, version, release, bad}, data)), Errc::Invalid) << bad.offset;
    EXPECT_EQ(code_of(rpm_blob({name, version}, data)), Errc::Invalid) << "no release";
}

TEST(RpmHeader, TextsWithoutEndAndOfOtherBytesAreRefused)
{
    EXPECT_EQ(code_of(rpm_blob({{1000, 6, 0}, {1001, 6, 2}, {1002, 6, 4}}, "a\0001\0002"s)), Errc::Invalid) << "no NUL";
    EXPECT_EQ(code_of(rpm_package("", "1", "1")), Errc::Invalid);
    for (const char* text : {"a b", "a\nb", "\x7f", "\xc3\xa4", "a\x1b[m"})
        EXPECT_EQ(code_of(rpm_package("a", text, "1")), Errc::Invalid) << text;
    EXPECT_TRUE(parse_rpm_header(rpm_package(std::string(255, 'a'), "1", "1")));
    EXPECT_EQ(code_of(rpm_package(std::string(256, 'a'), "1", "1")), Errc::Invalid);
}

}  // namespace
}  // namespace holm::image
