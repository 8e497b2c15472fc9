// ImageObject: org.holm1.Image at /org/holm1/image/NAME, one object for every image there is. Effects: answers calls.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "daemon/image_view.h"
#include "daemon/manager_object.h"
#include "systemd/vtable.h"

namespace holm::daemon {

class ImageObject {
public:
    ImageObject(Host host, ManagerObject& manager);
    ImageObject(const ImageObject&) = delete;
    ImageObject& operator=(const ImageObject&) = delete;

    Result<> attach();
    std::optional<Reply> receive(sd_bus_message* message) { return manager_.receive(message); }

private:
    static int find(sd_bus*, const char* path, const char*, void* self, void** found, sd_bus_error*) noexcept;
    static int enumerate(sd_bus*, const char*, void* self, char*** nodes, sd_bus_error*) noexcept;

    // Properties: sd-bus has found the image in the same call.
    std::string name(const char*) { return found_.name; }
    std::string path(const char*) { return found_.path; }
    std::string type(const char*) { return found_.type; }
    bool read_only(const char*) { return found_.read_only; }
    uint64_t created(const char*) { return found_.created; }
    uint64_t modified(const char*) { return found_.modified; }
    uint64_t usage(const char*) { return found_.usage; }
    std::string digest(const char*) { return found_.digest; }
    std::vector<std::string> layers(const char*) { return found_.manifest ? found_.manifest->layers : std::vector<std::string>(); }

    void remove(Reply reply);
    void clone(Reply reply, const std::string& new_name, bool read_only);
    void mark_read_only(Reply reply, bool read_only);

    Host host_;
    ManagerObject& manager_;
    systemd::VtableBuilder<ImageObject, Reply> builder_;
    const sd_bus_vtable* vtable_ = nullptr;
    Handle<sd_bus_slot, sd_bus_slot_unref> slot_, nodes_;
    ImageView found_;
};

}  // namespace holm::daemon
