#include "daemon/kept_change.h"

#include <unistd.h>

#include "api/limits.h"
#include "base/fd.h"
#include "daemon/definitions.h"

namespace holm::daemon {

std::string kept_path(const machine::MachineName& name, const Known& known)
{
    return known.origin == Origin::Definition ? definition_path(name) + ".d/" + kept_file : known.path;
}

Result<std::string> read_kept(const std::string& path)
{
    auto text = read_regular_file(path, api::max_definition);
    if (!text && text.error().code == Errc::NotFound) return std::string();
    return text;
}

Result<> write_kept(const std::string& path, const std::string& text)
{
    const std::string folder = path.substr(0, path.rfind('/'));
    if (text.empty()) {
        if (::unlink(path.c_str()) && errno != ENOENT) return sys_error("cannot remove '{}'", path);
        ::rmdir(folder.c_str());  // a drop-in's, when it was the only one
        return {};
    }
    TRY(make_folders(folder));
    return replace_file(path, text, 0600);
}

Result<> take_back(const KeptChange& change)
{
    return write_kept(change.path, change.before);
}

}  // namespace holm::daemon
