#include "cli/event_journal.h"

#include <cstring>
#include <ctime>

#include <nlohmann/json.hpp>

#include "api/events.h"
#include "base/text.h"
#include "machine/grammar.h"

namespace holm::cli {

namespace {

Result<> check(int result, const char* what)
{
    if (result < 0) return errno_error(-result, "cannot {} the journal", what);
    return {};
}

std::string field_of(sd_journal* journal, const char* name)
{
    const void* data = nullptr;
    size_t size = 0;
    if (sd_journal_get_data(journal, name, &data, &size) < 0) return {};
    const std::string_view text(static_cast<const char*>(data), size);
    return std::string(text.substr(std::min(text.size(), strlen(name) + 1)));
}

uint64_t now()
{
    using namespace std::chrono;
    return static_cast<uint64_t>(duration_cast<microseconds>(system_clock::now().time_since_epoch()).count());
}

// Local time; none: the text is none.
std::optional<uint64_t> find_date(const std::string& text)
{
    for (const char* format : {"%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d"}) {
        tm local{};
        local.tm_isdst = -1;
        const char* end = ::strptime(text.c_str(), format, &local);
        if (end && *end == '\0') return static_cast<uint64_t>(std::max<time_t>(0, ::mktime(&local))) * 1'000'000;
    }
    return {};
}

}  // namespace

std::string describe_event(const Event& event, JsonStyle style)
{
    if (style == JsonStyle::Off) {
        const time_t seconds = static_cast<time_t>(event.time / 1'000'000);
        tm local{};
        ::localtime_r(&seconds, &local);
        char time[32];
        const std::string_view text(time, ::strftime(time, sizeof time, "%b %d %H:%M:%S", &local));
        return fmt::format("{} {:<12} {:<10} {}\n", text, printable(event.machine), event.event, printable(event.message, 4096));
    }
    const nlohmann::ordered_json object = {
        {"time", event.time}, {"machine", event.machine}, {"event", event.event}, {"unit", event.unit}, {"message", event.message}};
    return object.dump(style == JsonStyle::Pretty ? 2 : -1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

Result<uint64_t> parse_since(std::string_view text)
{
    if (text == "today") {
        const time_t seconds = ::time(nullptr);
        tm local{};
        ::localtime_r(&seconds, &local);
        local.tm_hour = local.tm_min = local.tm_sec = 0;
        return static_cast<uint64_t>(::mktime(&local)) * 1'000'000;
    }
    if (text.starts_with('@'))
        if (auto seconds = parse_number(text.substr(1), INT32_MAX)) return *seconds * 1'000'000;
    if (auto date = find_date(std::string(text))) return *date;
    std::string_view span = text;
    if (span.ends_with(" ago")) span.remove_suffix(4);
    if (span.starts_with('-')) span.remove_prefix(1);
    const auto duration = machine::parse_duration(span);
    if (!duration || *duration == machine::infinite)
        return error(Errc::Invalid, "'{}' is no time: '2h', 'today', '2026-01-31 08:00' or '@SECONDS'", printable(text, 80));
    const uint64_t present = now(), back = static_cast<uint64_t>(duration->count());
    return back < present ? present - back : 0;
}

Result<EventJournal> EventJournal::open(const std::vector<std::string>& machines)
{
    sd_journal* journal = nullptr;
    TRY(check(sd_journal_open(&journal, SD_JOURNAL_LOCAL_ONLY), "open"));
    JournalHandle owned(journal);
    // Root alone writes them: the names of fields that begin with `_` are journald's own.
    TRY(check(sd_journal_add_match(journal, "_UID=0", 0), "search"));
    for (const api::EventInfo& info : api::machine_events())
        TRY(check(sd_journal_add_match(journal, fmt::format("MESSAGE_ID={}", info.id).c_str(), 0), "search"));
    for (const std::string& name : machines)
        TRY(check(sd_journal_add_match(journal, fmt::format("HOLM_MACHINE={}", name).c_str(), 0), "search"));
    return EventJournal(std::move(owned));
}

Result<> EventJournal::seek(uint64_t since)
{
    return check(sd_journal_seek_realtime_usec(journal_.get(), since), "read");
}

Result<std::optional<Event>> EventJournal::next()
{
    const int more = sd_journal_next(journal_.get());
    TRY(check(more, "read"));
    if (more == 0) return std::optional<Event>();
    Event event;
    TRY(check(sd_journal_get_realtime_usec(journal_.get(), &event.time), "read"));
    event.machine = field_of(journal_.get(), "HOLM_MACHINE");
    event.unit = field_of(journal_.get(), "OBJECT_SYSTEMD_UNIT");
    event.message = field_of(journal_.get(), "MESSAGE");
    if (auto info = api::find_event(field_of(journal_.get(), "MESSAGE_ID"))) event.event = info->word;
    return event;
}

Result<> EventJournal::wait(std::chrono::microseconds timeout)
{
    return check(sd_journal_wait(journal_.get(), static_cast<uint64_t>(timeout.count())), "watch");
}

}  // namespace holm::cli
