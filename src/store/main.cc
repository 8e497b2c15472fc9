// holm-store: the hands of the image store. One short-lived process a job, a child of holmd, which is asked over a socket and tells over it
// how far it is and what came of it. It sees the end of holmd, or that the job was cancelled, by that socket.
#include <sys/resource.h>
#include <sys/stat.h>
#include <clocale>
#include <csignal>

#include <exception>

#include "api/names.h"
#include "image/store.h"
#include "store/commit.h"
#include "store/copy_image.h"
#include "store/export.h"
#include "store/finish_image.h"
#include "store/hash_layers.h"
#include "store/import.h"
#include "store/import_oci.h"
#include "store/import_raw.h"
#include "store/job.h"
#include "store/landing.h"
#include "store/remove.h"
#include "store/rpm_packages.h"
#include "store/unnamed.h"
#include "store/upkeep.h"

namespace holm::store {

namespace {

Result<kernel::Message> perform(const Job& job)
{
    const image::Store store;
    const std::string& kind = job.request().kind;
    if (kind == "import-tar") return import_tar(job, store);
    if (kind == "import-fs") return import_folder(job, store);
    if (kind == "import-oci") return import_oci(job, store);
    if (kind == "import-raw") return import_raw(job, store);
    if (kind == "export-tar") return export_tar(job, store);
    if (kind == "export-oci") return export_oci(job, store);
    if (kind == "commit") return commit_machine(job, store);
    if (kind == "send") return send_image(job, store);
    if (kind == "receive") return receive_image(job, store);
    if (kind == "layers") return list_digests(store);
    if (kind == "hash") return hash_all(job, store);
    if (kind == "prune") return prune(job, store);
    if (kind == "usage") return observe_usage(job, store);
    if (kind == "check") return check_store(job, store);
    if (kind == "check-name") return check_name(job, store);
    if (kind == "clone") return clone_image(job, store);
    if (kind == "read-only") return mark_read_only(job, store);
    if (kind == "remove") return remove_image(job, store);
    if (kind == "rpm-packages") return list_rpm_packages(job, store);
    if (kind == "clean") return clean_up(store);
    return error(Errc::Invalid, "there is no job '{}'", kind);
}

Result<kernel::Message> perform_safely(const Job& job)
{
    try {
        return perform(job);
    } catch (const std::exception& failure) {  // of libraries, and of memory that is not there
        return error(Errc::Failed, "{}", failure.what());
    }
}

// What nobody waits for: the removal of what an image had that was replaced, the digests of layers that were sealed. holmd has it done by a
// job of its own, which it has done again should that be killed; here it is done where that was asked for, or nobody has heard the answer.
void tidy(Job& job, bool told)
{
    const bool asked = job.request().get("hash") == "1";
    if (told && !asked) return;
    const image::Store store;
    job.go_on_alone();
    static_cast<void>(clean(store));
    if (asked) static_cast<void>(hash_all(job, store));
}

// What has landed for an image that then could not be named.
void take_back()
{
    const image::Store store;
    auto hold = has_unnamed(store) ? store.lock(image::Holding::Alone) : Result<Fd>(Fd());
    if (!hold || !*hold) return;
    static_cast<void>(drop_unnamed(store));
    hold->reset();
    static_cast<void>(clean(store));
}

// Folders within each other cost a descriptor each.
void raise_descriptors()
{
    rlimit most{};
    if (::getrlimit(RLIMIT_NOFILE, &most)) return;
    most.rlim_cur = most.rlim_max;
    static_cast<void>(::setrlimit(RLIMIT_NOFILE, &most));
}

int run()
{
    ::signal(SIGPIPE, SIG_IGN);
    ::setlocale(LC_CTYPE, "C.UTF-8");  // the names of archives are bytes
    ::umask(0);
    raise_descriptors();
    Fd socket(job_descriptor);
    auto request = kernel::receive_message(socket.get());
    if (!request) return 1;
    Job job(socket.get(), std::move(*request));
    auto result = perform_safely(job);
    const bool good = result.has_value();
    if (!good) take_back();
    if (!good) result = kernel::error_message(result.error());
    const bool told = kernel::send_message(socket.get(), *result).has_value();
    if (good) tidy(job, told);
    return told && good ? 0 : 1;
}

}  // namespace

}  // namespace holm::store

int main()
{
    return holm::store::run();
}
