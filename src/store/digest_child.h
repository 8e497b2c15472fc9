// The digest of a new layer, made by a process of its own, which reads files as soon as they are whole. Applies: makes processes.
#pragma once

#include "base/error.h"
#include "base/fd.h"
#include "image/manifest.h"
#include "kernel/process.h"
#include "store/job.h"
#include "store/landing.h"

namespace holm::store {

struct NewLayer {
    std::string id;
    image::LayerInfo info;
};

class DigestChild {
public:
    static Result<DigestChild> start(const Incoming& incoming);
    DigestChild(DigestChild&&) = default;
    DigestChild& operator=(DigestChild&&) = delete;
    ~DigestChild();

    // Where image::WholeFiles of the process that fills the layer writes to.
    int names() const { return names_.get(); }

    // Nothing is written to the layer any more: its digest, while another process writes it to disk. Once. Errors: Busy (cancelled),
    // Failed, Invalid (nested too deeply).
    Result<NewLayer> finish(const Job& job, const Incoming& incoming);

private:
    DigestChild() = default;
    Result<kernel::Message> listen(const Job& job) const;

    kernel::Child child_;
    Fd names_, answer_;
};

}  // namespace holm::store
