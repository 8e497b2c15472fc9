// The entry of libFuzzer; TARGET is one of targets.h.
#include <cstddef>
#include <cstdint>

#include "targets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size)
{
    holm::fuzz::TARGET({reinterpret_cast<const char*>(bytes), size});
    return 0;
}
