#include "systemd/unit.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace holm::systemd {

namespace {

constexpr const char* destination = "org.freedesktop.systemd1";
constexpr const char* manager_interface = "org.freedesktop.systemd1.Manager";
constexpr const char* properties_interface = "org.freedesktop.DBus.Properties";
constexpr size_t remembered_jobs = 64;
// systemd answers at once, but while it reads all its units again it answers nobody.
constexpr std::chrono::seconds patience{60};

Member manager(const char* name)
{
    return {destination, "/org/freedesktop/systemd1", manager_interface, name};
}

std::string signal_rule(const char* member)
{
    return fmt::format("type='signal',sender='{}',path='/org/freedesktop/systemd1',interface='{}',member='{}'", destination,
                       manager_interface, member);
}

Result<> append_property(sd_bus_message* m, const machine::UnitProperty& property)
{
    return detail::append_container(m, 'r', "sv", [&] { return append_all(m, property.name, property.value); });
}

// PIDs is the one property that UnitProperty has no type for: au.
Result<> append_pids(sd_bus_message* m, uint32_t pid)
{
    return detail::append_container(m, 'r', "sv", [&]() -> Result<> {
        TRY(append(m, "PIDs"));
        return detail::append_variant(m, std::vector<uint32_t>{pid});
    });
}

Result<> append_properties(sd_bus_message* m, const ScopeRequest& request)
{
    return detail::append_container(m, 'a', "(sv)", [&]() -> Result<> {
        TRY(append_pids(m, request.pid));
        for (auto& property : request.properties) TRY(append_property(m, property));
        return {};
    });
}

// A property list by itself: a(sv).
struct PropertyList {
    const UnitProperties& properties;
};
Result<> append(sd_bus_message* m, const PropertyList& list)
{
    return detail::append_container(m, 'a', "(sv)", [&]() -> Result<> {
        for (auto& property : list.properties) TRY(append_property(m, property));
        return {};
    });
}

std::string path_of(const std::string& unit)
{
    char* path = nullptr;
    if (sd_bus_path_encode("/org/freedesktop/systemd1/unit", unit.c_str(), &path) < 0) return "/";
    const Handle<char, std::free> owned(path);
    return path;
}

// Of an a{sv}: what has a name of `wanted` and is of its type.
Result<> read_wanted(sd_bus_message* m, const UnitProperties& wanted, UnitProperties& found)
{
    auto read_one = [&]() -> Result<> {
        const std::string name = TRY(read<std::string>(m));
        auto known = std::ranges::find(wanted, name, &machine::UnitProperty::name);
        if (known == wanted.end()) return detail::check(sd_bus_message_skip(m, "v"), "read");
        machine::UnitProperty property{name, {}};
        TRY(read(m, property.value));
        if (property.value.index() == known->value.index()) found.push_back(std::move(property));
        return {};
    };
    auto read_each = [&]() -> Result<> {
        while (!detail::at_end(m)) TRY(detail::read_container(m, 'e', "sv", read_one));
        return {};
    };
    return detail::read_container(m, 'a', "{sv}", read_each);
}

using Condition = std::tuple<std::string, bool, bool, std::string, int32_t>;  // a(sbbsi)
using Command =
    std::tuple<std::string, Strings, bool, uint64_t, uint64_t, uint64_t, uint64_t, uint32_t, int32_t, int32_t>;  // a(sasbttttuii)

template <typename T>
Result<> read_variant(sd_bus_message* m, T& into)
{
    return detail::read_container(m, 'v', signature_of<T>(), [&] { return read(m, into); });
}

Result<> read_checks(sd_bus_message* m, machine::UnitFate& fate)
{
    std::vector<Condition> conditions;
    TRY(read_variant(m, conditions));
    for (auto& [type, trigger, negated, parameter, outcome] : conditions)
        fate.checks.push_back({std::move(type), trigger, negated, std::move(parameter), outcome});
    return {};
}

Result<> read_commands(sd_bus_message* m, const std::string& setting, machine::UnitFate& fate)
{
    std::vector<Command> commands;
    TRY(read_variant(m, commands));
    for (auto& [path, argv, may_fail, began, began_at, ended, ended_at, pid, code, status] : commands)
        fate.processes.push_back({setting, std::move(path), may_fail, code, status});
    return {};
}

// Of an a{sv} of all its properties.
Result<> read_fate_of(sd_bus_message* m, machine::UnitFate& fate)
{
    machine::UnitFate::Process main;
    auto read_one = [&]() -> Result<> {
        const std::string name = TRY(read<std::string>(m));
        if (name == "ActiveState") return read_variant(m, fate.active);
        if (name == "ConditionResult") return read_variant(m, fate.conditions_hold);
        if (name == "AssertResult") return read_variant(m, fate.asserts_hold);
        if (name == "Conditions" || name == "Asserts") return read_checks(m, fate);
        if (name == "Result") return read_variant(m, fate.result);
        if (name == "ExecCondition" || name == "ExecStartPre") return read_commands(m, name, fate);
        if (name == "ExecMainCode") return read_variant(m, main.code);
        if (name == "ExecMainStatus") return read_variant(m, main.status);
        return detail::check(sd_bus_message_skip(m, "v"), "read");
    };
    auto read_each = [&]() -> Result<> {
        while (!detail::at_end(m)) TRY(detail::read_container(m, 'e', "sv", read_one));
        return {};
    };
    TRY(detail::read_container(m, 'a', "{sv}", read_each));
    fate.processes.push_back(std::move(main));
    return {};
}

}  // namespace

