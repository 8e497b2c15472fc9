#include "cli/exit_status.h"

namespace holm::cli {

int exit_status_of_error(Errc code, FailureStatus failure)
{
    if (failure == FailureStatus::One) return exit_failed;
    switch (code) {
    case Errc::NoCommand: return exit_no_command;
    case Errc::NotExecutable: return exit_not_executable;
    case Errc::Invalid:
    case Errc::NotFound:
    case Errc::Exists:
    case Errc::Busy:
    case Errc::Denied:
    case Errc::NotSupported:
    case Errc::Timeout:
    case Errc::Unavailable:
    case Errc::Failed: return exit_refused;
    }
    return exit_refused;
}

int exit_status_of_signal(int signal)
{
    return signal > 0 && signal < 128 ? 128 + signal : exit_refused;
}

}  // namespace holm::cli
