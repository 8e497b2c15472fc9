// A tmpfs that only this process sees, to lay out trees in.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "base/fd.h"

namespace holm::test {

// In a mount namespace that the whole program shares; each test has a tmpfs of its own at /mnt.
class Workbench : public testing::Test {
protected:
    void SetUp() override;
    void TearDown() override;

    static constexpr const char* top = "/mnt";
    static std::string at(std::string_view path) { return std::string(top) + "/" + std::string(path); }
    // All below take paths below `top`; folders above them are made.
    static void folder(std::string_view path);
    static void file(std::string_view path, unsigned mode = 0644);
    static void link(std::string_view path, std::string_view target);
    static void whiteout(std::string_view path);
    static Fd open(std::string_view path);
};

}  // namespace holm::test
