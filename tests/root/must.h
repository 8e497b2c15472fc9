// What a harness cannot do without: the value, or the end of the test program with the sentence. Pure, but for that end.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <type_traits>
#include <utility>

#include "base/error.h"

namespace holm::test {

template <typename T>
T must(Result<T> result)
{
    if (!result) {
        fprintf(stderr, "harness: %s\n", result.error().text.c_str());
        abort();
    }
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

}  // namespace holm::test
