#include "cli/image_job.h"

#include <map>
#include <tuple>

#include "base/text.h"
#include "cli/output.h"
#include "cli/properties.h"

namespace holm::cli {

namespace {

using Clock = std::chrono::steady_clock;

std::string describe_progress(uint64_t bytes, uint64_t total)
{
    if (total >= bytes && total > 0) return fmt::format("{} of {} MiB, {} %", bytes >> 20, total >> 20, bytes * 100 / total);
    return fmt::format("{} MiB", bytes >> 20);
}

}  // namespace

// Of all jobs: which is ours is known when the reply has come.
struct ImageJob::Heard {
    struct End {
        std::string result, text;
    };
    std::map<std::string, End> ended;  // by path
    std::map<std::string, std::pair<uint64_t, uint64_t>> progress;
    std::map<std::string, std::string> digests;
    bool holmd_lost = false;

    void take(sd_bus_message* m)
    {
        if (sd_bus_message_is_signal(m, "org.freedesktop.DBus", "NameOwnerChanged")) {
            std::string name, before, now;
            if (systemd::read_all_of(m, name, before, now) && !before.empty()) holmd_lost = true;
        } else if (sd_bus_message_is_signal(m, api::manager_interface, "JobRemoved")) {
            uint32_t id = 0;
            systemd::ObjectPath path;
            std::string machine;
            End end;
            if (systemd::read_all_of(m, id, path, machine, end.result, end.text)) ended[path.text] = std::move(end);
        } else if (sd_bus_message_is_signal(m, "org.freedesktop.DBus.Properties", "PropertiesChanged")) {
            std::string interface;
            if (!systemd::read(m, interface) || interface != api::job_interface) return;
            auto changed = read_properties(m);
            if (!changed) return;
            const std::string path = sd_bus_message_get_path(m);
            if (changed->contains("Bytes")) progress[path] = {number_of(*changed, "Bytes"), number_of(*changed, "TotalBytes")};
            if (changed->contains("Digest")) digests[path] = text_of(*changed, "Digest");
        }
    }
};

Result<ImageJob> ImageJob::listen(Client& client)
{
    auto heard = std::make_shared<Heard>();
    TRY(client.hear([heard](sd_bus_message* m) { heard->take(m); }));
    CaughtSignals signals = TRY(CaughtSignals::open());
    return ImageJob(client, std::move(signals), std::move(heard));
}

Result<> ImageJob::cancel_if_asked(const std::string& path)
{
    for (int signal : signals_.take()) {
        if (signal != SIGINT && signal != SIGTERM && signal != SIGHUP) continue;
        auto id = parse_number(path.substr(path.rfind('/') + 1), UINT32_MAX);
        if (id) static_cast<void>(client_.call("CancelJob", static_cast<uint32_t>(*id)));
        return error(Errc::Failed, "canceled");
    }
    return {};
}

Result<> ImageJob::wait(const std::string& path, const std::string& what, const Invocation& call)
{
    Progress line(what, call);
    for (;;) {
        if (auto end = heard_->ended.find(path); end != heard_->ended.end()) {
            if (end->second.result == "done") return {};
            return error(Errc::Failed, "{}", end->second.text.empty() ? "the job was " + end->second.result : end->second.text);
        }
        if (heard_->holmd_lost)
            return error(Errc::Unavailable, "holmd has ended before it was done; nothing of it is left, ask for it again");
        TRY(cancel_if_asked(path));
        TRY(client_.wait(std::chrono::milliseconds(200)));
        if (auto at = heard_->progress.find(path); at != heard_->progress.end())
            line.show(describe_progress(at->second.first, at->second.second));
    }
}

std::string ImageJob::digest(const std::string& path) const
{
    auto found = heard_->digests.find(path);
    return found == heard_->digests.end() ? "" : found->second;
}

}  // namespace holm::cli
