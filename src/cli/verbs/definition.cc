// create, cat, plan, remove: definitions as holmd has them.
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <span>

#include "base/fd.h"
#include "base/text.h"
#include "cli/definition.h"
#include "cli/exit_status.h"
#include "cli/output.h"
#include "cli/verbs/verbs.h"
#include "kernel/definition_files.h"
#include "machine/settings.h"
#include "machine/spec_file.h"
#include "network/observe.h"
#include "network/segment.h"

namespace holm::cli::verbs {

namespace {

std::string with_line_end(std::string text)
{
    if (!text.empty() && !text.ends_with('\n')) text += '\n';
    return text;
}

Result<kernel::Places> places()
{
    kernel::Places found;
    found.default_profile = TRY(kernel::read_settings()).defaults.profile;
    return found;
}

// The files of a definition; of a machine without one its record, and of one whose files the caller may not read that file alone:
// these come from holmd. `whole`: with all files or not at all.
Result<std::vector<machine::Source>> sources_of(const Invocation& call, const machine::MachineName& name, bool whole)
{
    auto sources = kernel::read_sources(name, TRY(places()));
    const bool denied = !sources && sources.error().code == Errc::Denied;
    if (denied && whole)
        return error(Errc::Denied, "{}; this is put together from the files themselves, which you must be able to read",
                     sources.error().text);
    if (sources || (!denied && sources.error().code != Errc::NotFound)) return sources;
    auto client = connect(call);
    if (!client) return sources.error();
    auto answer = client->call("ReadDefinition", name.text());
    if (!answer) return answer.error().code == Errc::Unavailable ? sources.error() : answer.error();
    machine::Source record;
    TRY(systemd::read_all_of(answer->get(), record.text, record.file));
    return std::vector<machine::Source>{record};
}

Result<std::string> describe_definition(const Invocation& call, const std::string& text)
{
    const machine::MachineName name = TRY(machine::parse_name(text));
    const bool merged = call.has("--effective") || call.has("--origin");
    std::vector<machine::Source> sources = TRY(sources_of(call, name, merged));
    if (merged) {
        machine::Spec spec = TRY(machine::parse_spec(name, sources));
        for (machine::CredentialSpec& credential : spec.credentials)
            if (!credential.value.empty()) credential.value = "(not shown)";
        std::string text_of_all =
            machine::describe_spec_file(spec, call.has("--origin") ? machine::Origins::Comment : machine::Origins::Leave);
        text_of_all.erase(0, text_of_all.find_first_not_of('\n'));
        return with_line_end(std::move(text_of_all));
    }
    std::string shown;
    for (const machine::Source& source : sources)
        shown += fmt::format("{}# {}\n{}", shown.empty() ? "" : "\n", printable(source.file, 4096), with_line_end(source.text));
    return shown;
}

}  // namespace

Result<int> create(const Invocation& call)
{
    const std::string folder = TRY(working_folder());
    const std::string what = cannot("create", call.operands[0]);
    const OptionsText definition = TRY(definition_of_options(call, folder), what);
    const machine::MachineName name = TRY(machine::parse_name(call.operands[0]), what);
    if (names_root(call)) TRY(parse_with_options(name, {}, definition), what);  // else a profile may say it: holmd judges
    Client client = TRY(connect(call));
    TRY(client.call("CreateMachine", name.text(), definition.text), what);
    return exit_done;
}

Result<int> cat(const Invocation& call)
{
    std::string text;
    auto add = [&](const std::string& name) -> Result<> {
        text += (text.empty() ? "" : "\n") + TRY(describe_definition(call, name), cannot("show the definition of", name));
        return {};
    };
    int status = TRY(for_each_machine(call, add));
    TRY(print_paged(text, call));
    return status;
}

Result<int> remove(const Invocation& call)
{
    Client client = TRY(connect(call));
    return for_each_machine(call, [&](const std::string& name) -> Result<> {
        auto removed = client.call("RemoveMachine", name);
        if (!removed && is_only_image(client, name, removed.error())) removed = client.call_patiently("RemoveImage", name);
        TRY(std::move(removed), cannot("remove", name));
        return {};
    });
}

}  // namespace holm::cli::verbs
