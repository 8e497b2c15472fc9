#include "cli/verb_table.h"

#include <array>
#include <utility>

#include "cli/verb_lists/verb_lists.h"

namespace holm::cli {

namespace {

using enum OptionKind;
using Options = std::vector<OptionInfo>;
using Verbs = std::vector<VerbInfo>;

const Options globals = {
    {.name = "--host", .letter = 'H', .kind = Value, .value = "[USER@]HOST", .help = "run holmctl on HOST through ssh (before the verb)"},
    {.name = "--json", .kind = Value, .value = "short|pretty|off", .help = "the same data as JSON"},
    {.name = "--no-pager", .help = "do not start a pager"},
    {.name = "--no-legend", .help = "no heading and no summary of tables"},
    {.name = "--full", .letter = 'l', .help = "do not cut tables to the width of the terminal"},
    {.name = "--no-ask-password", .help = "do not ask for a password (polkit)"},
    {.name = "--quiet", .letter = 'q', .help = "only results and errors"},
    {.name = "--help", .letter = 'h', .help = "this help"},
    {.name = "--version", .help = "the version"},
};

Verbs make_table()
{
    Verbs all;
    auto add = [&](std::string_view group, Verbs verbs) {
        for (VerbInfo& verb : verbs) {
            verb.group = group;
            all.push_back(std::move(verb));
        }
    };
    add("Machines", machine_verbs());
    add("Definitions", definition_verbs());
    add("Changes of a machine", change_verbs());
    add("Inside a machine", inside_verbs());
    add("Images", image_verbs());
    add("Networks", network_verbs());
    add("Volumes", volume_verbs());
    add("The manager", manager_verbs());
    return all;
}

const Verbs& table()
{
    static const Verbs verbs = make_table();
    return verbs;
}

using Pair = std::pair<std::string_view, std::string_view>;
constexpr auto verbs_of_others = std::to_array<Pair>({{"rm", "remove"},
                                                      {"delete", "remove"},
                                                      {"ls", "list"},
                                                      {"ps", "list"},
                                                      {"inspect", "show"},
                                                      {"pause", "freeze"},
                                                      {"unpause", "thaw"},
                                                      {"rmi", "remove-image"},
                                                      {"images", "list-images"},
                                                      {"networks", "list-networks"},
                                                      {"volumes", "list-volumes"},
                                                      {"info", "status"},
                                                      {"pull", "pull-oci"},
                                                      {"launch", "run"},
                                                      {"pull-tar", "import-tar"},
                                                      {"update", "set"},
                                                      {"cp", "copy-to"},
                                                      {"stats", "top"},
                                                      {"load", "import-oci"},
                                                      {"save", "export-oci"},
                                                      {"export", "export-tar"},
                                                      {"import", "import-tar"},
                                                      {"tag", "clone-image"},
                                                      {"restore", "rollback"},
                                                      {"port", "status"},
                                                      {"history", "image-status"},
                                                      {"volume", "list-volumes"},
                                                      {"network", "list-networks"},
                                                      {"image", "list-images"},
                                                      {"container", "list"},
                                                      {"system", "df"},
                                                      {"set-limit", "set"},
                                                      {"daemon-reload", "reload"}});
constexpr auto options_of_others = std::to_array<Pair>({{"-v", "--bind"},
                                                        {"--volume", "--bind"},
                                                        {"-i", "--tty"},
                                                        {"-it", "--tty"},
                                                        {"-ti", "--tty"},
                                                        {"--interactive", "--tty"},
                                                        {"-e", "--env"},
                                                        {"-m", "--property"},
                                                        {"--memory", "--property"},
                                                        {"--cpus", "--property"},
                                                        {"--net", "--network"},
                                                        {"-P", "--publish"},
                                                        {"--restart", "--property"},
                                                        {"--mount", "--bind"},
                                                        {"-t", "--timeout"},
                                                        {"--time", "--timeout"},
                                                        {"--tail", "--lines"}});

std::string_view find_meant(std::span<const Pair> pairs, std::string_view word)
{
    for (const auto& [others, ours] : pairs)
        if (others == word) return ours;
    return {};
}

}  // namespace

std::string describe_synopsis(const VerbInfo& verb)
{
    std::string text(verb.name);
    if (!verb.options.empty() && verb.synopsis.find("[OPTION…]") == verb.synopsis.npos) text += " [OPTION…]";
    if (!verb.synopsis.empty()) text.append(" ").append(verb.synopsis);
    return text;
}

std::span<const OptionInfo> global_options()
{
    return globals;
}

bool stands_behind_verb(const OptionInfo& option)
{
    return option.name != "--host" && option.name != "--version";
}

std::span<const VerbInfo> all_verbs()
{
    return table();
}

const VerbInfo* find_verb(std::string_view name)
{
    for (const VerbInfo& info : table())
        if (info.name == name || (!info.alias.empty() && info.alias == name)) return &info;
    return nullptr;
}

std::string_view verb_of_others(std::string_view word)
{
    return find_meant(verbs_of_others, word);
}

std::string_view option_of_others(std::string_view word)
{
    return find_meant(options_of_others, word);
}

std::vector<std::string_view> verb_words()
{
    std::vector<std::string_view> words;
    for (const VerbInfo& info : table()) {
        words.push_back(info.name);
        if (!info.alias.empty()) words.push_back(info.alias);
    }
    return words;
}

}  // namespace holm::cli
