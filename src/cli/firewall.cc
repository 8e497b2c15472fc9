#include "cli/firewall.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/text.h"

namespace holm::cli {

namespace {

using Json = nlohmann::json;

constexpr std::string_view own_table = "holm";

std::string text_in(const Json& object, const char* key)
{
    return object.contains(key) && object[key].is_string() ? object[key].get<std::string>() : std::string();
}

// The objects of one kind that are in a listing, "chain" or "rule".
std::vector<Json> objects_of(const Json& document, const char* kind)
{
    std::vector<Json> objects;
    if (!document.is_object() || !document.contains("nftables") || !document["nftables"].is_array()) return objects;
    for (const Json& item : document["nftables"])
        if (item.is_object() && item.contains(kind) && item[kind].is_object()) objects.push_back(item[kind]);
    return objects;
}

std::string chain_of(const Json& object, const char* name)
{
    return fmt::format("{} {} {}", text_in(object, "family"), text_in(object, "table"), text_in(object, name));
}

// The values on the right of a match: one, or those of a set in the rule.
std::vector<Json> values_of(const Json& right)
{
    if (right.is_object() && right.contains("set") && right["set"].is_array()) return right["set"].get<std::vector<Json>>();
    return {right};
}

bool is_interface(const Json& value, const OwnTraffic& own)
{
    if (!value.is_string()) return false;
    std::string name = value.get<std::string>();
    const bool is_prefix = name.ends_with('*');
    if (is_prefix) name.pop_back();
    return std::ranges::any_of(own.interfaces,
                               [&](const std::string& interface) { return is_prefix ? interface.starts_with(name) : interface == name; });
}

bool is_block(const Json& value, const OwnTraffic& own)
{
    std::string text;
    if (value.is_string()) text = fmt::format("{}/{}", value.get<std::string>(), value.get<std::string>().contains(':') ? 128 : 32);
    if (value.is_object() && value.contains("prefix") && value["prefix"].is_object() && value["prefix"].contains("len") &&
        value["prefix"]["len"].is_number_unsigned())
        text = fmt::format("{}/{}", text_in(value["prefix"], "addr"), value["prefix"]["len"].get<unsigned>());
    const auto block = network::parse_cidr(text);
    return block && std::ranges::any_of(own.blocks, [&](const network::Cidr& one) { return overlap(one, *block); });
}

enum class Match { Names, Excludes, Narrows };  // us, or less than all there is

Match judge_match(const Json& match, const OwnTraffic& own)
{
    if (!match.is_object() || !match.contains("left") || !match.contains("right") || !match["left"].is_object()) return Match::Narrows;
    const Json& left = match["left"];
    const std::string op = text_in(match, "op");
    if (op != "==" && op != "!=" && op != "in") return Match::Narrows;
    bool ours = false;
    const auto values = values_of(match["right"]);
    if (left.contains("meta") && left["meta"].is_object()) {
        const std::string key = text_in(left["meta"], "key");
        if (key != "iifname" && key != "oifname" && key != "iif" && key != "oif") return Match::Narrows;
        ours = std::ranges::any_of(values, [&](const Json& value) { return is_interface(value, own); });
    } else if (left.contains("payload") && left["payload"].is_object()) {
        const std::string field = text_in(left["payload"], "field");
        if (field != "saddr" && field != "daddr") return Match::Narrows;
        ours = std::ranges::any_of(values, [&](const Json& value) { return is_block(value, own); });
    } else return Match::Narrows;
    if (op == "!=") return ours ? Match::Excludes : Match::Narrows;
    return ours ? Match::Names : Match::Excludes;
}

// "drop", "reject", or "" where the rule does not, or not to us.
std::string verdict_of(const Json& rule, const OwnTraffic& own, bool at_forward)
{
    if (!rule.contains("expr") || !rule["expr"].is_array()) return {};
    bool names = false, narrows = false;
    std::string verdict;
    for (const Json& part : rule["expr"]) {
        if (!part.is_object()) return {};
        for (const char* word : {"drop", "reject"})
            if (part.contains(word)) verdict = word;
        if (part.contains("match")) {
            const Match judged = judge_match(part["match"], own);
            if (judged == Match::Excludes) return {};
            (judged == Match::Names ? names : narrows) = true;
        } else if (!part.contains("counter") && !part.contains("log") && verdict.empty()) narrows = true;
    }
    return names || (at_forward && !narrows) ? verdict : "";
}

}  // namespace

std::vector<std::string> find_dropping(std::string_view ruleset, const OwnTraffic& own)
{
    const Json document = Json::parse(ruleset, nullptr, false);
    std::vector<std::string> found;
    std::set<std::string> at_forward;
    for (const Json& chain : objects_of(document, "chain")) {
        if (text_in(chain, "hook") != "forward" || text_in(chain, "table") == own_table) continue;
        at_forward.insert(chain_of(chain, "name"));
        if (text_in(chain, "policy") == "drop") found.push_back(chain_of(chain, "name") + " (policy drop)");
    }
    for (const Json& rule : objects_of(document, "rule")) {
        if (text_in(rule, "table") == own_table) continue;
        const std::string chain = chain_of(rule, "chain"), verdict = verdict_of(rule, own, at_forward.contains(chain));
        const std::string text = fmt::format("{} ({})", chain, verdict);
        if (!verdict.empty() && std::ranges::find(found, text) == found.end()) found.push_back(text);
    }
    return found;
}

std::vector<DropCounter> find_drop_counters(std::string_view ruleset)
{
    std::map<std::string, uint64_t> sums;
    for (const Json& counter : objects_of(Json::parse(ruleset, nullptr, false), "counter"))
        if (text_in(counter, "table") == own_table && counter.contains("packets") && counter["packets"].is_number_unsigned())
            sums[text_in(counter, "name")] += counter["packets"].get<uint64_t>();
    std::vector<DropCounter> counters;
    for (const auto& [name, packets] : sums) counters.push_back({name, packets});
    return counters;
}

}  // namespace holm::cli
