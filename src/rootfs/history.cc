#include "rootfs/history.h"

#include <algorithm>
#include <utility>

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
    field<&History::rebased_from, machine::Text<parse_maybe_tag>>("rebased_from"),
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
    TRY(check_free(history, snapshot.tag));
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

// It would be of another state than the one it was asked of.
Result<> check_no_image_promised(const History& history)
{
    if (history.next_image.empty()) return {};
    return error(Errc::Busy, "its next start makes the image '{0}' of what it has now: 'commit' it as '{0}' before", history.next_image);
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

Result<std::string> parse_new_tag(std::string_view text)
{
    if (!text.starts_with(rebase_prefix)) return parse_tag(text);
    return error(Errc::Invalid, "'{}' begins as the tags do that 'rebase' makes, with '{}': take another", printable(text, 80),
                 rebase_prefix);
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

Result<> check_free(const History& history, std::string_view tag)
{
    if (find_snapshot(history, tag)) return error(Errc::Exists, "there is a snapshot '{}' already", tag);
    if (history.next_start != tag) return {};
    return error(Errc::Exists, "the next start makes a snapshot '{0}': take another tag, or take that back with 'snapshots --remove={0}'",
                 tag);
}

Result<History> state_of(const History& history, std::string_view tag)
{
    const Snapshot* snapshot = find_snapshot(history, tag);
    if (!snapshot) return no_snapshot(history, tag);
    return History{.layers = snapshot->layers, .manifest = snapshot->manifest, .snapshots = {}};
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

Result<History> plan_put_off(History history, std::string_view tag)
{
    TRY(check_free(history, tag));
    if (!history.next_start.empty())
        return error(Errc::Exists, "it is promised the snapshot '{0}' at its next start already: 'snapshots --remove={0}' takes that back",
                     history.next_start);
    history.next_start = tag;
    return history;
}

Result<History> plan_promised(History history, const std::string& id, uint64_t now)
{
    Snapshot snapshot{.tag = std::exchange(history.next_start, ""), .created = now, .layers = {}};
    return plan_seal(std::move(history), id, std::move(snapshot));
}

Result<History> plan_rebase(History before, const std::string& id, Snapshot snapshot, const std::string& manifest,
                            const std::vector<std::string>& layers)
{
    TRY(check_no_image_promised(before));
    const bool is_promised = !before.next_start.empty();
    if (is_promised) before = TRY(plan_promised(std::move(before), id, snapshot.created));
    const std::string tag = snapshot.tag;
    History history = TRY(plan_seal(std::move(before), is_promised ? "" : id, std::move(snapshot)));
    history.rebased_from = tag;
    history.manifest = manifest;
    if (!layers.empty()) history.layers = layers;
    return history;
}

Result<History> plan_rollback(History history, const std::string& id, std::string_view tag, uint64_t now)
{
    History then = TRY(state_of(history, tag));
    TRY(check_no_image_promised(history));
    if (!history.next_start.empty()) history = TRY(plan_promised(std::move(history), id, now));
    history.layers = std::move(then.layers);
    history.manifest = std::move(then.manifest);
    history.sealing = id;
    history.rebased_from.clear();
    return history;
}

Result<History> plan_undo(const History& history, const std::string& id, uint64_t now)
{
    const std::string& tag = history.rebased_from;
    if (tag.empty())
        return error(Errc::NotFound,
                     "it was not rebased since it was made or last rolled back: 'rollback' gives the state of any of its 'snapshots'");
    if (!find_snapshot(history, tag))
        return error(Errc::NotFound, "the snapshot '{}' of before its last rebase was removed: 'rebase' puts it on another image", tag);
    return plan_rollback(history, id, tag, now);
}

Result<History> plan_forget(History history, std::string_view tag)
{
    if (!tag.empty() && history.next_start == tag) {
        history.next_start.clear();
        return history;
    }
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
