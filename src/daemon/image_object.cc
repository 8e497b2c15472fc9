#include "daemon/image_object.h"

#include <cstdlib>

#include "api/names.h"
#include "systemd/node_list.h"

namespace holm::daemon {

using systemd::Changes;

namespace {

// The image's name in "/org/holm1/image/debian_2d12"; "" of another path.
std::string name_of_path(const char* path)
{
    char* text = nullptr;
    if (sd_bus_path_decode(path, api::images_path, &text) <= 0) return {};
    std::string name = text;
    ::free(text);
    return name;
}

}  // namespace

// As src/api/org.holm1.Image.xml, in its order; tests/bus compares the two.
ImageObject::ImageObject(Host host, ManagerObject& manager) : host_(host), manager_(manager)
{
    using I = ImageObject;
    builder_.property<&I::name>("Name", Changes::Const)
        .property<&I::path>("Path", Changes::Silent)
        .property<&I::type>("Type", Changes::Silent)
        .property<&I::read_only>("ReadOnly", Changes::Silent)
        .property<&I::created>("CreationTimestamp", Changes::Silent)
        .property<&I::modified>("ModificationTimestamp", Changes::Silent)
        .property<&I::usage>("Usage", Changes::Silent)
        .property<&I::digest>("Digest", Changes::Silent)
        .property<&I::layers>("Layers", Changes::Silent)
        .method<&I::remove>("Remove", "")
        .method<&I::clone>("Clone", "new_name read_only")
        .method<&I::mark_read_only>("MarkReadOnly", "read_only");
    vtable_ = builder_.finish();
}

Result<> ImageObject::attach()
{
    sd_bus_slot* slot = nullptr;
    int r = sd_bus_add_fallback_vtable(host_.bus.get(), &slot, api::images_path, api::image_interface, vtable_, find, this);
    if (r < 0) return errno_error(-r, "cannot put {} on the bus", api::image_interface);
    slot_.reset(slot);
    if (r = sd_bus_add_node_enumerator(host_.bus.get(), &slot, api::images_path, enumerate, this); r < 0)
        return errno_error(-r, "cannot list the images on the bus");
    nodes_.reset(slot);
    return {};
}

int ImageObject::find(sd_bus*, const char* path, const char*, void* self, void** found, sd_bus_error*) noexcept
{
    auto* object = static_cast<ImageObject*>(self);
    auto view = object->manager_.images().find(name_of_path(path));
    if (!view) return 0;
    object->found_ = std::move(*view);
    *found = self;
    return 1;
}

int ImageObject::enumerate(sd_bus*, const char*, void* self, char*** nodes, sd_bus_error*) noexcept
{
    std::vector<std::string> paths;
    for (const ImageView& view : static_cast<ImageObject*>(self)->manager_.images().list()) paths.push_back(image_path(view.name));
    *nodes = systemd::new_node_list(paths);
    return *nodes ? 0 : -ENOMEM;
}

void ImageObject::remove(Reply reply)
{
    const std::string image = name_of_path(sd_bus_message_get_path(reply.call()));
    manager_.remove_image(std::move(reply), image);
}

void ImageObject::clone(Reply reply, const std::string& new_name, bool read_only)
{
    const std::string image = name_of_path(sd_bus_message_get_path(reply.call()));
    manager_.clone_image(std::move(reply), image, new_name, read_only);
}

void ImageObject::mark_read_only(Reply reply, bool read_only)
{
    const std::string image = name_of_path(sd_bus_message_get_path(reply.call()));
    manager_.mark_image_read_only(std::move(reply), image, read_only);
}

}  // namespace holm::daemon
