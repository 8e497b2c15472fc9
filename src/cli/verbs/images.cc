// list-images, image-status, remove-image: what holmd says of images, and calls that are answered when they are done.
#include <algorithm>
#include <tuple>

#include "base/text.h"
#include "cli/exit_status.h"
#include "cli/output.h"
#include "cli/properties.h"
#include "cli/sizes.h"
#include "cli/table.h"
#include "cli/verbs/verbs.h"
#include "machine/grammar.h"

namespace holm::cli::verbs {

namespace {

// (name, type, read-only, created, modified, usage, object) of ListImages.
using Row = std::tuple<std::string, std::string, bool, uint64_t, uint64_t, uint64_t, systemd::ObjectPath>;

std::string describe_image(const Properties& image)
{
    std::string text = text_of(image, "Name") + "\n";
    auto line = [&](const char* title, const std::string& value) {
        if (!value.empty()) text += fmt::format("{:>12}: {}\n", title, value);
    };
    auto list = [&](const char* name) {
        auto value = image.find(name);
        return value == image.end() ? std::string() : describe_value(*value);
    };
    line("Type", text_of(image, "Type"));
    line("Path", text_of(image, "Path"));
    auto os = image.find("OSRelease");
    if (os != image.end()) line("OS", text_of(*os, "PRETTY_NAME"));
    line("RO", flag_of(image, "ReadOnly") ? "read-only" : "writable");
    line("Created", describe_time(number_of(image, "CreationTimestamp")));
    line("Usage", describe_size(number_of(image, "Usage")));
    line("Digest", text_of(image, "Digest"));
    line("Layers", list("Layers"));
    line("Origin", text_of(image, "Origin"));
    line("Architecture", text_of(image, "Architecture"));
    line("Entrypoint", list("Entrypoint"));
    line("Command", list("Command"));
    line("User", text_of(image, "User"));
    line("Directory", text_of(image, "WorkingDirectory"));
    line("Environment", list("Environment"));
    line("Stop signal", text_of(image, "StopSignal"));
    line("Ports", list("ExposedPorts"));
    line("Volumes", list("Volumes"));
    auto time = [&](const char* name) {
        return machine::describe_duration(machine::Microseconds(static_cast<int64_t>(number_of(image, name))));
    };
    if (image.contains("HealthCommand"))
        line("Health", fmt::format("{} (every {}, at most {} each, retries {})", list("HealthCommand"), time("HealthInterval"),
                                   time("HealthTimeout"), number_of(image, "HealthRetries")));
    return text;
}

std::string cannot_image(std::string_view what, std::string_view image)
{
    return fmt::format("cannot {} image '{}'", what, printable(image));
}

}  // namespace

Result<int> list_images(const Invocation& call)
{
    Client client = TRY(connect(call));
    const MessageHandle answer = TRY(client.call("ListImages"), "cannot list images");
    auto images = TRY(systemd::read<std::vector<Row>>(answer.get()), "cannot list images");
    std::ranges::sort(images, {}, [](const Row& row) { return std::get<0>(row); });
    const bool in_text = call.json == JsonStyle::Off;
    Table table{
        .columns = {
            {"NAME", "name"}, {"TYPE", "type"}, {"RO", "read_only"}, {"USAGE", "usage"}, {"CREATED", "created"}, {"MODIFIED", "modified"}}};
    for (auto& [name, type, read_only, created, modified, usage, object] : images) {
        if (in_text) table.rows.push_back({name, type, read_only, describe_size(usage), describe_time(created), describe_time(modified)});
        else table.rows.push_back({name, type, read_only, usage == UINT64_MAX ? uint64_t{0} : usage, created, modified});
    }
    TRY(print_table(table, call, "image"));
    return exit_done;
}

Result<int> image_status(const Invocation& call)
{
    Client client = TRY(connect(call));
    return for_each_machine(call, [&](const std::string& name) -> Result<> {
        const MessageHandle answer = TRY(client.call("DescribeImage", name), cannot_image("look at", name));
        const Properties image = TRY(read_properties(answer.get()), cannot_image("look at", name));
        return print(call.json == JsonStyle::Off ? describe_image(image) : describe_json(image, call.json));
    });
}

Result<int> remove_image(const Invocation& call)
{
    Client client = TRY(connect(call));
    return for_each_machine(call, [&](const std::string& name) -> Result<> {
        TRY(client.call("RemoveImage", name), cannot_image("remove", name));
        return {};
    });
}

}  // namespace holm::cli::verbs