struct OperationState {
    std::string unit;
    Done done;
    Pending call;

    void finish(Result<> result)
    {
        if (auto callback = std::exchange(done, nullptr)) callback(std::move(result));
    }
};

Result<> result_of_job(const std::string& unit, const std::string& result)
{
    if (result == "done" || result == "skipped") return {};
    if (result == "timeout") return error(Errc::Timeout, "systemd's job for unit '{}' timed out", unit);
    if (result == "canceled") return Error{Errc::Failed, ECANCELED, fmt::format("systemd's job for unit '{}' was canceled", unit)};
    if (result == "dependency") return Error{Errc::Failed, ENOLINK, fmt::format("a unit that '{}' requires failed", unit)};
    return Error{Errc::Failed, ECHILD, fmt::format("unit '{}' failed to start or stop (systemd: {})", unit, result)};
}

Result<> Units::attach()
{
    jobs_ = TRY(bus_.match(signal_rule("JobRemoved"), [this](sd_bus_message* m) { on_job_removed(m); }));
    removals_ = TRY(bus_.match(signal_rule("UnitRemoved"), [this](sd_bus_message* m) {
        if (auto unit = read<std::string>(m)) listener_.unit_removed(*unit);
    }));
    subscription_ = bus_.call(manager("Subscribe"), patience, [](const Result<sd_bus_message*>&) {});
    return {};
}

void Units::detach()
{
    jobs_.reset();
    removals_.reset();
    subscription_.reset();
    finished_.clear();
    for (auto& [job, weak] : std::exchange(awaited_, {}))
        if (auto operation = weak.lock())
            operation->finish(
                Error{Errc::Unavailable, ENOTCONN, fmt::format("the bus went away during systemd's job for unit '{}'", operation->unit)});
}

void Units::on_job_removed(sd_bus_message* message)
{
    uint32_t id = 0;
    ObjectPath job;
    std::string unit, result;
    if (!read_all_of(message, id, job, unit, result)) return;
    finished_.emplace_back(job.text, result);
    if (finished_.size() > remembered_jobs) finished_.pop_front();
    finish(job.text, result);
    listener_.job_removed(unit, result);
}

void Units::finish(const std::string& job, const std::string& result)
{
    std::vector<Operation> waiting;  // apart from awaited_, which a Done may add to
    auto [first, last] = awaited_.equal_range(job);
    for (auto at = first; at != last; ++at)
        if (auto operation = at->second.lock()) waiting.push_back(std::move(operation));
    awaited_.erase(first, last);
    for (const Operation& operation : waiting) operation->finish(result_of_job(operation->unit, result));
}

// The call for a job was answered: with its path, or an error.
void Units::await_job(const Operation& operation, Result<sd_bus_message*> answer)
{
    if (!answer) return operation->finish(with_context(answer.error(), fmt::format("systemd refused unit '{}'", operation->unit)));
    auto job = read<ObjectPath>(*answer);
    if (!job) return operation->finish(job.error());
    awaited_.emplace(job->text, operation);
    for (auto& [path, result] : finished_)
        if (path == job->text) return finish(path, std::string(result));
}

Operation Units::start_scope(const ScopeRequest& request, Done done)
{
    auto operation = std::make_shared<OperationState>();
    operation->unit = request.name;
    operation->done = std::move(done);
    auto answered = [this, weak = std::weak_ptr(operation)](Result<sd_bus_message*> answer) {
        if (auto alive = weak.lock()) await_job(alive, std::move(answer));
    };
    auto message = bus_.new_call(manager("StartTransientUnit"));
    auto fill = [&](sd_bus_message* m) -> Result<> {
        TRY(append_all(m, request.name, "fail"));
        TRY(append_properties(m, request));
        return detail::append_container(m, 'a', "(sa(sv))", [] { return Result<>(); });
    };
    if (message)
        if (auto filled = fill(message->get()); !filled) message = filled.error();
    operation->call =
        message ? bus_.send(std::move(*message), patience, std::move(answered)) : bus_.fail(message.error(), std::move(answered));
    return operation;
}

