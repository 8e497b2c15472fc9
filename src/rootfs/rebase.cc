#include "rootfs/rebase.h"

#include <sys/stat.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/text.h"

namespace holm::rootfs {

namespace {

using ByPath = std::map<std::string_view, const Change*>;

std::string_view what_was_done(const Change& change)
{
    switch (change.kind) {
    case Difference::Added: return "added";
    case Difference::Changed: return "changed";
    case Difference::Deleted: return "deleted";
    case Difference::Opaque: return "replaced";
    }
    std::unreachable();
}

// A file that was written again as it was.
bool is_time_alone(const Change& change)
{
    return change.kind == Difference::Changed && change.parts == std::vector<std::string_view>{"time"};
}

// Whether nothing of the layers below `path` is seen any more.
bool hides_below(const Change& change)
{
    if (change.kind == Difference::Opaque || change.kind == Difference::Deleted) return true;
    return change.kind != Difference::Added && S_ISDIR(change.before.mode) && !S_ISDIR(change.now.mode);
}

// The nearest folder above that hides it, "" for none.
std::string_view hidden_by(const ByPath& hiding, std::string_view path)
{
    for (size_t slash = path.rfind('/'); slash != path.npos && slash != 0; slash = path.rfind('/', slash - 1))
        if (auto above = hiding.find(path.substr(0, slash)); above != hiding.end()) return above->first;
    return {};
}

// What is below a folder that is gone on the other side is gone with it.
const Change* find_drift(const ByPath& drift, std::string_view path)
{
    if (auto same = drift.find(path); same != drift.end()) return same->second;
    for (size_t slash = path.rfind('/'); slash != path.npos && slash != 0; slash = path.rfind('/', slash - 1)) {
        auto above = drift.find(path.substr(0, slash));
        if (above != drift.end() && above->second->kind == Difference::Deleted) return above->second;
    }
    return nullptr;
}

Judgement judge(const Change& own, const Change* drift, bool apart)
{
    Judgement judgement{.path = own.path, .verdict = Verdict::Clean, .why = {}};
    if (own.kind == Difference::Opaque) {
        judgement.verdict = Verdict::Opaque;
        judgement.why = "hides all that the layers have in it";
        return judgement;
    }
    if (!drift) return judgement;
    const bool gone = drift->kind == Difference::Deleted;
    if (own.kind == Difference::Added && gone) return judgement;  // its folder is gone, and the machine's own stands for it
    if (own.kind == Difference::Deleted && gone) {
        judgement.verdict = Verdict::StaleWhiteout;
        judgement.why = "deleted here and there";
        return judgement;
    }
    if (!apart) return judgement;
    judgement.verdict = Verdict::Conflict;
    judgement.why = std::string(what_was_done(own)) + " here, " + std::string(what_was_done(*drift)) + " there";
    return judgement;
}

// "Package: libc6" → "libc6" for the key "Package".
bool read_field(std::string_view line, std::string_view key, std::string& value)
{
    if (!line.starts_with(key) || line.size() <= key.size() || line[key.size()] != ':') return false;
    value = trim(line.substr(key.size() + 1));
    return true;
}

std::string version_in(const Packages& packages, const std::string& name)
{
    auto found = packages.find(name);
    return found == packages.end() ? "" : found->second;
}

}  // namespace

std::vector<Judgement> judge_rebase(std::span<const Change> own, std::span<const Change> drift, std::span<const Change> apart)
{
    ByPath drifted, hiding;
    std::set<std::string_view> mine, differs;
    for (const Change& change : drift)
        if (!is_time_alone(change)) drifted.emplace(change.path, &change);
    for (const Change& change : apart)
        if (!is_time_alone(change)) differs.insert(change.path);
    std::vector<Judgement> judgements;
    for (const Change& change : own) {
        mine.insert(change.path);
        if (hides_below(change)) hiding.emplace(change.path, &change);
        judgements.push_back(judge(change, find_drift(drifted, change.path), differs.contains(change.path)));
    }
    for (auto& [path, change] : drifted) {
        if (mine.contains(path) || change->kind == Difference::Deleted) continue;
        const std::string_view above = hidden_by(hiding, path);
        if (!above.empty())
            judgements.push_back({change->path, Verdict::Shadowed,
                                  std::string(what_was_done(*change)) + " there, below '" + std::string(above) + "', which hides it"});
    }
    std::ranges::stable_sort(judgements, {}, &Judgement::path);
    return judgements;
}

std::string_view describe_verdict(Verdict verdict)
{
    switch (verdict) {
    case Verdict::Clean: return "clean";
    case Verdict::Conflict: return "conflict";
    case Verdict::Shadowed: return "shadowed";
    case Verdict::StaleWhiteout: return "stale-whiteout";
    case Verdict::Opaque: return "opaque";
    }
    std::unreachable();
}

Packages parse_dpkg_status(std::string_view text)
{
    Packages packages;
    std::string name, version, architecture, status;
    auto end_paragraph = [&] {
        if (!name.empty() && status.ends_with(" installed")) packages[architecture.empty() ? name : name + ":" + architecture] = version;
        name.clear(), version.clear(), architecture.clear(), status.clear();
    };
    for (std::string_view line : split(text, '\n')) {
        if (line.empty()) end_paragraph();
        else if (read_field(line, "Package", name) || read_field(line, "Version", version) || read_field(line, "Status", status)) continue;
        else read_field(line, "Architecture", architecture);
    }
    end_paragraph();
    return packages;
}

Packages parse_package_lines(std::string_view text)
{
    Packages packages;
    for (std::string_view line : split(text, '\n'))
        if (const size_t space = line.find(' '); space != 0 && space != line.npos)
            packages.emplace(line.substr(0, space), line.substr(space + 1));
    return packages;
}

std::vector<PackageDrift> compare_packages(const Packages& before, const Packages& here, const Packages& there)
{
    std::set<std::string> names;
    for (const Packages* packages : {&before, &there})
        for (auto& [name, version] : *packages) names.insert(name);
    std::vector<PackageDrift> drift;
    for (const std::string& name : names) {
        PackageDrift one{
            .name = name, .before = version_in(before, name), .here = version_in(here, name), .there = version_in(there, name)};
        if (one.before != one.there) drift.push_back(std::move(one));
    }
    return drift;
}

}  // namespace holm::rootfs
