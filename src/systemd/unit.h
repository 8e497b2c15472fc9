// Units: what holmd asks of systemd's manager (org.freedesktop.systemd1(5)), all of it without waiting. Effects: bus calls.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "machine/unit_fate.h"
#include "machine/unit_property.h"
#include "systemd/bus.h"

namespace holm::systemd {

using UnitProperties = std::vector<machine::UnitProperty>;

struct ScopeRequest {
    std::string name;  // "holm-web.scope"
    uint32_t pid = 0;  // its first process
    UnitProperties properties;
};

enum class UnitVerb { Start, Stop, Restart };
enum class UnitFiles { Enable, Disable };

using PropertiesRead = std::move_only_function<void(Result<UnitProperties>)>;
using FateRead = std::move_only_function<void(Result<machine::UnitFate>)>;

// How a job of systemd ended: for Ok it did what was asked.
using Done = std::move_only_function<void(Result<>)>;

// A request on its way: destroyed, its Done is not called; the request is still carried out.
struct OperationState;
using Operation = std::shared_ptr<OperationState>;

class Units {
public:
    // What systemd tells of units of any name: the end of a job (result as in JobRemoved: "done", "failed", …), and a unit unloaded.
    struct Listener {
        std::move_only_function<void(const std::string& unit, const std::string& result)> job_removed;
        std::move_only_function<void(const std::string& unit)> unit_removed;
    };

    Units(Bus& bus, Listener listener) : bus_(bus), listener_(std::move(listener)) {}
    Units(const Units&) = delete;
    Units& operator=(const Units&) = delete;

    // Subscribes on a new connection. Jobs that were awaited on the old one end with Unavailable in detach().
    Result<> attach();
    void detach();

    // Done when the job is. Errors: Exists (a unit of this name), Failed with systemd's own words.
    [[nodiscard]] Operation start_scope(const ScopeRequest& request, Done done);
    [[nodiscard]] Operation run_job(UnitVerb verb, const std::string& unit, Done done);
    // Done when systemd has answered.
    [[nodiscard]] Operation set_runtime_properties(const std::string& unit, const UnitProperties& properties, Done done);
    // Those of `wanted` that the unit has, with the same types.
    [[nodiscard]] Operation read_properties(const std::string& unit, UnitProperties wanted, PropertiesRead done);
    // How the last start of a service has gone.
    [[nodiscard]] Operation read_fate(const std::string& unit, FateRead done);
    [[nodiscard]] Operation kill(const std::string& unit, int signal, Done done);  // all of its processes
    [[nodiscard]] Operation reset_failed(const std::string& unit, Done done);
    // Enables or disables, then lets systemd read its units again.
    [[nodiscard]] Operation change_files(UnitFiles change, const std::string& unit, Done done);
    [[nodiscard]] Operation reload(Done done);

private:
    void await_job(const Operation& operation, Result<sd_bus_message*> answer);
    void on_job_removed(sd_bus_message* message);
    void finish(const std::string& job, const std::string& result);
    template <typename... T>
    Operation ask(const char* method, Done done, const T&... arguments);

    Bus& bus_;
    Listener listener_;
    Pending jobs_, removals_, subscription_;
    // By job path; systemd merges a request into the unit's job that is there, as a restart into a start: then both wait for one.
    std::multimap<std::string, std::weak_ptr<OperationState>> awaited_;
    std::deque<std::pair<std::string, std::string>> finished_;  // the last jobs: one may end before a call for it is answered
};

// "The unit's job was 'failed'" and the like as an Error of unit `unit`; Ok for "done". Its errno is ECANCELED where another request,
// a stop of a start, has taken the job's place; ENOLINK where a unit that it requires has failed; ECHILD where it has failed itself, of
// which read_fate() knows more.
Result<> result_of_job(const std::string& unit, const std::string& result);

}  // namespace holm::systemd
