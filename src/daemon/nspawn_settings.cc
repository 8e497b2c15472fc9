#include "daemon/nspawn_settings.h"

#include "base/fd.h"
#include "base/text.h"
#include "imports/nspawn.h"

namespace holm::daemon {

using imports::Trust;

namespace {

constexpr size_t max_settings = 256 << 10;  // bytes

Result<std::optional<imports::Imported>> read_one(const std::string& path, Trust trust)
{
    auto text = read_regular_file(path, max_settings);
    if (!text && text.error().code == Errc::NotFound) return std::optional<imports::Imported>();
    if (!text) return text.error();
    imports::Imported imported = TRY(imports::import_nspawn(*text, trust), path);
    for (imports::Dropped& dropped : imported.dropped) dropped.setting.insert(0, path + ": ");
    return std::optional(std::move(imported));
}

}  // namespace

Result<std::optional<imports::Imported>> read_nspawn_settings(const machine::MachineName& name, const std::string& root)
{
    const std::string file = name.text() + ".nspawn";
    for (const char* folder : {"/etc/systemd/nspawn", "/run/systemd/nspawn"}) {
        auto settings = TRY(read_one(fmt::format("{}/{}", folder, file), Trust::Whole));
        if (settings) return settings;
    }
    return read_one(fmt::format("{}/{}", root.substr(0, root.rfind('/')), file), Trust::Beside);
}

}  // namespace holm::daemon
