// Databases of rpm as sqlite makes them: what is listed of them, and what their authors cannot do.
#include "image/rpm_database.h"

#include <sqlite3.h>

#include <gtest/gtest.h>

#include "base/handle.h"
#include "rpm_blob.h"

namespace holm::image {
namespace {

constexpr const char* packages = "CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL);";

// The bytes of a database that `script` has made; the blobs are put into its table Packages.
std::string database(const std::string& script, const std::vector<std::string>& blobs = {})
{
    sqlite3* opened = nullptr;
    EXPECT_EQ(sqlite3_open(":memory:", &opened), SQLITE_OK);
    const Handle<sqlite3, sqlite3_close> owner(opened);
    EXPECT_EQ(sqlite3_exec(opened, script.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(opened);
    for (const std::string& blob : blobs) {
        sqlite3_stmt* prepared = nullptr;
        EXPECT_EQ(sqlite3_prepare_v2(opened, "INSERT INTO Packages (blob) VALUES (?)", -1, &prepared, nullptr), SQLITE_OK);
        const Handle<sqlite3_stmt, sqlite3_finalize> statement(prepared);
        EXPECT_EQ(sqlite3_bind_blob64(prepared, 1, blob.data(), blob.size(), SQLITE_STATIC), SQLITE_OK);
        EXPECT_EQ(sqlite3_step(prepared), SQLITE_DONE);
    }
    sqlite3_int64 size = 0;
    const Handle<unsigned char, sqlite3_free> bytes(sqlite3_serialize(opened, "main", &size, 0));
    return {reinterpret_cast<const char*>(bytes.get()), static_cast<size_t>(size)};
}

Errc code_of(const std::string& bytes)
{
    const auto list = list_rpm_packages(bytes);
    return list ? Errc::Failed : list.error().code;
}

TEST(RpmDatabase, PackagesAreListedByName)
{
    std::string bytes =
        database(packages, {rpm_package("kernel", "6.2", "1"), rpm_package("bash", "5.2", "1"), rpm_package("gpg-pubkey", "1", "2"),
                            rpm_package("kernel", "6.1", "1"), rpm_package("bash", "5.2", "1")});
    const std::string list = "bash 5.2-1\nkernel 6.1-1, 6.2-1\n";
    EXPECT_EQ(list_rpm_packages(bytes), list);
    bytes[18] = bytes[19] = 2;  // with a log, as rpm has it
    EXPECT_EQ(list_rpm_packages(bytes), list);
    EXPECT_EQ(list_rpm_packages(database(packages)), "");
}

TEST(RpmDatabase, LargeHeadersAreRead)
{
    EXPECT_EQ(list_rpm_packages(database(packages, {rpm_package("bash", "5.2", "1").append(4 << 20, 'x')})), "bash 5.2-1\n");
    EXPECT_EQ(code_of(database(packages, {rpm_package("bash", "5.2", "1").append(9 << 20, 'x')})), Errc::Invalid);
}

TEST(RpmDatabase, WhatIsNoneIsRefused)
{
    EXPECT_EQ(code_of(""), Errc::Invalid);
    EXPECT_EQ(code_of(std::string(100, 'x')), Errc::Invalid);
    EXPECT_EQ(code_of(database("CREATE TABLE other (blob BLOB)")), Errc::Invalid);
    EXPECT_EQ(code_of(database(packages, {"cut"})), Errc::Invalid);
    EXPECT_EQ(code_of(database("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob); INSERT INTO Packages VALUES (1, NULL)")),
              Errc::Invalid);
}

// A page and more cut off, and each byte of the beginning changed: a refusal, or at least an answer.
TEST(RpmDatabase, DamageIsRefusedOrHarmless)
{
    const std::string whole = database(packages, {rpm_package("bash", "5.2", "1"), rpm_package("big", "1", "1").append(10000, 'x')});
    for (size_t size = 0; size + 4096 <= whole.size(); size += 509) EXPECT_EQ(code_of(whole.substr(0, size)), Errc::Invalid) << size;
    for (size_t at = 0; at < whole.size(); at += at < 200 ? 1 : 31) {
        std::string damaged = whole;
        damaged[at] = static_cast<char>(~damaged[at]);
        const auto list = list_rpm_packages(damaged);
        EXPECT_TRUE(list || list.error().code == Errc::Invalid || list.error().code == Errc::Failed) << at;
    }
}

std::string hex_of(const std::string& bytes)
{
    std::string hex;
    for (const char byte : bytes) hex += fmt::format("{:02x}", static_cast<unsigned char>(byte));
    return hex;
}

TEST(RpmDatabase, ItsAuthorRunsNothing)
{
    const std::string row = fmt::format("SELECT 1 AS hnum, x'{}' AS blob", hex_of(rpm_package("a", "1", "1")));
    EXPECT_EQ(list_rpm_packages(database("CREATE TABLE Packages AS " + row)), "a 1-1\n");
    EXPECT_EQ(code_of(database("CREATE VIEW Packages AS " + row)), Errc::Invalid);
    EXPECT_EQ(code_of(database("CREATE VIRTUAL TABLE Packages USING fts5(hnum, blob)")), Errc::Invalid);
}

TEST(RpmDatabase, TooManyPackagesAreRefused)
{
    auto many = [](unsigned count) {
        return fmt::format(
            "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < {}) INSERT INTO Packages SELECT x, x'{}' FROM c",
            count, hex_of(rpm_package("a", "1", "1")));
    };
    EXPECT_EQ(list_rpm_packages(database(packages + many(100'000))), "a 1-1\n");
    EXPECT_EQ(code_of(database(packages + many(100'001))), Errc::Invalid);
}

}  // namespace
}  // namespace holm::image
