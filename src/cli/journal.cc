#include "cli/journal.h"

#include <unistd.h>

#include <cstring>
#include <ctime>
#include <filesystem>

#include <nlohmann/json.hpp>

#include "api/names.h"
#include "base/text.h"

namespace holm::cli {

namespace {

constexpr size_t longest_field = 64 << 10;

Result<> check(int result, const char* what)
{
    if (result < 0) return errno_error(-result, "cannot {} the journal", what);
    return {};
}

// The entries of a unit, as journalctl -u takes them (systemd 252, src/shared/logs-show.c, add_matches_for_unit): its processes'
// own, those of PID 1 about it, and those that root sent about one of its processes.
Result<> match_unit(sd_journal* journal, const std::string& unit)
{
    const std::string own = "_SYSTEMD_UNIT=" + unit, about = "UNIT=" + unit, object = "OBJECT_SYSTEMD_UNIT=" + unit;
    TRY(check(sd_journal_add_match(journal, own.c_str(), 0), "search"));
    TRY(check(sd_journal_add_disjunction(journal), "search"));
    TRY(check(sd_journal_add_match(journal, "_PID=1", 0), "search"));
    TRY(check(sd_journal_add_match(journal, about.c_str(), 0), "search"));
    TRY(check(sd_journal_add_disjunction(journal), "search"));
    TRY(check(sd_journal_add_match(journal, "_UID=0", 0), "search"));
    return check(sd_journal_add_match(journal, object.c_str(), 0), "search");
}

std::string describe_time(uint64_t microseconds)
{
    const time_t seconds = static_cast<time_t>(microseconds / 1'000'000);
    tm local{};
    ::localtime_r(&seconds, &local);
    char text[32];
    return std::string(text, ::strftime(text, sizeof text, "%b %d %H:%M:%S", &local));
}

}  // namespace

std::string describe_entry(const JournalEntry& entry, JsonStyle style)
{
    if (style == JsonStyle::Off) {
        const std::string pid = entry.pid.empty() ? "" : "[" + entry.pid + "]";
        return fmt::format("{} {} {}{}: {}\n", describe_time(entry.time), printable(entry.host), printable(entry.identifier),
                           printable(pid), printable(entry.message, longest_field));
    }
    const nlohmann::ordered_json object = {
        {"time", entry.time}, {"host", entry.host},         {"unit", entry.unit},      {"identifier", entry.identifier},
        {"pid", entry.pid},   {"priority", entry.priority}, {"message", entry.message}};
    return object.dump(style == JsonStyle::Pretty ? 2 : -1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

bool may_read_journal()
{
    bool refused = false;
    for (const char* folder : {"/var/log/journal", "/run/log/journal"}) {
        std::error_code failure;
        for (const auto& machine : std::filesystem::directory_iterator(folder, failure)) {
            if (::access((machine.path() / "system.journal").c_str(), R_OK) == 0) return true;
            refused = refused || errno == EACCES;
        }
        refused = refused || failure == std::errc::permission_denied;
    }
    return !refused;
}

Result<Journal> Journal::open(const machine::MachineName& name)
{
    sd_journal* journal = nullptr;
    TRY(check(sd_journal_open(&journal, SD_JOURNAL_LOCAL_ONLY), "open"));
    JournalHandle owned(journal);
    TRY(match_unit(journal, api::service_name(name)));
    TRY(check(sd_journal_add_disjunction(journal), "search"));
    TRY(match_unit(journal, api::scope_name(name)));
    return Journal(std::move(owned));
}

Result<> Journal::seek_lines(uint64_t lines)
{
    TRY(check(sd_journal_seek_tail(journal_.get()), "read"));
    if (lines == 0) return check(sd_journal_previous(journal_.get()), "read");
    // `next` steps forward first: one more back, unless the journal begins here.
    const int stepped = sd_journal_previous_skip(journal_.get(), lines + 1);
    TRY(check(stepped, "read"));
    if (static_cast<uint64_t>(stepped) < lines + 1) return check(sd_journal_seek_head(journal_.get()), "read");
    return {};
}

Result<> Journal::seek(std::optional<uint64_t> lines, std::optional<uint64_t> since)
{
    if (!lines && !since) return check(sd_journal_seek_head(journal_.get()), "read");
    if (lines) {
        TRY(seek_lines(*lines));
        uint64_t time = 0;
        if (!since || (sd_journal_get_realtime_usec(journal_.get(), &time) >= 0 && time >= *since)) return {};
    }
    return check(sd_journal_seek_realtime_usec(journal_.get(), *since), "read");
}

std::string Journal::field(const char* name) const
{
    const void* data = nullptr;
    size_t size = 0;
    if (sd_journal_get_data(journal_.get(), name, &data, &size) < 0) return {};
    const std::string_view text(static_cast<const char*>(data), size);
    return std::string(text.substr(std::min(text.size(), strlen(name) + 1)));
}

Result<std::optional<JournalEntry>> Journal::next()
{
    const int more = sd_journal_next(journal_.get());
    TRY(check(more, "read"));
    if (more == 0) return std::optional<JournalEntry>();
    JournalEntry entry;
    TRY(check(sd_journal_get_realtime_usec(journal_.get(), &entry.time), "read"));
    entry.host = field("_HOSTNAME");
    entry.identifier = field("SYSLOG_IDENTIFIER");
    if (entry.identifier.empty()) entry.identifier = field("_COMM");
    entry.pid = field("_PID");
    entry.unit = field("_SYSTEMD_UNIT");
    entry.priority = field("PRIORITY");
    entry.message = field("MESSAGE");
    return entry;
}

Result<> Journal::wait(std::chrono::microseconds timeout)
{
    return check(sd_journal_wait(journal_.get(), static_cast<uint64_t>(timeout.count())), "watch");
}

}  // namespace holm::cli
