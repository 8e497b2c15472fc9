#include "store/rpm_packages.h"

#include <sys/resource.h>

#include "image/rpm_database.h"
#include "kernel/path.h"
#include "store/confined_child.h"
#include "store/landing.h"

namespace holm::store {

namespace {

constexpr size_t most_database = 64 << 20;
constexpr rlim_t most_seconds = 10;  // of a processor; 64 MiB take some 0.1

// In the child, confined.
Result<kernel::Message> list(int database, int output)
{
    const rlimit time{most_seconds, most_seconds};
    if (::setrlimit(RLIMIT_CPU, &time)) return sys_error("cannot set a limit");
    std::string bytes = TRY(kernel::read_regular(database, "rpmdb.sqlite", most_database));
    const std::string packages = TRY(image::list_rpm_packages(std::move(bytes)));
    TRY(write_all(output, packages));
    return kernel::Message("ok");
}

}  // namespace

Result<kernel::Message> list_rpm_packages(const Job& job, const image::Store& store)
{
    const std::vector<Fd>& files = job.request().fds;
    if (files.size() != 2) return error(Errc::Invalid, "the job '{}' needs two descriptors", job.request().kind);
    const int database = files[0].get(), output = files[1].get();
    const Incoming incoming = TRY(Incoming::make(store));  // an empty root for the child; nothing of it lands
    return work_confined(job, incoming, {database, output}, 0, [&](const Told&) { return list(database, output); });
}

}  // namespace holm::store