Operation Units::run_job(UnitVerb verb, const std::string& unit, Done done)
{
    auto method = [&] {
        switch (verb) {
        case UnitVerb::Start: return "StartUnit";
        case UnitVerb::Stop: return "StopUnit";
        case UnitVerb::Restart: return "RestartUnit";
        }
        std::unreachable();
    }();
    auto operation = std::make_shared<OperationState>();
    operation->unit = unit;
    operation->done = std::move(done);
    operation->call = bus_.call(
        manager(method), patience,
        [this, weak = std::weak_ptr(operation)](Result<sd_bus_message*> answer) {
            if (auto alive = weak.lock()) await_job(alive, std::move(answer));
        },
        unit, "replace");
    return operation;
}

// A call whose answer says nothing but that it is done.
template <typename... T>
Operation Units::ask(const char* method, Done done, const T&... arguments)
{
    auto operation = std::make_shared<OperationState>();
    operation->done = std::move(done);
    operation->call = bus_.call(
        manager(method), patience,
        [weak = std::weak_ptr(operation)](const Result<sd_bus_message*>& answer) {
            if (auto alive = weak.lock()) alive->finish(answer ? Result<>() : Result<>(answer.error()));
        },
        arguments...);
    return operation;
}

Operation Units::set_runtime_properties(const std::string& unit, const UnitProperties& properties, Done done)
{
    return ask("SetUnitProperties", std::move(done), unit, true, PropertyList{properties});
}

// The description is a property of all units, the others are of the kind that it is.
Operation Units::read_properties(const std::string& unit, UnitProperties wanted, PropertiesRead done)
{
    auto found = std::make_shared<UnitProperties>();
    auto operation = std::make_shared<OperationState>();
    operation->unit = unit;
    operation->done = [found, done = std::move(done)](Result<> result) mutable {
        if (result) done(std::move(*found));
        else done(result.error());
    };
    const std::string path = path_of(unit);
    const char* kind = unit.ends_with(".scope") ? "org.freedesktop.systemd1.Scope" : "org.freedesktop.systemd1.Service";
    auto described = [this, weak = std::weak_ptr(operation), found, path, kind,
                      wanted = std::move(wanted)](Result<sd_bus_message*> answer) mutable {
        auto alive = weak.lock();
        if (!alive) return;
        if (!answer) return alive->finish(answer.error());
        found->push_back({"Description", {}});
        if (auto value = read(*answer, found->back().value); !value) return alive->finish(value);
        auto all = [weak, found, wanted = std::move(wanted)](Result<sd_bus_message*> rest) {
            if (auto still = weak.lock()) still->finish(rest ? read_wanted(*rest, wanted, *found) : Result<>(rest.error()));
        };
        alive->call = bus_.call({destination, path, properties_interface, "GetAll"}, patience, std::move(all), kind);
    };
    operation->call = bus_.call({destination, path, properties_interface, "Get"}, patience, std::move(described),
                                "org.freedesktop.systemd1.Unit", "Description");
    return operation;
}

Operation Units::read_fate(const std::string& unit, FateRead done)
{
    auto fate = std::make_shared<machine::UnitFate>();
    auto operation = std::make_shared<OperationState>();
    operation->unit = unit;
    operation->done = [fate, done = std::move(done)](Result<> result) mutable {
        if (result) done(std::move(*fate));
        else done(result.error());
    };
    auto answered = [weak = std::weak_ptr(operation), fate](Result<sd_bus_message*> answer) {
        if (auto alive = weak.lock()) alive->finish(answer ? read_fate_of(*answer, *fate) : Result<>(answer.error()));
    };
    // "": of all its interfaces.
    operation->call = bus_.call({destination, path_of(unit), properties_interface, "GetAll"}, patience, std::move(answered), "");
    return operation;
}

Operation Units::kill(const std::string& unit, int signal, Done done)
{
    return ask("KillUnit", std::move(done), unit, "all", static_cast<int32_t>(signal));
}

Operation Units::reset_failed(const std::string& unit, Done done)
{
    return ask("ResetFailedUnit", std::move(done), unit);
}

Operation Units::reload(Done done)
{
    return ask("Reload", std::move(done));
}

Operation Units::change_files(UnitFiles change, const std::string& unit, Done done)
{
    auto operation = std::make_shared<OperationState>();
    operation->unit = unit;
    operation->done = std::move(done);
    auto answered = [this, weak = std::weak_ptr(operation)](const Result<sd_bus_message*>& answer) {
        auto alive = weak.lock();
        if (!alive) return;
        if (!answer) return alive->finish(answer.error());
        alive->call = bus_.call(manager("Reload"), patience, [weak](const Result<sd_bus_message*>& reloaded) {
            if (auto still = weak.lock()) still->finish(reloaded ? Result<>() : Result<>(reloaded.error()));
        });
    };
    const Strings units{unit};
    // Enable: runtime no, force yes (a link that stands for another unit of ours is replaced).
    operation->call = change == UnitFiles::Enable ? bus_.call(manager("EnableUnitFiles"), patience, std::move(answered), units, false, true)
                                                  : bus_.call(manager("DisableUnitFiles"), patience, std::move(answered), units, false);
    return operation;
}

}  // namespace holm::systemd
