#include "image/disk_parts.h"

#include <gtest/gtest.h>

namespace holm::image {
namespace {

constexpr uint64_t mega = 1 << 20;
const std::string root = "4f68bce3-e8cd-4db1-96e7-fbcaf984b709", usr = "8484680c-9521-48c6-9c11-b0720656f69e",
                  var = "4d21b016-b534-45c2-a9fb-5c16e091fd2d", data = "0fc63daf-8483-4772-8e79-3d69d8477de4";

Disk gpt(std::vector<Partition> partitions)
{
    return {.table = Table::Gpt, .size = 100 * mega, .partitions = std::move(partitions)};
}

Partition partition(unsigned number, const std::string& type, const std::string& label = "", uint64_t flags = 0)
{
    return {.number = number, .type = type, .label = label, .begin = number * mega, .size = mega, .flags = flags};
}

std::vector<unsigned> numbers(const Result<std::vector<Part>>& parts)
{
    std::vector<unsigned> all;
    if (parts)
        for (const Part& part : *parts) all.push_back(part.number);
    return all;
}

TEST(DiskParts, AWholeImageIsOne)
{
    const auto parts = choose_parts({.table = Table::None, .size = mega, .partitions = {}}, "amd64");
    ASSERT_TRUE(parts);
    EXPECT_EQ(*parts, std::vector{(Part{.folder = "", .number = 0, .begin = 0, .size = mega})});
}

TEST(DiskParts, TheRootIsThatOfTheArchitectureAndComesFirst)
{
    const Disk disk = gpt({partition(1, usr), partition(2, root), partition(3, var)});
    const auto parts = choose_parts(disk, "amd64");
    EXPECT_EQ(numbers(parts), (std::vector<unsigned>{2, 1}));
    EXPECT_EQ(parts->at(1).folder, "usr");
    EXPECT_EQ(choose_parts(disk, "arm64").error().text,
              "none of its 3 partitions is a root for arm64: its type is not that of the discoverable partitions");
}

TEST(DiskParts, TheLaterVersionIsTakenAndNoAutoLeftAlone)
{
    EXPECT_EQ(numbers(choose_parts(gpt({partition(1, root, "v9"), partition(2, root, "v10"), partition(3, root, "v11", uint64_t{1} << 63)}),
                                   "amd64")),
              std::vector<unsigned>{2});
}

TEST(DiskParts, OneForLinuxIsTheRoot)
{
    EXPECT_EQ(numbers(choose_parts(gpt({partition(1, data)}), "amd64")), std::vector<unsigned>{1});
    EXPECT_FALSE(choose_parts(gpt({partition(1, data), partition(2, data)}), "amd64"));
    Disk mbr = gpt({partition(1, "0x83", "", 0x80)});
    mbr.table = Table::Mbr;
    EXPECT_EQ(numbers(choose_parts(mbr, "amd64")), std::vector<unsigned>{1});
}

TEST(DiskParts, WhatReachesBeyondTheEndIsRefused)
{
    for (const auto& [begin, size] : std::vector<std::pair<uint64_t, uint64_t>>{
             {100 * mega, 1}, {mega, 100 * mega}, {UINT64_MAX, mega}, {mega, UINT64_MAX}, {mega, 0}}) {
        Partition wrong = partition(1, root);
        wrong.begin = begin, wrong.size = size;
        const auto parts = choose_parts(gpt({wrong}), "amd64");
        ASSERT_FALSE(parts) << begin << ' ' << size;
        EXPECT_EQ(parts.error().text, "partition 1 reaches beyond the end of the image: it was cut, or its partition table is wrong");
    }
}

TEST(DiskParts, AFileSystemIsReadWithoutAReplay)
{
    const Part whole, second{.number = 2};
    EXPECT_EQ(reader_of(whole, "ext3")->type, "ext4");
    EXPECT_EQ(reader_of(whole, "xfs")->options, (std::vector<std::string>{"ro", "norecovery", "nouuid"}));
    EXPECT_EQ(reader_of(second, "crypto_LUKS").error().text, "partition 2 is encrypted: open it and import what is in it");
    EXPECT_EQ(reader_of(whole, "swap").error().text, "the image is 'swap', which a root cannot be: ext4, xfs, btrfs, squashfs or erofs");
    EXPECT_FALSE(reader_of(whole, ""));
}

}  // namespace
}  // namespace holm::image
