#include "daemon/package_lists.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>

#include "base/log.h"
#include "daemon/store_call.h"
#include "image/rpm_database.h"
#include "kernel/path.h"

namespace holm::daemon {

namespace {

using Layers = std::vector<std::string>;
using LookingAt = std::function<void(std::string_view path)>;
using rootfs::PackageDrift;
using rootfs::Packages;

constexpr const char* dpkg_status = "/var/lib/dpkg/status";
constexpr const char* rpm_databases[] = {"/usr/lib/sysimage/rpm/rpmdb.sqlite", "/var/lib/rpm/rpmdb.sqlite"};
constexpr size_t most_status = 64 << 20;

Packages dpkg_packages(const Layers& layers)
{
    for (const std::string& path : layers) {
        auto layer = kernel::open_source(path, O_RDONLY | O_DIRECTORY);
        auto text = layer ? kernel::read_in_root(layer->get(), dpkg_status, most_status) : Result<std::string>(layer.error());
        if (text) return rootfs::parse_dpkg_status(*text);
    }
    return {};
}

// Not read here. No descriptor: none has one.
Fd open_rpm_database(const Layers& layers)
{
    for (const std::string& path : layers) {
        auto layer = kernel::open_source(path, O_RDONLY | O_DIRECTORY);
        if (!layer) continue;
        for (const char* database : rpm_databases) {
            auto file = kernel::open_in_root(layer->get(), database, O_RDONLY | O_NONBLOCK | O_NOCTTY, kernel::Links::Inside);
            struct stat status;
            if (file && ::fstat(file->get(), &status) == 0 && S_ISREG(status.st_mode)) return std::move(*file);
        }
    }
    return {};
}

// Of zeros, for a process that is not trusted: it can write no more than that.
Result<Fd> make_list()
{
    Fd file(::memfd_create("holm-rpm-packages", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!file || ::ftruncate(file.get(), image::most_rpm_list) ||
        ::fcntl(file.get(), F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL))
        return sys_error("cannot make a file in memory");
    return file;
}

Result<Packages> rpm_packages(const Layers& layers, const LookingAt& looking_at)
{
    kernel::Message request("rpm-packages");
    request.fds.push_back(open_rpm_database(layers));
    if (!request.fds.front()) return Packages();
    request.fds.push_back(TRY(make_list()));
    const int list = request.fds.back().get();
    TRY(call_store(request, looking_at));
    if (::lseek(list, 0, SEEK_SET)) return sys_error("cannot read a file in memory");
    const std::string text = TRY(kernel::read_regular(list, "the list of rpm's packages", image::most_rpm_list));
    return rootfs::parse_package_lines(std::string_view(text).substr(0, text.find('\0')));
}

Result<std::vector<PackageDrift>> observe_rpm_drift(const ComparedLayers& layers, const LookingAt& looking_at)
{
    const Packages before = TRY(rpm_packages(layers.before, looking_at), "the packages before");
    const Packages here = TRY(rpm_packages(layers.here, looking_at), "the packages of the machine");
    const Packages there = TRY(rpm_packages(layers.there, looking_at), "the packages of the image");
    return rootfs::compare_packages(before, here, there);
}

}  // namespace

std::vector<PackageDrift> observe_package_drift(const ComparedLayers& layers, const LookingAt& looking_at)
{
    auto drift = rootfs::compare_packages(dpkg_packages(layers.before), dpkg_packages(layers.here), dpkg_packages(layers.there));
    auto of_rpm = observe_rpm_drift(layers, looking_at);
    if (of_rpm) std::ranges::move(*of_rpm, std::back_inserter(drift));
    else log_warning("a rebase is told without what becomes of the packages of rpm: {}", of_rpm.error().text);
    return drift;
}

}  // namespace holm::daemon
