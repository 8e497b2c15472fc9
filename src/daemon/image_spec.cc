#include "daemon/image_spec.h"

#include "base/folder.h"
#include "base/text.h"
#include "daemon/image_view.h"
#include "daemon/nspawn_settings.h"
#include "daemon/records.h"
#include "image/store.h"
#include "machine/spec_file.h"

namespace holm::daemon {

using machine::MachineName;
using machine::Spec;

Result<Spec> spec_of_image(const MachineName& name, const std::string& plain, std::vector<std::string>& warnings)
{
    Spec spec;
    if (!plain.empty()) {
        if (auto settings = TRY(read_nspawn_settings(name, plain))) {
            for (const imports::Dropped& dropped : settings->dropped)
                warnings.push_back(fmt::format("dropped {}: {}", dropped.setting, dropped.reason));
            spec = std::move(settings->spec);
        }
    }
    spec.name = name;
    spec.root.image = name.text();
    if (spec.payload.command.empty()) spec.payload.boot = true;
    // Judged as any definition; where it stands in a text that nobody has written says nothing.
    const machine::Source source{"", machine::describe_spec_file(spec)};
    Spec checked = TRY(machine::parse_spec(name, {&source, 1}));
    checked.origins.clear();
    return checked;
}

// What is marked is being made or removed.
bool is_started_image(const MachineName& name)
{
    if (!has_state(name) || find_record(name) || is_marked(name)) return false;
    if (auto stack = image::Store().read_stack(name); stack && stack->reference != name.text())
        return false;  // of a definition that is gone
    return exists(image::Store().name(name.text())) || find_plain(name.text());
}

Result<Spec> spec_of_started_image(const MachineName& name)
{
    const bool stored = exists(image::Store().name(name.text()));
    const auto plain = stored ? std::nullopt : find_plain(name.text());
    std::vector<std::string> told_at_start;
    return spec_of_image(name, plain ? plain->path : "", told_at_start);
}

}  // namespace holm::daemon
