#include "machine/cgroup_limit.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "base/text.h"
#include "machine/grammar.h"

namespace holm::machine {

namespace {

constexpr uint64_t unlimited = UINT64_MAX;
constexpr std::string_view rdma = "rdma.max", misc = "misc.max";
constexpr auto rdma_keys = std::to_array<std::string_view>({"hca_handle", "hca_object"});

// By the first word of a line, what it limits and how: "mlx5_0" → {"hca_handle": "2"}; of misc.max "" is what it limits.
using Lines = std::map<std::string, std::map<std::string, std::string>>;

std::vector<std::string_view> words_of(std::string_view line)
{
    std::vector<std::string_view> words;
    for (std::string_view word : split(line, ' '))
        if (!word.empty()) words.push_back(word);
    return words;
}

// "2MB" of "hugetlb.2MB.max" and of "hugetlb.2MB.rsvd.max".
std::optional<std::string_view> find_page_name(std::string_view name)
{
    constexpr std::string_view prefix = "hugetlb.", reserved = ".rsvd.max", plain = ".max";
    if (!name.starts_with(prefix)) return {};
    name.remove_prefix(prefix.size());
    if (name.ends_with(reserved)) name.remove_suffix(reserved.size());
    else if (name.ends_with(plain)) name.remove_suffix(plain.size());
    else return {};
    return name;
}

// Bytes of "2MB", as the kernel names the sizes of huge pages.
std::optional<uint64_t> find_page_size(std::string_view name)
{
    auto page = find_page_name(name);
    if (!page || page->size() < 3 || !page->ends_with('B')) return {};
    page->remove_suffix(1);
    if (!std::string_view("KMG").contains(page->back()) || !parse_number(page->substr(0, page->size() - 1))) return {};
    auto size = parse_size(*page);
    return size && *size ? std::optional(*size) : std::nullopt;
}

Error bad(std::string_view value, std::string_view rule)
{
    return error(Errc::Invalid, "'{}' must be {}", printable(value, 80), rule);
}

bool is_count(std::string_view text)
{
    return text == "max" || parse_number(text, INT32_MAX);
}

bool is_name(std::string_view word)
{
    auto good = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-'; };
    return !word.empty() && word.size() <= 64 && std::ranges::all_of(word, good);
}

Result<UnitProperty::Value> parse_pages(std::string_view text, uint64_t page)
{
    if (text == "max" || text == "infinity") return UnitProperty::Value(unlimited);
    const uint64_t size = TRY(parse_size(text));
    return UnitProperty::Value(size - size % page);
}

Result<UnitProperty::Value> parse_rdma(std::string_view text)
{
    constexpr std::string_view rule = "a device and hca_handle=, hca_object= or both, such as 'mlx5_0 hca_handle=2 hca_object=2000'";
    const auto words = words_of(text);
    if (words.size() < 2 || !is_name(words[0])) return bad(text, rule);
    for (size_t i = 1; i < words.size(); ++i) {
        const size_t equal = words[i].find('=');
        if (equal == std::string_view::npos || !is_count(words[i].substr(equal + 1))) return bad(text, rule);
        if (std::ranges::find(rdma_keys, words[i].substr(0, equal)) == rdma_keys.end()) return bad(text, rule);
    }
    return UnitProperty::Value(UnitProperty::Strings{std::string(text)});
}

Result<UnitProperty::Value> parse_misc(std::string_view text)
{
    const auto words = words_of(text);
    if (words.size() != 2 || !is_name(words[0]) || (words[1] != "max" && !parse_number(words[1], INT64_MAX)))
        return bad(text, "a resource and how much of it, such as 'sev 10'");
    return UnitProperty::Value(UnitProperty::Strings{std::string(text)});
}

void add_line(Lines& lines, std::string_view line)
{
    const auto words = words_of(line);
    for (size_t i = 1; i < words.size(); ++i) {
        const size_t equal = words[i].find('=');
        const bool keyed = equal != std::string_view::npos;
        lines[std::string(words[0])][std::string(keyed ? words[i].substr(0, equal) : "")] = words[i].substr(keyed ? equal + 1 : 0);
    }
}

std::string describe_line(const std::string& name, const std::map<std::string, std::string>& limits)
{
    std::string line = name;
    for (const auto& [key, value] : limits) line += key.empty() ? " " + value : fmt::format(" {}={}", key, value);
    return line;
}

}  // namespace

bool is_cgroup_limit(std::string_view name)
{
    return name.contains('.');
}

std::string_view controller_of(std::string_view name)
{
    return name.substr(0, name.find('.'));
}

Result<> check_cgroup_limit(std::string_view name)
{
    if (name == rdma || name == misc || find_page_size(name)) return {};
    return error(Errc::Invalid,
                 "'{}' is no limit that is set by a file of the cgroup: those are hugetlb.SIZE.max, hugetlb.SIZE.rsvd.max, rdma.max and "
                 "misc.max; all others have a name in systemd.resource-control(5)",
                 printable(name, 80));
}

Result<UnitProperty> parse_cgroup_limit(std::string_view name, std::string_view value)
{
    TRY(check_cgroup_limit(name));
    if (name == rdma) return UnitProperty{std::string(name), TRY(parse_rdma(value))};
    if (name == misc) return UnitProperty{std::string(name), TRY(parse_misc(value))};
    return UnitProperty{std::string(name), TRY(parse_pages(value, find_page_size(name).value_or(1)))};
}

UnitProperty no_cgroup_limit(std::string_view name)
{
    if (name == rdma || name == misc) return {std::string(name), UnitProperty::Strings{}};
    return {std::string(name), unlimited};
}

std::vector<std::string> cgroup_writes(std::string_view content, const UnitProperty& wanted)
{
    if (const auto* bytes = std::get_if<uint64_t>(&wanted.value)) return {*bytes == unlimited ? "max" : fmt::format("{}", *bytes)};
    Lines lines;
    for (std::string_view line : split(content, '\n')) add_line(lines, line);
    for (auto& [name, limits] : lines)
        for (auto& [key, limit] : limits) limit = "max";
    for (const std::string& line : std::get<UnitProperty::Strings>(wanted.value)) add_line(lines, line);
    std::vector<std::string> writes;
    for (const auto& [name, limits] : lines) writes.push_back(describe_line(name, limits));
    return writes;
}

}  // namespace holm::machine
