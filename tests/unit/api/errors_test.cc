#include "api/errors.h"

#include <set>
#include <string>

#include <gtest/gtest.h>

namespace holm::api {
namespace {

TEST(Errors, EveryCodeHasANameOfItsOwn)
{
    std::set<std::string> names;
    for (int code = static_cast<int>(Errc::Invalid); code <= static_cast<int>(Errc::Failed); ++code) {
        const std::string name = error_name(static_cast<Errc>(code));
        EXPECT_TRUE(name.starts_with("org.holm1.Error.")) << name;
        EXPECT_TRUE(names.insert(name).second) << name;
        EXPECT_EQ(code_of_error_name(name), static_cast<Errc>(code)) << name;
    }
}

TEST(Errors, OthersNamesAreUnderstood)
{
    EXPECT_EQ(code_of_error_name("org.freedesktop.DBus.Error.AccessDenied"), Errc::Denied);
    EXPECT_EQ(code_of_error_name("org.freedesktop.systemd1.NoSuchUnit"), Errc::NotFound);
    EXPECT_EQ(code_of_error_name("org.freedesktop.DBus.Error.ServiceUnknown"), Errc::Unavailable);
    EXPECT_EQ(code_of_error_name("com.example.Strange"), Errc::Failed);
    EXPECT_EQ(code_of_error_name(""), Errc::Failed);
}

}  // namespace
}  // namespace holm::api
