// ManagerObject: images out of the store, and what keeps the store in order. All of it is done by holm-store.
#include "api/names.h"
#include "base/text.h"
#include "daemon/manager_object.h"
#include "daemon/records.h"
#include "image/identifiers.h"
#include "rootfs/plan.h"

namespace holm::daemon {

using machine::MachineName;

namespace {

constexpr size_t most_digests = 2000;  // of a request: a message is bounded

Verb about(Privilege privilege, const char* name, const std::string& image = "")
{
    return {.privilege = privilege, .name = name, .machine = "", .user = "", .owner = "", .image = image};
}

// What an export is written as, where its caller does not say: as holm.toml has it.
std::string compression_of(const machine::Settings& settings)
{
    return settings.store.compression == "none" ? "uncompressed" : settings.store.compression;
}

// "layer ID BYTES": an item of an answer.
template <typename... T>
bool read_item(const std::string& item, std::string& kind, std::string& name, T&... numbers)
{
    const auto words = split(item, ' ');
    if (words.size() != 2 + sizeof...(numbers)) return false;
    kind = words[0], name = words[1];
    size_t at = 2;
    ((numbers = parse_number(words[at++]).value_or(0)), ...);
    return true;
}

}  // namespace

void ManagerObject::clone_image(Reply reply, const std::string& name, const std::string& new_name, bool read_only)
{
    for (const std::string& one : {name, new_name})
        if (auto parsed = image::parse_reference(one); !parsed) return reply.fail(parsed.error());
    authority_.authorise(std::move(reply), about(Privilege::Images, "clone-image", name), [this, name, new_name, read_only](Reply granted) {
        auto view = images_.find(name);
        if (view && view->type != "layers") return clone_plain(std::move(granted), *view, new_name);
        kernel::Message request("clone");
        request.add("name", name).add("new_name", new_name).add("read_only", int64_t{read_only});
        image_jobs_.ask(std::move(granted), std::move(request));
    });
}

void ManagerObject::mark_image_read_only(Reply reply, const std::string& name, bool read_only)
{
    if (auto parsed = image::parse_image_name(name); !parsed) return reply.fail(parsed.error());
    authority_.authorise(std::move(reply), about(Privilege::Images, "read-only", name), [this, name, read_only](Reply granted) {
        kernel::Message request("read-only");
        request.add("name", name).add("read_only", int64_t{read_only});
        image_jobs_.ask(std::move(granted), std::move(request));
    });
}

// The machine that is meant, where no image has the name; what it is read from is told the store where the store does not know.
std::optional<MachineName> ManagerObject::machine_to_export(const std::string& text, kernel::Message& request)
{
    auto name = machine::parse_name(text);
    if (!name || images_.find(text)) return {};
    const Known* known = host_.catalogue.find(*name);
    if (!known && !has_state(*name)) return {};
    if (!known || !known->spec) return *name;
    const machine::RootSpec& root = known->spec->root;
    const rootfs::UpperPlace place = rootfs::place_upper(*known->spec, api::state_path(*name));
    if (place.upper == rootfs::Upper::Directory && !place.ours) request.add("own_upper", place.path);
    std::vector<std::string> lower = root.lower;
    if (!root.path.empty()) lower = {root.path};
    else if (auto image = images_.find(root.image); image && image->type != "layers") lower = {image->path};
    for (const std::string& path : lower) request.add("lower", path);
    return *name;
}

void ManagerObject::export_image(Reply reply, const char* job, Fd target, const std::string& name, const std::string& compression,
                                 bool upper)
{
    if (auto parsed = image::parse_reference(name); !parsed) return reply.fail(parsed.error());
    if (compression.contains('\0')) return reply.fail(error(Errc::Invalid, "the format has a NUL byte"));
    kernel::Message request(job);
    request.add("name", name).add("upper", int64_t{upper});
    request.add("compression", compression.empty() ? compression_of(host_.settings) : compression);
    request.fds.push_back(std::move(target));
    authority_.authorise(std::move(reply), about(Privilege::Images, job, name),
                         [this, name, request = std::move(request)](Reply granted) mutable {
                             const auto machine = machine_to_export(name, request);
                             auto kept = machine ? lifecycle_.keep_for_reading(*machine, "being exported") : Result<>();
                             if (!kept) return granted.fail(kept.error());
                             image_jobs_.begin(std::move(granted), JobKind::Export, name, std::move(request), [this, machine] {
                                 if (machine) lifecycle_.let_go_of(*machine);
                             });
                         });
}

void ManagerObject::export_tar(Reply reply, const std::string& name, Fd target, const std::string& compression)
{
    export_image(std::move(reply), "export-tar", std::move(target), name, compression.empty() ? "uncompressed" : compression, false);
}

void ManagerObject::export_upper(Reply reply, const std::string& name, Fd target, const std::string& compression)
{
    export_image(std::move(reply), "export-tar", std::move(target), name, compression.empty() ? "uncompressed" : compression, true);
}

void ManagerObject::export_oci(Reply reply, const std::string& name, Fd target, const std::string& compression)
{
    export_image(std::move(reply), "export-oci", std::move(target), name, compression, false);
}

void ManagerObject::list_layers(Reply reply)
{
    authority_.authorise(std::move(reply), about(Privilege::Inspect, "copy-image"), [this](Reply granted) {
        image_jobs_.ask(std::move(granted), kernel::Message("layers"),
                        [](Reply answered, const kernel::Message& answer) { answered.ok(answer.get_all("layer")); });
    });
}

void ManagerObject::send_image(Reply reply, const std::string& name, Fd target, const std::vector<std::string>& there)
{
    if (auto parsed = image::parse_reference(name); !parsed) return reply.fail(parsed.error());
    kernel::Message request("send");
    request.add("name", name);
    for (const std::string& digest : there) {
        if (!image::is_digest(digest)) return reply.fail(error(Errc::Invalid, "'{}' is no digest of a layer", printable(digest, 100)));
        if (request.fields.size() < most_digests) request.add("there", digest);  // what is not told is sent again
    }
    request.fds.push_back(std::move(target));
    authority_.authorise(std::move(reply), about(Privilege::Images, "copy-image", name),
                         [this, name, request = std::move(request)](Reply granted) mutable {
                             image_jobs_.begin(std::move(granted), JobKind::Export, name, std::move(request));
                         });
}

void ManagerObject::receive_image(Reply reply, Fd source, const std::string& name, bool force, bool read_only)
{
    import_image(std::move(reply), {.job = "receive", .verb = "copy-image", .origin = ""}, std::move(source), name, force, read_only);
}

void ManagerObject::prune_images(Reply reply, bool dry_run)
{
    authority_.authorise(std::move(reply), about(Privilege::Images, "prune"), [this, dry_run](Reply granted) {
        kernel::Message request("prune");
        request.add("dry_run", int64_t{dry_run});
        image_jobs_.ask(std::move(granted), std::move(request), [](Reply answered, const kernel::Message& answer) {
            std::vector<std::tuple<std::string, std::string, uint64_t>> rows;
            for (const std::string& item : answer.get_all("item"))
                if (auto& [kind, name, bytes] = rows.emplace_back(); !read_item(item, kind, name, bytes)) rows.pop_back();
            answered.ok(rows);
        });
    });
}

void ManagerObject::disk_usage(Reply reply)
{
    authority_.authorise(std::move(reply), about(Privilege::Inspect, "df"), [this](Reply granted) {
        image_jobs_.ask(std::move(granted), kernel::Message("usage"), [](Reply answered, const kernel::Message& answer) {
            std::vector<std::tuple<std::string, std::string, uint64_t, uint64_t>> rows;
            for (const std::string& item : answer.get_all("item"))
                if (auto& [kind, name, bytes, own] = rows.emplace_back(); !read_item(item, kind, name, bytes, own)) rows.pop_back();
            answered.ok(rows);
        });
    });
}

void ManagerObject::check_images(Reply reply, bool deep)
{
    authority_.authorise(std::move(reply), about(Privilege::Inspect, "fsck"), [this, deep](Reply granted) {
        kernel::Message request("check");
        request.add("deep", int64_t{deep});
        image_jobs_.ask(std::move(granted), std::move(request),
                        [](Reply answered, const kernel::Message& answer) { answered.ok(answer.get_all("problem")); });
    });
}

}  // namespace holm::daemon
