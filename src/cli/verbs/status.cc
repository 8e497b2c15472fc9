// status: a machine for a person: what it is, how it does, its last lines. show: its properties for a program.
#include <arpa/inet.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <filesystem>

#include "base/fd.h"
#include "base/text.h"
#include "cli/exit_status.h"
#include "cli/jobs.h"
#include "cli/journal.h"
#include "cli/output.h"
#include "cli/properties.h"
#include "cli/restarts.h"
#include "cli/usage.h"
#include "cli/verbs/verbs.h"
#include "machine/grammar.h"

namespace holm::cli::verbs {

namespace {

constexpr uint64_t default_lines = 10;  // of the journal, as systemctl status

std::string describe_age(uint64_t since)
{
    auto now = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
    int64_t age = std::max<int64_t>(0, now - static_cast<int64_t>(since / 1'000'000));
    struct Unit {
        int64_t seconds;
        const char* name;
    };
    std::string text;
    int parts = 0;
    for (auto [seconds, name] : {Unit{86400, "d"}, Unit{3600, "h"}, Unit{60, "min"}, Unit{1, "s"}}) {
        if (age < seconds || parts == 2) continue;
        text += fmt::format("{}{}{}", parts++ ? " " : "", age / seconds, name);
        age %= seconds;
    }
    return text.empty() ? "0s" : text;
}

std::string describe_since(uint64_t since)
{
    if (since == 0) return {};
    const time_t seconds = static_cast<time_t>(since / 1'000'000);
    tm local{};
    ::localtime_r(&seconds, &local);
    char text[64];
    std::string time(text, ::strftime(text, sizeof text, "%a %Y-%m-%d %H:%M:%S %Z", &local));
    return fmt::format(" since {}; {} ago", time, describe_age(since));
}

std::string describe_machine_state(const Properties& machine, bool colour)
{
    std::string state = text_of(machine, "State");
    std::string text = colour ? fmt::format("{}{}{}", colour_of_state(state), state, colour_end) : state;
    if (const std::string rest = rest_of(machine); !rest.empty()) return fmt::format("{} {}", text, rest);
    if (state == "starting" && flag_of(machine, "Started")) text += " (started)";
    if (flag_of(machine, "Frozen")) text += " (frozen)";
    const uint64_t since = number_of(machine, state == "running" ? "ReadyTimestamp" : "StartedTimestamp");
    if (state == "running" || state == "starting") text += describe_since(since);
    return text;
}

std::string describe_leader(const Properties& machine)
{
    uint64_t leader = number_of(machine, "Leader");
    if (leader == 0) return {};
    auto command = read_file(fmt::format("/proc/{}/comm", leader));
    return command ? fmt::format("{} ({})", leader, printable(trim(*command))) : fmt::format("{}", leader);
}

std::string describe_last_run(const Properties& machine)
{
    std::string result = text_of(machine, "LastResult");
    auto status = static_cast<int64_t>(number_of(machine, "LastStatus"));
    if (result == "exited") return fmt::format("exited with status {}", status);
    if (result == "signalled") return "ended by " + machine::describe_signal(static_cast<int>(status));
    return result;
}

std::string operating_system(Client& client, const std::string& name)
{
    auto fields = client.ask<systemd::Labels>("GetMachineOSRelease", name);  // unreadable or absent: no line
    if (!fields) return {};
    auto pretty = fields->find("PRETTY_NAME");
    return pretty == fields->end() ? std::string() : pretty->second;
}

// What only those are told who may inspect it: its layers, the image below them, and the limits that its unit has by now.
void add_inspected(Client& client, Properties& machine)
{
    auto answer = client.call("DescribeMachine", text_of(machine, "Name"));
    auto described = answer ? read_properties(answer->get()) : Result<Properties>(answer.error());
    if (!described) return;
    for (const char* property : {"Limits", "Layers", "Upper", "Image"})
        if (auto found = described->find(property); found != described->end()) machine[property] = *found;
}

// With what of it is an overlay.
std::string describe_root(const Properties& machine)
{
    std::string root = printable(text_of(machine, "RootDirectory"), 4096);
    if (root.empty() || !flag_of(machine, "Started")) return root;
    auto layers = machine.find("Layers");
    const size_t count = layers == machine.end() ? 1 : layers->size();
    if (text_of(machine, "Upper").empty() && count < 2) return root;
    return root + fmt::format(" (overlay of {} layer{})", count, count == 1 ? "" : "s");
}

Properties describe_direction(const LinkCounters::Direction& direction)
{
    return {{"Bytes", direction.bytes}, {"Packets", direction.packets}, {"Dropped", direction.drops}};
}

// Its addresses, and what its interfaces have counted. Of one that has the host's network, neither.
void add_network(Client& client, Properties& machine)
{
    const uint64_t leader = number_of(machine, "Leader");
    if (leader == 0) return;
    std::error_code ignored;
    const auto own = std::filesystem::read_symlink(fmt::format("/proc/{}/ns/net", leader), ignored);
    if (!own.empty() && own == std::filesystem::read_symlink("/proc/self/ns/net", ignored)) return;
    machine["Addresses"] = Properties::array();
    using Addresses = std::vector<std::pair<int32_t, std::vector<uint8_t>>>;
    if (auto addresses = client.ask<Addresses>("GetMachineAddresses", text_of(machine, "Name")))
        for (const auto& [family, bytes] : *addresses) {
            char text[INET6_ADDRSTRLEN];
            const size_t size = family == AF_INET ? 4 : 16;
            if (bytes.size() == size && ::inet_ntop(family, bytes.data(), text, sizeof text)) machine["Addresses"].push_back(text);
        }
    machine["Interfaces"] = Properties::array();
    for (const LinkCounters& link : read_links(read_regular_file(fmt::format("/proc/{}/net/dev", leader)).value_or("")))
        machine["Interfaces"].push_back(
            {{"Name", link.name}, {"Received", describe_direction(link.received)}, {"Sent", describe_direction(link.sent)}});
}

// "eth0: in 1.2M (310 packets, 0 dropped), out 40K (…)"
std::string describe_interface(const Properties& interface)
{
    auto describe = [&](const char* direction) {
        const Properties& counted = interface[direction];
        return fmt::format("{} ({} packets, {} dropped)", describe_bytes(number_of(counted, "Bytes")), number_of(counted, "Packets"),
                           number_of(counted, "Dropped"));
    };
    return fmt::format("{}: in {}, out {}", printable(text_of(interface, "Name")), describe("Received"), describe("Sent"));
}

// `bare`: the messages alone.
std::string last_lines(const std::string& name, uint64_t lines, bool bare)
{
    auto machine = machine::parse_name(name);
    if (lines == 0 || !machine) return {};
    auto journal = Journal::open(*machine);
    if (!journal || !journal->seek(lines, {})) return {};
    std::string text;
    for (;;) {
        auto entry = journal->next();
        if ((!entry || !*entry) && text.empty() && !may_read_journal()) return fmt::format("\n({})\n", journal_refused);
        if (!entry || !*entry) return text.empty() ? text : "\n" + text;
        text += bare ? printable((*entry)->message, 4096) + "\n" : describe_entry(**entry, JsonStyle::Off);
    }
}

std::string describe_machine(Client& client, const Properties& machine, uint64_t lines, bool bare)
{
    const bool colour = colour_wanted(STDOUT_FILENO);
    std::string name = text_of(machine, "Name"), description = text_of(machine, "Description");
    std::string text = printable(name) + (description.empty() ? "" : " - " + printable(description)) + "\n";
    auto line = [&](std::string_view title, const std::string& value) {
        if (!value.empty()) text += fmt::format("{:>12}: {}\n", title, value);
    };
    // Words, on as many lines as the terminal makes of them.
    auto list = [&](std::string_view title, std::string_view property) {
        auto found = machine.find(property);
        const std::string words = found == machine.end() ? "" : describe_value(*found);
        const size_t columns = window_size().columns, indent = 14;
        if (words.empty()) return;
        for (const std::string& part : wrap(words, columns > 2 * indent ? columns - indent : words.size()))
            text += fmt::format("{:>12}{} {}\n", title, title.empty() ? ' ' : ':', part), title = "";
    };
    line("State", describe_machine_state(machine, colour));
    const std::string state = text_of(machine, "State");
    line(state == "stopped" || state == "failed" ? "Why" : "Last failure", printable(text_of(machine, "LastFailure"), 4096));
    const std::string held = text_of(machine, "Held"), why = text_of(machine, "HeldWhy");
    line("Held", held.empty() ? "" : fmt::format("at step '{}'{}{}", printable(held), why.empty() ? "" : ": ", printable(why, 4096)));
    line("Health", text_of(machine, "Health"));
    line("Last run", describe_last_run(machine));
    line("Unit", printable(text_of(machine, "Unit")));
    line("Leader", describe_leader(machine));
    line("Service", printable(text_of(machine, "Service") + "; class " + text_of(machine, "Class")));
    line("Root", describe_root(machine));
    const std::string image = text_of(machine, "Image");
    line("Image", image == text_of(machine, "RootDirectory") ? "" : printable(image, 4096));
    if (flag_of(machine, "Started")) line("OS", printable(operating_system(client, name)));
    if (uint64_t boots = number_of(machine, "Boots"); boots > 1) line("Boots", fmt::format("{}", boots));
    line("Restarts", describe_restarts(number_of(machine, "Restarts"), text_of(machine, "RestartedAfter")));
    if (auto addresses = machine.find("Addresses"); addresses != machine.end()) line("Address", describe_value(*addresses));
    if (auto interfaces = machine.find("Interfaces"); interfaces != machine.end())
        for (const Properties& interface : *interfaces) line("Interface", describe_interface(interface));
    line("CGroup", printable(text_of(machine, "ControlGroup"), 4096));
    list("Limits", "Limits");
    list("Published", "Published");
    line("Definition", printable(text_of(machine, "Definition"), 4096));
    line("Owner", printable(text_of(machine, "Owner")));
    if (auto labels = machine.find("Labels"); labels != machine.end()) line("Labels", describe_value(*labels));
    return text + last_lines(name, lines, bare);
}

std::vector<std::string> wanted_properties(const Invocation& call)
{
    std::vector<std::string> wanted;
    for (const std::string& text : call.values("--property"))
        for (const std::string_view name : split(text, ',')) wanted.emplace_back(name);
    return wanted;
}

// Only those that are wanted, in the order in which they were asked for.
Result<Properties> select(const Properties& all, const std::vector<std::string>& wanted)
{
    if (wanted.empty()) return all;
    std::vector<std::string> names;
    for (auto& [name, value] : all.items()) names.push_back(name);
    Properties some = Properties::object();
    for (const std::string& name : wanted) {
        auto found = all.find(name);
        if (found == all.end())
            return error(Errc::NotFound, "there is no property '{}'{}; 'systemctl show' has those of the unit", printable(name),
                         did_you_mean(name, names));
        some[name] = *found;
    }
    return some;
}

std::string describe_properties(const Properties& properties, bool only_values)
{
    std::string text;
    for (auto& [name, value] : properties.items()) text += (only_values ? "" : name + "=") + describe_value(value) + "\n";
    return text;
}

// What was asked of one machine is an object, of several a list of them.
Result<> print_json(const Properties& all, const Invocation& call)
{
    if (all.empty()) return {};
    return print(describe_json(call.operands.size() > 1 ? all : all.front(), call.json));
}

}  // namespace

Result<int> status(const Invocation& call)
{
    auto lines = parse_number(call.value("--lines", std::to_string(default_lines)), 1'000'000);
    if (!lines) return usage_error(error(Errc::Invalid, "--lines={} is no number of lines", printable(call.value("--lines"))));
    const std::string output = call.value("--output", "short");
    if (output != "short" && output != "cat")
        return usage_error(
            error(Errc::Invalid, "--output= is short or cat, not '{}': 'holmctl logs --json=short' has the rest", printable(output)));
    Client client = TRY(connect(call));
    Properties all = Properties::array();
    std::string text;
    auto add = [&](const std::string& name) -> Result<> {
        Properties machine = TRY(observe_machine(client, name), cannot("show the status of", name));
        add_inspected(client, machine);
        add_network(client, machine);
        if (call.json != JsonStyle::Off) all.push_back(machine);
        else text += (text.empty() ? "" : "\n") + describe_machine(client, machine, *lines, output == "cat");
        return {};
    };
    int status = TRY(for_each_machine(call, add));
    if (call.json != JsonStyle::Off) TRY(print_json(all, call));
    else TRY(print_paged(text, call));
    return status;
}

Result<int> show(const Invocation& call)
{
    std::vector<std::string> wanted = wanted_properties(call);
    Client client = TRY(connect(call));
    Properties all = Properties::array();
    std::string text;
    auto take = [&](const Properties& properties) -> Result<> {
        Properties some = TRY(select(properties, wanted));
        text += (text.empty() ? "" : "\n") + describe_properties(some, call.has("--value"));
        all.push_back(std::move(some));
        return {};
    };
    auto add = [&](const std::string& name) -> Result<> {
        const Properties machine = TRY(observe_machine(client, name), cannot("show", name));
        TRY(take(machine), cannot("show", name));
        return {};
    };
    if (call.operands.empty()) {
        const MessageHandle answer = TRY(client.manager_properties(), "cannot show the manager");
        const Properties manager = TRY(read_properties(answer.get()));
        TRY(take(manager), "cannot show the manager");
    }
    int status = TRY(for_each_machine(call, add));
    if (call.json != JsonStyle::Off) TRY(print_json(all, call));
    else TRY(print_paged(text, call));
    return status;
}

}  // namespace holm::cli::verbs
