// What nearly every test includes, parsed once for those of a program.
#include <gtest/gtest.h>

#include "../src/base/precompiled.h"
