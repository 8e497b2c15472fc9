#include "image/folder_names.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "base/fd.h"

namespace holm::image {

namespace {

class FolderNamesTest : public testing::Test {
protected:
    void SetUp() override
    {
        std::string pattern = (std::filesystem::temp_directory_path() / "holm-names-XXXXXX").string();
        ASSERT_TRUE(::mkdtemp(pattern.data()));
        folder_ = pattern;
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }

    std::vector<std::string> read(size_t most)
    {
        Fd folder = std::move(*open_file(folder_, O_RDONLY | O_DIRECTORY));
        std::vector<std::string> all;
        auto names = FolderNames::read(folder.get(), most);
        for (auto name = names->next(); name && *name; name = names->next()) {
            all.emplace_back(*name);
            held_ = std::max(held_, names->held());
        }
        return all;
    }

    std::string folder_;
    size_t held_ = 0;
};

}  // namespace

TEST_F(FolderNamesTest, AreSortedByBytesWhateverIsHeldOfThem)
{
    std::vector<std::string> made = {"B", "a", "a.b", "a-b", "\xc3\xa4", "~"};
    for (int i = 0; i < 500; ++i) made.push_back(std::to_string(i * 7919 % 500) + std::string(static_cast<size_t>(i % 90), 'x'));
    for (const std::string& name : made) std::ofstream(folder_ + "/" + name);
    std::ranges::sort(made);
    ASSERT_EQ(std::ranges::unique(made).size(), 0U);
    for (size_t most : {size_t{1}, size_t{100}, size_t{3000}, size_t{1} << 20}) {
        held_ = 0;
        EXPECT_EQ(read(most), made) << most;
        EXPECT_LT(held_, 2 * most + 400 + made.size() * sizeof(uint32_t)) << most;
    }
}

TEST_F(FolderNamesTest, OfAnEmptyFolderThereAreNone)
{
    EXPECT_TRUE(read(1).empty());
}

}  // namespace holm::image
