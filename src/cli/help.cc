#include "cli/help.h"

#include <fmt/format.h>

namespace holm::cli {

namespace {

std::string describe_options(std::span<const OptionInfo> options)
{
    std::string text;
    for (const OptionInfo& option : options) {
        std::string names = option.letter ? fmt::format("-{}, ", option.letter) : "    ";
        names += option.name;
        if (option.kind == OptionKind::Maybe) names += fmt::format("[={}]", option.value);
        else if (!option.value.empty()) names += fmt::format("={}", option.value);
        text += names.size() < 30 ? fmt::format("  {:<30} {}\n", names, option.help)
                                  : fmt::format("  {}\n  {:<30} {}\n", names, "", option.help);
    }
    return text;
}

}  // namespace

std::string describe_usage()
{
    std::string text = "holmctl [OPTION…] VERB …\n\nControl machines (containers) and the manager holmd.\n";
    std::string_view group;
    for (const VerbInfo& verb : all_verbs()) {
        if (verb.group != group) text += fmt::format("\n{}:\n", group = verb.group);
        text += fmt::format("  {:<43}  {}\n", describe_synopsis(verb), verb.help);
    }
    text += "\nOptions:\n" + describe_options(global_options());
    return text + "\n'holmctl VERB --help' has the options of a verb; holmctl(1) has all the rest.\n";
}

std::string describe_verb(const VerbInfo& verb)
{
    std::string text = fmt::format("holmctl {}\n\n{}\n", describe_synopsis(verb), verb.help);
    if (!verb.options.empty()) text += "\nOptions:\n" + describe_options(verb.options);
    std::vector<OptionInfo> shared(global_options().begin(), global_options().end());
    std::erase_if(shared, [](const OptionInfo& option) { return !stands_behind_verb(option); });
    return text + "\nOptions of every verb:\n" + describe_options(shared);
}

}  // namespace holm::cli
