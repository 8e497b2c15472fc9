#include "image/rpm_database.h"

#include <sqlite3.h>

#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "base/handle.h"
#include "image/rpm_header.h"

namespace holm::image {

namespace {

using Database = Handle<sqlite3, sqlite3_close>;
using Statement = Handle<sqlite3_stmt, sqlite3_finalize>;
using Versions = std::map<std::string, std::set<std::string>>;  // of a name

constexpr std::string_view magic("SQLite format 3\0", 16);
constexpr size_t file_header = 100, write_version = 18, read_version = 19;
constexpr int most_header = 8 << 20;    // bytes of a package: one of tens of thousands of files has some MiB
constexpr int most_steps = 20'000'000;  // of sqlite's machine; a package takes some five
constexpr size_t most_packages = 100'000;
constexpr std::string_view key_of_signatures = "gpg-pubkey";

// What is less than sqlite's own bounds; rpm's tables are small.
constexpr std::pair<int, int> limits[] = {
    {SQLITE_LIMIT_LENGTH, most_header}, {SQLITE_LIMIT_SQL_LENGTH, 64 << 10},
    {SQLITE_LIMIT_COLUMN, 100},         {SQLITE_LIMIT_EXPR_DEPTH, 20},
    {SQLITE_LIMIT_COMPOUND_SELECT, 2},  {SQLITE_LIMIT_FUNCTION_ARG, 8},
    {SQLITE_LIMIT_ATTACHED, 0},         {SQLITE_LIMIT_VARIABLE_NUMBER, 1},
    {SQLITE_LIMIT_TRIGGER_DEPTH, 1},    {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 50},
    {SQLITE_LIMIT_WORKER_THREADS, 0},
};

// Without the text of sqlite, which has words of the database in it.
Error refusal(int code)
{
    return error(code == SQLITE_NOMEM ? Errc::Failed : Errc::Invalid, "rpm's database cannot be read: {}", sqlite3_errstr(code));
}

// No views, triggers and virtual tables: the database's author would choose with them what is run.
Result<> restrict_schema(sqlite3* database)
{
    for (const auto& [option, value] : {std::pair{SQLITE_DBCONFIG_DEFENSIVE, 1}, std::pair{SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
                                        std::pair{SQLITE_DBCONFIG_ENABLE_VIEW, 0}, std::pair{SQLITE_DBCONFIG_ENABLE_TRIGGER, 0}})
        if (int code = sqlite3_db_config(database, option, value, nullptr); code != SQLITE_OK) return refusal(code);
    if (int code = sqlite3_drop_modules(database, nullptr); code != SQLITE_OK) return refusal(code);
    for (const auto& [limit, value] : limits) sqlite3_limit(database, limit, value);
    sqlite3_progress_handler(database, most_steps, [](void*) { return 1; }, nullptr);
    if (int code = sqlite3_exec(database, "PRAGMA cell_size_check = 1", nullptr, nullptr, nullptr); code != SQLITE_OK) return refusal(code);
    return {};
}

// `bytes` stay where they are while it lives.
Result<Database> open_database(std::string& bytes)
{
    if (bytes.size() < file_header || !bytes.starts_with(magic)) return error(Errc::Invalid, "rpm's database is none of sqlite");
    bytes[write_version] = bytes[read_version] = 1;  // rpm's has a log beside it; that is empty where nobody has it open
    sqlite3* opened = nullptr;
    const int code = sqlite3_open_v2(":memory:", &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
    Database database(opened);
    if (code != SQLITE_OK) return refusal(code);
    const auto size = static_cast<sqlite3_int64>(bytes.size());
    if (int taken = sqlite3_deserialize(database.get(), "main", reinterpret_cast<unsigned char*>(bytes.data()), size, size,
                                        SQLITE_DESERIALIZE_READONLY);
        taken != SQLITE_OK)
        return refusal(taken);
    TRY(restrict_schema(database.get()));
    return database;
}

Result<> add_package(sqlite3_stmt* row, Versions& versions, size_t& size)
{
    const void* blob = sqlite3_column_blob(row, 0);
    const auto length = static_cast<size_t>(sqlite3_column_bytes(row, 0));
    RpmPackage package = TRY(parse_rpm_header({static_cast<const char*>(blob), blob ? length : 0}), "rpm's database");
    if (package.name == key_of_signatures) return {};
    size += package.name.size() + package.version.size() + 3;
    if (size > most_rpm_list) return error(Errc::Invalid, "rpm's database has more than {} MiB of names", most_rpm_list >> 20);
    versions[package.name].insert(std::move(package.version));
    return {};
}

Result<Versions> read_packages(sqlite3* database)
{
    sqlite3_stmt* prepared = nullptr;
    int code = sqlite3_prepare_v2(database, "SELECT blob FROM main.Packages", -1, &prepared, nullptr);
    Statement statement(prepared);
    if (code != SQLITE_OK) return refusal(code);
    Versions versions;
    size_t count = 0, size = 0;
    while ((code = sqlite3_step(statement.get())) == SQLITE_ROW) {
        if (++count > most_packages) return error(Errc::Invalid, "rpm's database has more than {} packages", most_packages);
        TRY(add_package(statement.get(), versions, size));
    }
    if (code != SQLITE_DONE) return refusal(code);
    return versions;
}

}  // namespace

Result<std::string> list_rpm_packages(std::string database)
{
    const Database opened = TRY(open_database(database));
    const Versions packages = TRY(read_packages(opened.get()));
    std::string list;
    for (const auto& [name, versions] : packages) {
        list += name;
        std::string_view separator = " ";
        for (const std::string& version : versions) list.append(separator).append(version), separator = ", ";
        list += '\n';
    }
    return list;
}

}  // namespace holm::image
