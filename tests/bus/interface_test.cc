// The vtables are what src/api/*.xml says: what a client generates its code from.
#include <algorithm>
#include <fstream>
#include <regex>
#include <sstream>

#include "harness.h"

namespace holm::test {
namespace {

using Lines = std::vector<std::string>;

std::string attribute(const std::string& tag, const std::string& name)
{
    std::smatch found;
    return std::regex_search(tag, found, std::regex(name + "=\"([^\"]*)\"")) ? found[1].str() : "";
}

// "method RunMachine in s name, …" for every member of one interface of an introspection text, in its order.
Lines members_of(std::string xml, const std::string& interface)
{
    xml = std::regex_replace(xml, std::regex("<!--[^]*?-->"), "");
    const size_t begin = xml.find("<interface name=\"" + interface + "\"");
    if (begin == xml.npos) return {};
    const std::string body = xml.substr(begin, xml.find("</interface>", begin) - begin);
    const std::regex tag("<(method|signal|property|arg)[^>]*>");
    Lines lines;
    for (std::sregex_iterator at(body.begin(), body.end(), tag), end; at != end; ++at) {
        const std::string text = at->str(), kind = (*at)[1];
        if (kind == "arg") {
            std::string direction = attribute(text, "direction");
            if (direction.empty()) direction = "out";  // of a signal
            lines.back() += fmt::format(" {} {} {};", direction, attribute(text, "type"), attribute(text, "name"));
        } else lines.push_back(fmt::format("{} {} {}", kind, attribute(text, "name"), attribute(text, "type")));
    }
    std::ranges::sort(lines);
    return lines;
}

class InterfaceTest : public BusTest, public testing::WithParamInterface<std::pair<const char*, std::string>> {};

TEST_P(InterfaceTest, IsAsItsXmlSays)
{
    auto [interface, path] = GetParam();
    define("holm-bus-test", "[root]\npath = \"/srv/x\"\n");
    define_network("holm-bus-test", "");
    if (path == api::jobs_path + std::string("/1")) holmd->jobs.begin(*machine::parse_name("holm-bus-test"), daemon::JobKind::Start);
    std::ifstream file(fmt::format("{}/{}.xml", API_FOLDER, interface));
    std::stringstream wanted;
    wanted << file.rdbuf();
    Answer answer = wait_for(send(root, path, "org.freedesktop.DBus.Introspectable", "Introspect"));
    ASSERT_TRUE(answer.ok()) << answer.text;
    const Lines real = members_of(answer.read<std::string>(), interface);
    EXPECT_FALSE(real.empty());
    EXPECT_EQ(real, members_of(wanted.str(), interface));
}

INSTANTIATE_TEST_SUITE_P(All, InterfaceTest,
                         testing::Values(std::pair(api::manager_interface, std::string(api::root_path)),
                                         std::pair(api::machine_interface, api::machines_path + std::string("/holm_2dbus_2dtest")),
                                         std::pair(api::network_interface, api::networks_path + std::string("/holm_2dbus_2dtest")),
                                         std::pair(api::job_interface, api::jobs_path + std::string("/1"))));

}  // namespace
}  // namespace holm::test
