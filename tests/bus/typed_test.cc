// Calls of every method with arguments of the right types and any values, by somebody who may nothing: each is answered by an error of
// ours, what is for everybody excepted, and the next call is answered too.
#include <random>
#include <set>

#include "base/fd.h"
#include "base/text.h"
#include "harness.h"

namespace holm::test {
namespace {

// Those that anybody may call: "WHO MAY WHAT" of org.holm1(5).
const std::set<std::string> free_for_all = {"GetMachine", "GetMachineByPID", "GetMachineAddresses", "ListMachines", "ListAll",
                                            "ListImages", "GetImage",        "ListNetworks"};

// Fills a message by a signature.
class Values {
public:
    explicit Values(uint64_t seed) : random_(seed) {}

    void fill(sd_bus_message* message, std::string_view signature)
    {
        while (!signature.empty()) {
            const size_t length = complete(signature);
            append(message, signature.substr(0, length));
            signature.remove_prefix(length);
        }
    }

private:
    uint64_t number() { return random_() % 3 == 0 ? random_() : random_() % 4; }

    static size_t complete(std::string_view signature)
    {
        if (signature[0] == 'a') return 1 + complete(signature.substr(1));
        if (signature[0] != '(' && signature[0] != '{') return 1;
        size_t depth = 0, at = 0;
        do {
            if (signature[at] == '(' || signature[at] == '{') ++depth;
            if (signature[at] == ')' || signature[at] == '}') --depth;
            ++at;
        } while (depth);
        return at;
    }

    std::string text()
    {
        static const std::vector<std::string> texts = {"",
                                                       "holm-bus-web",
                                                       "holm-bus-xyz",
                                                       ".",
                                                       "..",
                                                       ".host",
                                                       "a_b",
                                                       "-a",
                                                       "/",
                                                       "/a/../b",
                                                       "a\nb",
                                                       "%s%n",
                                                       "\x01\x02",
                                                       "org.holm1",
                                                       "[root]\npath = \"/\"\n",
                                                       "[root",
                                                       "\"",
                                                       "{}",
                                                       ";",
                                                       "root",
                                                       "4294967296",
                                                       "-1",
                                                       "infinity",
                                                       "tcp:80",
                                                       "8080:80",
                                                       "sha256:../../x"};
        if (random_() % 16 == 0) return std::string(random_() % 70000, 'x');
        return texts[random_() % texts.size()];
    }

    void append(sd_bus_message* message, std::string_view type)
    {
        const std::string inner(type.substr(type.size() > 1 ? 1 : 0, type.size() > 1 ? type.size() - 1 : 0));
        switch (type[0]) {
        case 's': sd_bus_message_append(message, "s", text().c_str()); return;
        case 'o': sd_bus_message_append(message, "o", "/org/holm1/job/1"); return;
        case 'b': sd_bus_message_append(message, "b", static_cast<int>(random_() % 2)); return;
        case 'i': sd_bus_message_append(message, "i", static_cast<int32_t>(number())); return;
        case 'u': sd_bus_message_append(message, "u", static_cast<uint32_t>(number())); return;
        case 't': sd_bus_message_append(message, "t", number()); return;
        case 'h': {
            auto pipe = make_pipe();
            sd_bus_message_append(message, "h", pipe ? pipe->first.get() : 0);
            return;
        }
        case 'v': {
            const char* kinds[] = {"s", "b", "u", "t", "as"};
            const char* kind = kinds[random_() % 5];
            sd_bus_message_open_container(message, 'v', kind);
            fill(message, kind);
            sd_bus_message_close_container(message);
            return;
        }
        case 'a': {
            sd_bus_message_open_container(message, 'a', inner.c_str());
            for (uint64_t i = random_() % (inner == "h" ? 4 : 6); i > 0; --i) append(message, inner);
            sd_bus_message_close_container(message);
            return;
        }
        case '(':
        case '{': {
            const std::string members = inner.substr(0, inner.size() - 1);
            sd_bus_message_open_container(message, type[0] == '(' ? 'r' : 'e', members.c_str());
            fill(message, members);
            sd_bus_message_close_container(message);
            return;
        }
        default: FAIL() << "a type that this test does not know: " << type;
        }
    }

    std::mt19937_64 random_;
};

class TypedTest : public BusTest {
protected:
    TypedTest() { define("holm-bus-web", "owner = \"bob\"\n[root]\npath = \"/srv/x\"\n"); }
    // (name, signature of what goes in) of all methods, as holmd says.
    std::vector<std::pair<std::string, std::string>> methods()
    {
        const auto text = wait_for(send(root, api::root_path, "org.freedesktop.DBus.Introspectable", "Introspect")).read<std::string>();
        std::vector<std::pair<std::string, std::string>> all;
        const size_t begin = text.find(fmt::format("<interface name=\"{}\">", api::manager_interface));
        std::string_view rest = std::string_view(text).substr(begin, text.find("</interface>", begin) - begin);
        auto value_of = [](std::string_view line, std::string_view key) {
            const size_t at = line.find(fmt::format("{}=\"", key)) + key.size() + 2;
            return std::string(line.substr(at, line.find('"', at) - at));
        };
        for (std::string_view line : split(rest, '\n')) {
            line = trim(line);
            if (line.starts_with("<method")) all.emplace_back(value_of(line, "name"), "");
            if (line.starts_with("<arg") && !all.empty() && line.contains("direction=\"in\"")) all.back().second += value_of(line, "type");
            if (line.starts_with("<signal") || line.starts_with("<property")) continue;
        }
        return all;
    }
};

TEST_F(TypedTest, NobodyGetsAnythingOfAnyMethod)
{
    const auto all = methods();
    ASSERT_GT(all.size(), 70U);
    Values values(4711);
    for (int round = 0; round < 60; ++round)
        for (const auto& [name, signature] : all) {
            auto message = new_call(alice, api::root_path, api::manager_interface, name.c_str());
            values.fill(message.get(), signature);
            Answer answer = wait_for(send(std::move(message)));
            ASSERT_TRUE(answer.come) << name << " was not answered";
            if (!free_for_all.contains(name)) {
                ASSERT_FALSE(answer.error.empty()) << name;
            }
            if (!answer.error.empty()) {
                ASSERT_TRUE(answer.error.starts_with("org.holm1.Error.") || answer.error.starts_with("org.freedesktop.DBus.Error."))
                    << name << ": " << answer.error;
                ASSERT_NE(answer.error, "org.freedesktop.DBus.Error.NoReply") << name;
                ASSERT_FALSE(answer.text.empty()) << name;
            }
        }
    EXPECT_TRUE(call(alice, "ListAll").ok());
    EXPECT_TRUE(calls.empty() || !heard("StartUnit")) << "something was started";
}

}  // namespace
}  // namespace holm::test
