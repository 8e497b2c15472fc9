// OptionReader: the a{sv} of a call, taken apart strictly: an unknown key or a wrong type is an error. Pure.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "systemd/message.h"

namespace holm::daemon {

class OptionReader {
public:
    explicit OptionReader(const systemd::Options& options) : options_(options) {}

    // The value of a key, or `fallback`; the first wrong type is kept for finish().
    template <typename T>
    T take(const char* key, T fallback)
    {
        known_.emplace_back(key);
        auto entry = options_.find(key);
        if (entry == options_.end()) return fallback;
        if (auto* value = std::get_if<T>(&entry->second)) return *value;
        if (!failure_) failure_ = error(Errc::Invalid, "option '{}' is not of type '{}'", key, systemd::signature_of<T>());
        return fallback;
    }
    // Errors: Invalid, for a wrong type or a key that nobody took.
    Result<> finish() const
    {
        if (failure_) return *failure_;
        for (auto& [key, value] : options_)
            if (std::ranges::find(known_, key) == known_.end())
                return error(Errc::Invalid, "unknown option '{}'{}", printable(key), did_you_mean(key, known_));
        return {};
    }

private:
    const systemd::Options& options_;
    std::vector<std::string> known_;
    std::optional<Error> failure_;
};

}  // namespace holm::daemon
