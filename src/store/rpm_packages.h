// rpm-packages: what a machine's own database of rpm has installed, read by a confined child. Applies: makes a process.
#pragma once

#include "base/error.h"
#include "image/store.h"
#include "store/job.h"

namespace holm::store {

// The request's descriptors: the database; a file that the list is written to (image/rpm_database.h), which cannot grow beyond what the
// caller takes. Errors: Invalid (the database), Busy (cancelled), Failed.
Result<kernel::Message> list_rpm_packages(const Job& job, const image::Store& store);

}  // namespace holm::store
