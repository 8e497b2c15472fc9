// ManagerObject: images. Which there are anybody may ask; what one says of its payload is Inspect, all else Images.
#include "base/text.h"
#include "daemon/manager_object.h"
#include "image/identifiers.h"
#include "image/payload_defaults.h"

namespace holm::daemon {

namespace {

Error no_image(const std::string& name)
{
    return error(Errc::NotFound, "there is no image '{}'", printable(name, 150));
}

// The same to who may know what is wrong with it.
Error why_no_image(const std::string& name)
{
    auto stored = image::parse_reference(name) ? image::Store().find(name) : Result<image::Stored>(no_image(name));
    return stored || stored.error().code == Errc::NotFound ? no_image(name) : stored.error();
}

Verb about_image(Privilege privilege, const char* name, const std::string& image)
{
    return {.privilege = privilege, .name = name, .machine = "", .user = "", .owner = "", .image = image};
}

systemd::Options properties_of(const ImageView& view)
{
    systemd::Options all = {{"Name", view.name},     {"Type", view.type},
                            {"Path", view.path},     {"ReadOnly", view.read_only},
                            {"Usage", view.usage},   {"CreationTimestamp", view.created},
                            {"Digest", view.digest}, {"ModificationTimestamp", view.modified}};
    if (!view.manifest) return all;
    const image::Manifest& manifest = *view.manifest;
    std::vector<std::string> environment;
    for (auto& [key, value] : manifest.config.environment) environment.push_back(fmt::format("{}={}", key, value));
    all.insert({{"Layers", manifest.layers},
                {"Origin", manifest.origin},
                {"Architecture", manifest.architecture},
                {"OSRelease", manifest.os_release},
                {"Entrypoint", manifest.config.entrypoint},
                {"Command", manifest.config.command},
                {"User", manifest.config.user},
                {"WorkingDirectory", manifest.config.working_directory},
                {"Environment", environment},
                {"StopSignal", manifest.config.stop_signal},
                {"ExposedPorts", manifest.config.exposed_ports},
                {"Volumes", manifest.config.volumes},
                {"Labels", manifest.config.labels}});
    if (auto health = image::health_of(manifest.config))
        all.insert({{"HealthCommand", health->command},
                    {"HealthInterval", static_cast<uint64_t>(health->interval.count())},
                    {"HealthTimeout", static_cast<uint64_t>(health->timeout.count())},
                    {"HealthRetries", uint32_t{health->retries}}});
    return all;
}

}  // namespace

void ManagerObject::list_images(Reply reply)
{
    using Row = std::tuple<std::string, std::string, bool, uint64_t, uint64_t, uint64_t, systemd::ObjectPath>;
    std::vector<Row> rows;
    for (const ImageView& view : images_.list())
        rows.emplace_back(view.name, view.type, view.read_only, view.created, view.modified, view.usage,
                          systemd::ObjectPath{image_path(view.name)});
    reply.ok(rows);
}

void ManagerObject::get_image(Reply reply, const std::string& name)
{
    if (images_.find(name)) reply.ok(systemd::ObjectPath{image_path(name)});
    else reply.fail(no_image(name));
}

void ManagerObject::describe_image(Reply reply, const std::string& name)
{
    authority_.authorise(std::move(reply), about_image(Privilege::Inspect, "image-status", name), [this, name](Reply granted) {
        auto view = image::is_digest(name) ? images_.find_digest(name) : images_.find(name);
        if (view) granted.ok(properties_of(*view));
        else granted.fail(why_no_image(name));
    });
}

void ManagerObject::remove_image(Reply reply, const std::string& name)
{
    authority_.authorise(std::move(reply), about_image(Privilege::Images, "remove-image", name), [this, name](Reply granted) {
        auto view = images_.find(name);
        if (view && view->type != "layers") return remove_plain(std::move(granted), *view);
        if (!view && why_no_image(name).code == Errc::NotFound) return granted.fail(no_image(name));
        kernel::Message request("remove");
        request.add("name", name);
        image_jobs_.ask(std::move(granted), std::move(request));
    });
}

void ManagerObject::rename_image(Reply reply, const std::string& name, const std::string& new_name)
{
    authority_.authorise(std::move(reply), about_image(Privilege::Images, "rename-image", name), [this, name, new_name](Reply granted) {
        auto view = images_.find(name);
        if (!view) return granted.fail(why_no_image(name));
        if (view->type != "layers") return rename_plain(std::move(granted), *view, new_name);
        granted.fail(error(Errc::NotSupported,
                           "image '{0}' is of the image store: 'holmctl clone-image {0} NEW' gives it another name, and "
                           "'holmctl remove-image {0}' takes the first away",
                           name));
    });
}

// Before something is fetched that could not be imported then.
void ManagerObject::check_image_name(Reply reply, const std::string& name, bool force)
{
    auto parsed = image::parse_image_name(name);
    if (!parsed) return reply.fail(parsed.error());
    authority_.authorise(std::move(reply), about_image(Privilege::Images, "import-oci", *parsed),
                         [this, image = *parsed, force](Reply granted) {
                             kernel::Message request("check-name");
                             request.add("name", image).add("force", int64_t{force});
                             image_jobs_.ask(std::move(granted), std::move(request));
                         });
}

void ManagerObject::import_image(Reply reply, const ImportKind& kind, Fd source, const std::string& name, bool force, bool read_only)
{
    auto parsed = image::parse_image_name(name);
    if (!parsed) return reply.fail(parsed.error());
    kernel::Message request(kind.job);
    request.add("name", *parsed).add("force", int64_t{force}).add("read_only", int64_t{read_only}).add("origin", kind.origin);
    request.add("reference", kind.reference);
    request.fds.push_back(std::move(source));
    authority_.authorise(std::move(reply), about_image(Privilege::Images, kind.verb, *parsed),
                         [this, image = *parsed, request = std::move(request)](Reply granted) mutable {
                             image_jobs_.begin(std::move(granted), JobKind::Import, image, std::move(request));
                         });
}

void ManagerObject::import_tar(Reply reply, Fd archive, const std::string& name, bool force, bool read_only)
{
    import_image(std::move(reply), {.job = "import-tar", .verb = "import-tar", .origin = "tar"}, std::move(archive), name, force,
                 read_only);
}

void ManagerObject::import_raw(Reply reply, Fd disk, const std::string& name, bool force, bool read_only)
{
    import_image(std::move(reply), {.job = "import-raw", .verb = "import-raw", .origin = "raw"}, std::move(disk), name, force, read_only);
}

void ManagerObject::import_folder(Reply reply, Fd folder, const std::string& name, bool force, bool read_only)
{
    import_image(std::move(reply), {.job = "import-fs", .verb = "import-fs", .origin = "folder"}, std::move(folder), name, force,
                 read_only);
}

void ManagerObject::import_oci(Reply reply, Fd source, const std::string& name, const std::string& reference, bool force, bool read_only)
{
    if (reference.contains('\0')) return reply.fail(error(Errc::Invalid, "the reference has a NUL byte"));
    import_image(std::move(reply), {.job = "import-oci", .verb = "import-oci", .origin = "oci", .reference = reference}, std::move(source),
                 name, force, read_only);
}

void ManagerObject::cancel_job(Reply reply, uint32_t id)
{
    const Job* job = host_.jobs.find(id);
    if (!job) return reply.fail(error(Errc::NotFound, "there is no job {}", id));
    authority_.authorise(std::move(reply), about_image(Privilege::Images, "cancel", job->image), [this, id](Reply granted) {
        if (image_jobs_.cancel(id)) granted.ok();
        else granted.fail(error(Errc::Invalid, "job {} cannot be canceled", id));
    });
}

}  // namespace holm::daemon
