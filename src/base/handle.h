// Handle: the owner of a C library's pointer, freed by the library's own function. Pure.
//   using BusMessage = Handle<sd_bus_message, sd_bus_message_unref>;
#pragma once

#include <memory>

namespace holm {

template <typename T, auto release>
struct Release {
    void operator()(T* pointer) const { release(pointer); }
};

template <typename T, auto release>
using Handle = std::unique_ptr<T, Release<T, release>>;

}  // namespace holm
