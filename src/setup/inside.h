// Inside: from "go" to the payload, in the machine's namespaces. Effects; inside.
#pragma once

#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "launch/plan.h"
#include "security/filter_file.h"
#include "setup/status.h"

namespace holm::setup {

struct InsideInput {
    const launch::Plan& plan;
    const security::FilterPrograms& filter;
    Fd go;                  // gives a byte once the root is attached; at its end without one there is nothing to do
    Fd runtime;             // program of the OCI runtime; none: the payload is executed
    std::vector<Fd> pipes;  // Console::Pipes: the payload's standard descriptors
};

// Enters the root and becomes the payload. Returns only on failure.
Result<> run_inside(InsideInput input, Status& status);

}  // namespace holm::setup
