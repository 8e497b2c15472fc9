// ImageJob: a job of the image store that holmd carries out while we wait for its end, with its progress on the terminal. ^C cancels
// it. Effects.
#pragma once

#include <string>

#include "base/error.h"
#include "cli/client.h"
#include "cli/parse.h"
#include "cli/signals.h"

namespace holm::cli {

class ImageJob {
public:
    // Made before the job is asked for, which may end before its reply is read.
    static Result<ImageJob> listen(Client& client);

    // Waits for the end of the job of that object path. `what`: "importing image 'debian'". Errors: why it failed; Unavailable, where
    // holmd has died, and the job with it.
    Result<> wait(const std::string& path, const std::string& what, const Invocation& call);
    // Of what the job has made, when it is done: "sha256:…"; "" = nobody has said.
    std::string digest(const std::string& path) const;

private:
    struct Heard;
    ImageJob(Client& client, CaughtSignals signals, std::shared_ptr<Heard> heard)
        : client_(client), signals_(std::move(signals)), heard_(std::move(heard))
    {
    }
    Result<> cancel_if_asked(const std::string& path);

    Client& client_;
    CaughtSignals signals_;
    std::shared_ptr<Heard> heard_;
};

}  // namespace holm::cli
