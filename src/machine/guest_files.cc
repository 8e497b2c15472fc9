#include "machine/guest_files.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/text.h"

namespace holm::machine {

namespace {

constexpr std::pair<std::string_view, ResolvConfMode> alone[] = {
    {"auto", ResolvConfMode::Auto}, {"off", ResolvConfMode::Off}, {"delete", ResolvConfMode::Delete}};
constexpr std::pair<std::string_view, ResolvConfMode> taking[] = {
    {"copy", ResolvConfMode::Copy}, {"replace", ResolvConfMode::Replace}, {"bind", ResolvConfMode::Bind}};
constexpr std::pair<std::string_view, Resolver> resolvers[] = {
    {"host", Resolver::Host}, {"static", Resolver::Static}, {"uplink", Resolver::Uplink}, {"stub", Resolver::Stub}};

constexpr std::string_view timezone_words[] = {"auto", "bind", "copy", "delete", "off", "symlink"};

}  // namespace

Result<std::string> parse_timezone(std::string_view text)
{
    auto good = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || std::string_view("/_+-").contains(c);
    };
    if (text.empty() || text.size() > 128 || text[0] == '/' || !std::ranges::all_of(text, good))
        return error(Errc::Invalid, "'{}' is none of auto, copy, symlink, bind, delete, off and a time zone such as 'Europe/Berlin'",
                     printable(text, 80));
    return std::string(text);
}

bool names_zone(std::string_view timezone)
{
    return std::ranges::find(timezone_words, timezone) == std::end(timezone_words);
}

Result<ResolvConf> parse_resolv_conf(std::string_view text)
{
    std::vector<std::string_view> words;
    for (const auto& [word, mode] : alone) {
        if (text == word) return ResolvConf{.mode = mode};
        words.push_back(word);
    }
    for (const auto& [word, mode] : taking) {
        if (!text.starts_with(word)) continue;
        const std::string_view rest = text.substr(word.size());
        for (const auto& [file, of] : resolvers)
            if (rest.starts_with('-') && rest.substr(1) == file) return ResolvConf{.mode = mode, .of = of};
    }
    if (text == "copy") return ResolvConf{.mode = ResolvConfMode::Copy};
    return error(Errc::Invalid, "'{}' is none of auto, off, delete, and copy, replace or bind with -host, -static, -uplink or -stub{}",
                 printable(text, 80), did_you_mean(text, words));
}

std::string describe_resolv_conf(const ResolvConf& resolv_conf)
{
    for (const auto& [word, mode] : alone)
        if (mode == resolv_conf.mode) return std::string(word);
    std::string text;
    for (const auto& [word, mode] : taking)
        if (mode == resolv_conf.mode) text = word;
    for (const auto& [file, of] : resolvers)
        if (of == resolv_conf.of) text += fmt::format("-{}", file);
    return text;
}

}  // namespace holm::machine
