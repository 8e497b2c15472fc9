#include "rootfs/history.h"

#include <algorithm>

#include "base/text.h"
#include "machine/identifiers.h"
#include "machine/toml_schema.h"

namespace holm::rootfs {

namespace {

using machine::field;

Result<std::string> parse_maybe_id(std::string_view text)
{
    return text.empty() ? Result<std::string>(std::string()) : parse_layer_id(text);
}
Result<std::string> parse_maybe_tag(std::string_view text)
{
    return text.empty() ? Result<std::string>(std::string()) : parse_tag(text);
}

using Layers = machine::List<machine::Text<parse_layer_id>, 64>;
using Microseconds = machine::Integer<uint64_t, 0, INT64_MAX>;

constexpr machine::Field<Snapshot> snapshot_fields[] = {
    field<&Snapshot::tag, machine::Text<parse_tag>>("tag"),
    field<&Snapshot::created, Microseconds>("created"),
    field<&Snapshot::frozen, Microseconds>("frozen"),
    field<&Snapshot::layers, Layers>("layers"),
    field<&Snapshot::manifest, machine::Text<machine::parse_argument>>("manifest"),
};

constexpr machine::Field<History> fields[] = {
    field<&History::layers, Layers>("layers"),
    field<&History::manifest, machine::Text<machine::parse_argument>>("manifest"),
    field<&History::sealing, machine::Text<parse_maybe_id>>("sealing"),
    field<&History::next_start, machine::Text<parse_maybe_tag>>("next_start"),
    field<&History::next_image, machine::Text<machine::parse_argument>>("next_image"),
    field<&History::next_force, machine::Boolean>("next_force"),
    machine::tables_field<&History::snapshots, snapshot_fields>("snapshot"),
};

constexpr size_t most_snapshots = 256;

bool is_alphanumeric(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

Error no_snapshot(const History& history, std::string_view tag)
{
    std::vector<std::string> tags;
    for (const Snapshot& snapshot : history.snapshots) tags.push_back(snapshot.tag);
    if (tags.empty()) return error(Errc::NotFound, "no snapshot '{}': there is none", printable(tag));
    return error(Errc::NotFound, "no snapshot '{}'{}: there are {}", printable(tag), did_you_mean(tag, tags), fmt::join(tags, ", "));
}

Result<> add_snapshot(History& history, Snapshot snapshot)
{
    if (find_snapshot(history, snapshot.tag)) return error(Errc::Exists, "there is a snapshot '{}' already", snapshot.tag);
    if (history.snapshots.size() >= most_snapshots)
        return error(Errc::NotSupported, "there are {} snapshots, which is the most: remove one", most_snapshots);
    history.snapshots.push_back(std::move(snapshot));
    return {};
}

Result<> check_depth(const std::vector<std::string>& layers)
{
    if (layers.size() <= most_sealed) return {};
    return error(Errc::NotSupported,
                 "{} layers of snapshots lie below the upper, which is the most: 'rollback' to an earlier one, or 'commit' the machine to "
                 "an image",
                 most_sealed);
}

}  // namespace

std::string layers_folder(const UpperPlace& place)
{
    if (place.upper != Upper::Directory) return "";
    return place.ours ? place.path.substr(0, place.path.rfind('/')) + "/layers" : place.path + ".layers";
}

std::string describe_history(const History& history)
{
    machine::TomlWriter writer;
    write_fields(history, fields, writer);
    return fmt::format("# Kept by holm: what was sealed of the upper beside it.\n{}", writer.text());
}

Result<History> parse_history(std::string_view text, const std::string& file)
{
    const auto document = TRY(machine::parse_toml({.file = file, .text = std::string(text)}));
    History history;
    machine::OriginMap origins;
    TRY(read_document(document, history, fields, origins));
    return history;
}

Result<std::string> parse_tag(std::string_view text)
{
    const bool good = !text.empty() && text.size() <= 64 && is_alphanumeric(text.front()) &&
                      std::ranges::all_of(text, [](char c) { return is_alphanumeric(c) || c == '-' || c == '_' || c == '.'; });
    if (good) return std::string(text);
    return error(Errc::Invalid, "'{}' is no tag: it has up to 64 letters, digits, '-', '_' and '.', and begins with a letter or digit",
                 printable(text, 80));
}

Result<std::string> parse_layer_id(std::string_view text)
{
    const bool good =
        text.size() == 32 && std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
    if (good) return std::string(text);
    return error(Errc::Invalid, "'{}' is no id of a layer: 32 hex digits", printable(text, 80));
}

const Snapshot* find_snapshot(const History& history, std::string_view tag)
{
    auto found = std::ranges::find(history.snapshots, tag, &Snapshot::tag);
    return found == history.snapshots.end() ? nullptr : &*found;
}

Result<History> plan_layer(History history, const std::string& id)
{
    if (id.empty()) return history;
    history.layers.insert(history.layers.begin(), id);
    history.sealing = id;
    TRY(check_depth(history.layers));
    return history;
}

Result<History> plan_seal(History before, const std::string& id, Snapshot snapshot)
{
    History history = TRY(plan_layer(std::move(before), id));
    snapshot.layers = history.layers;
    snapshot.manifest = history.manifest;
    if (history.next_start == snapshot.tag) history.next_start.clear();
    TRY(add_snapshot(history, std::move(snapshot)));
    return history;
}

Result<History> plan_copy(History history, const std::string& id, Snapshot snapshot)
{
    snapshot.layers = history.layers;
    snapshot.manifest = history.manifest;
    snapshot.layers.insert(snapshot.layers.begin(), id);
    TRY(check_depth(snapshot.layers));
    TRY(add_snapshot(history, std::move(snapshot)));
    return history;
}

Result<History> plan_rebase(History before, const std::string& id, Snapshot snapshot, const std::string& manifest,
                            const std::vector<std::string>& layers)
{
    History history = TRY(plan_seal(std::move(before), id, std::move(snapshot)));
    history.manifest = manifest;
    if (!layers.empty()) history.layers = layers;
    return history;
}

Result<History> plan_rollback(History history, const std::string& id, std::string_view tag)
{
    const Snapshot* snapshot = find_snapshot(history, tag);
    if (!snapshot) return no_snapshot(history, tag);
    history.layers = snapshot->layers;
    history.manifest = snapshot->manifest;
    history.sealing = id;
    history.next_start.clear();
    return history;
}

Result<History> plan_forget(History history, std::string_view tag)
{
    auto found = std::ranges::find(history.snapshots, tag, &Snapshot::tag);
    if (found == history.snapshots.end()) return no_snapshot(history, tag);
    history.snapshots.erase(found);
    return history;
}

History plan_keep(History history, size_t most)
{
    if (history.snapshots.size() > most)
        history.snapshots.erase(history.snapshots.begin(), history.snapshots.end() - static_cast<ptrdiff_t>(most));
    return history;
}

std::vector<std::string> unused_layers(const History& history, const std::vector<std::string>& there)
{
    auto needs = [&](const std::string& id) {
        auto has = [&](const std::vector<std::string>& layers) { return std::ranges::find(layers, id) != layers.end(); };
        return has(history.layers) || std::ranges::any_of(history.snapshots, has, &Snapshot::layers);
    };
    std::vector<std::string> unused;
    for (const std::string& name : there)
        if (parse_layer_id(name) && !needs(name)) unused.push_back(name);
    return unused;
}

}  // namespace holm::rootfs
