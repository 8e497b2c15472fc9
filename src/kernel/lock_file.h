// Lock file: what one holder has at a time, or many who leave it as it is, as an OFD lock (fcntl(2)) on a file that bears the holder's name
// and goes with the lock. It ends with its descriptor, whatever becomes of the holder; a file that nobody holds is only litter. Effects:
// locks, makes, unlinks.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/fd.h"

namespace holm::kernel {

enum class Sharing {
    Alone,   // one writer
    Shared,  // any number of readers, and no writer
};

// The locked file, made where missing. `what` begins the error. Errors: Busy, with the holder's name; of those who share it the last.
Result<Fd> take_lock_file(const std::string& path, std::string_view holder, std::string_view what, Sharing sharing = Sharing::Alone);

// Takes the file of a lock away, while `file` still holds it: whoever has opened it meanwhile sees then that it is not there any more.
// One that others share stays to the last of them.
void remove_lock_file(const std::string& path, int file);

// Takes away what such a holder has left, by its name, if it is dead: a file of another's, or one that is locked, stays.
void remove_stale_lock_file(const std::string& path, const std::function<bool(std::string_view holder)>& is_holder);

}  // namespace holm::kernel
