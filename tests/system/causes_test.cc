// Causes of a failed start, each made for real: the first line of `why` names it.
#include <functional>

#include "base/text.h"
#include "host.h"

namespace holm::test {

namespace {

// What a cause is made of: a fresh busybox root and a folder beside it.
struct Stage {
    std::string machine, other;  // names
    std::string root, folder;
};

struct Cause {
    const char* name;
    // The definition, once what is to fail is there. "" where it has none and `start` makes the machine.
    std::function<std::string(const Stage&)> definition;
    std::vector<const char*> words;                         // all of them are in the first line
    std::function<void(const Stage&)> undo = [](auto&) {};  // what the host would keep
};

void PrintTo(const Cause& cause, std::ostream* out)
{
    *out << cause.name;
}

std::string of_command(const Stage& stage, const std::string& command, const std::string& more = "")
{
    return fmt::format("[root]\npath = \"{}\"\n[payload]\ncommand = [{}]\n{}", stage.root, command, more);
}

// Of a machine that would run, but for `more`.
std::string with(const Stage& stage, const std::string& more)
{
    return of_command(stage, R"("/bin/sleep", "1000")", more);
}

std::string with_payload(const Stage& stage, const std::string& keys)
{
    return of_command(stage, R"("/bin/sleep", "1000")", keys);
}

void start_other(const Stage& stage, const std::string& definition)
{
    write_file("/etc/holm/machines/" + stage.other + ".toml", definition);
    ASSERT_TRUE(succeeds(holmctl({"start", stage.other})));
}

// The ELF header of the root's busybox with another machine in it: EM_AARCH64.
void make_foreign(const std::string& file)
{
    std::string program = content_of(file);
    program[18] = static_cast<char>(183);
    run({"rm", "-f", file});
    write_file(file, program, 0755);
}

void make_network(const Stage& stage, const std::string& text)
{
    write_file("/etc/holm/networks/" + stage.machine + ".toml", text);
}

void remove_network(const Stage& stage)
{
    run({"rm", "-f", "/etc/holm/networks/" + stage.machine + ".toml"});
    run({"rm", "-rf", "/var/lib/holm/networks/" + stage.machine});
}

const std::vector<Cause>& causes()
{
    static const std::vector<Cause> all = {
        {"NoRoot", [](auto&) { return "[root]\npath = \"/no/such/root\"\n"; }, {"/no/such/root"}},
        {"RootIsNoImage",
         [](auto& s) {
             write_file(s.folder + "/root.raw", "no image at all");
             return fmt::format("[root]\npath = \"{}/root.raw\"\n", s.folder);
         },
         {"root.raw"}},
        {"NoImage", [](auto&) { return "[root]\nimage = \"no-such-image\"\n"; }, {"no-such-image"}},
        {"NoLayer", [](auto& s) { return fmt::format("[root]\nlower = [\"{}\", \"/no/such/layer\"]\n", s.root); }, {"/no/such/layer"}},
        {"LayerIsNoImage",
         [](auto& s) {
             write_file(s.folder + "/layer.squashfs", "no image at all");
             return fmt::format("[root]\nlower = [\"{0}/layer.squashfs\", \"{1}\"]\n[payload]\ncommand = [\"/bin/true\"]\n", s.folder,
                                s.root);
         },
         {"layer.squashfs"}},
        {"NoInit",
         [](auto& s) {
             run({"rm", "-f", s.root + "/sbin/init", s.root + "/init", s.root + "/bin/init"});
             return fmt::format("[root]\npath = \"{}\"\n", s.root);
         },
         {"init"}},
        {"InitIsNotExecutable",
         [](auto& s) {
             make_folder(s.root + "/sbin");
             run({"rm", "-f", s.root + "/sbin/init"});
             write_file(s.root + "/sbin/init", "#!/bin/sh\n", 0644);
             return fmt::format("[root]\npath = \"{}\"\n", s.root);
         },
         {"/sbin/init", "executable"}},
        {"NoCommand", [](auto& s) { return of_command(s, "\"/bin/no-such\""); }, {"/bin/no-such", "does not exist"}},
        {"CommandIsNotExecutable",
         [](auto& s) {
             write_file(s.root + "/bin/plain", "#!/bin/sh\n", 0644);
             return of_command(s, "\"/bin/plain\"");
         },
         {"/bin/plain", "executable"}},
        {"NoInterpreter",
         [](auto& s) {
             write_file(s.root + "/bin/script", "#!/bin/no-shell\n", 0755);
             return of_command(s, "\"/bin/script\"");
         },
         {"/bin/script", "/bin/no-shell"}},
        {"WrongArchitecture",
         [](auto& s) {
             make_foreign(s.root + "/bin/busybox");
             return of_command(s, "\"/bin/busybox\", \"true\"");
         },
         {"/bin/busybox", "architecture"}},
        {"NoUser", [](auto& s) { return with_payload(s, "user = \"nobody-here\"\n"); }, {"nobody-here"}},
        {"NoWorkingDirectory", [](auto& s) { return with_payload(s, "working_directory = \"/no/such/folder\"\n"); }, {"/no/such/folder"}},
        {"NoBindSource",
         [](auto& s) { return with(s, "[[mount]]\nsource = \"/no/such/source\"\ntarget = \"/srv\"\n"); },
         {"/no/such/source"}},
        {"TargetIsBelowAFile",
         [](auto& s) {
             write_file(s.root + "/plain", "");
             return with(s, fmt::format("[[mount]]\nsource = \"{}\"\ntarget = \"/plain/below\"\n", s.folder));
         },
         {"/plain/below"}},
        {"MountIsRefused", [](auto& s) { return with(s, "[[mount]]\nsource = \"/proc\"\ntarget = \"/srv\"\n"); }, {"/proc"}},
        {"UpperCannotHoldIt",
         [](auto& s) {
             make_folder(s.folder + "/ramfs");
             run({"mount", "-t", "ramfs", "ramfs", s.folder + "/ramfs"});
             return fmt::format("[root]\nlower = [\"{}\"]\nupper = \"{}/ramfs/upper\"\n[payload]\ncommand = [\"/bin/true\"]\n", s.root,
                                s.folder);
         },
         {"ramfs"},
         [](auto& s) { run({"umount", "-l", s.folder + "/ramfs"}); }},
        {"FullDisk",
         [](auto& s) {
             const std::string disk = s.folder + "/disk";
             make_folder(disk);
             sh(
                 fmt::format("truncate -s 2M {0}.img && mkfs.ext4 -q -N 16 {0}.img && mount -o loop {0}.img {0} && "
                             "while mkdir {0}/$((i=i+1)) 2>/dev/null; do :; done; dd if=/dev/zero of={0}/1/fill bs=4k 2>/dev/null",
                             disk));
             return fmt::format("[root]\nlower = [\"{}\"]\nupper = \"{}/upper\"\n[payload]\ncommand = [\"/bin/true\"]\n", s.root, disk);
         },
         {"disk/upper", "No space left"},
         [](auto& s) { run({"umount", "-l", s.folder + "/disk"}); }},
        {"UpperIsInUse",
         [](auto& s) {
             const std::string root = fmt::format(
                 "[root]\nlower = [\"{}\"]\nupper = \"{}/upper\"\n[payload]\ncommand = [\"/bin/sleep\", \"99\"]\n", s.root, s.folder);
             start_other(s, root);
             return root;
         },
         {"upper", "web-other"}},
        {"PortIsPublished",
         [](auto& s) {
             const std::string publish = "[[network]]\nnetwork = \"holm0\"\npublish = [\"127.0.0.1:41999:80\"]\n";
             start_other(s, with(s, publish));
             return fmt::format("[root]\nlower = [\"{}\"]\n[payload]\ncommand = [\"/bin/sleep\", \"99\"]\n{}", s.root, publish);
         },
         {"41999", "web-other"}},
        {"NoNetwork", [](auto& s) { return with(s, "[[network]]\nnetwork = \"no-such-net\"\n"); }, {"no-such-net"}},
        {"NoBridge", [](auto& s) { return with(s, "[[network]]\nnetwork = \"bridge:no-bridge0\"\n"); }, {"no-bridge0"}},
        {"NoParentInterface", [](auto& s) { return with(s, "[[network]]\nnetwork = \"macvlan:no-eth0\"\n"); }, {"no-eth0"}},
        {"AddressIsOfNoSubnet",
         [](auto& s) {
             make_network(s, "subnets = [\"10.241.7.0/24\"]\n");
             return with(s, fmt::format("[[network]]\nnetwork = \"{}\"\naddress = [\"10.9.9.9\"]\n", s.machine));
         },
         {"10.9.9.9"},
         remove_network},
        {"AddressIsTaken",
         [](auto& s) {
             make_network(s, "subnets = [\"10.241.7.0/24\"]\n");
             const std::string network = fmt::format("[[network]]\nnetwork = \"{}\"\naddress = [\"10.241.7.9\"]\n", s.machine);
             start_other(s, with(s, network));
             return fmt::format("[root]\nlower = [\"{}\"]\n[payload]\ncommand = [\"/bin/sleep\", \"99\"]\n{}", s.root, network);
         },
         {"10.241.7.9", "web-other"},
         remove_network},
        {"PoolIsFull",
         [](auto& s) {
             make_network(s, "subnets = [\"10.241.7.0/30\"]\n");
             const std::string network = fmt::format("[[network]]\nnetwork = \"{}\"\n", s.machine);
             start_other(s, with(s, network));
             return fmt::format("[root]\nlower = [\"{}\"]\n[payload]\ncommand = [\"/bin/sleep\", \"99\"]\n{}", s.root, network);
         },
         {"10.241.7.0/30", "address"},
         remove_network},
        {"UnknownKey", [](auto&) { return "[rooot]\n"; }, {".toml:1:2", "rooot"}},
        {"SyntaxError", [](auto&) { return "[root\npath = 7\n"; }, {".toml:1"}},
        {"WrongKind", [](auto&) { return "[root]\npath = 7\n"; }, {".toml:2", "path"}},
        {"UnsupportedIsolation",
         [](auto& s) { return with(s, "[security]\nisolation = \"kata\"\n"); },
         {"kata-runtime", "security.isolation"}},
        {"NoProfile", [](auto& s) { return "profiles = [\"no-such-profile\"]\n" + with(s, ""); }, {"no-such-profile"}},
        {"NoDevice", [](auto& s) { return with(s, "[security]\ndevices = [\"/dev/no-such-device\"]\n"); }, {"/dev/no-such-device"}},
        {"NoLabelOfAppArmor", [](auto& s) { return with(s, "[security]\napparmor = \"no-such-profile\"\n"); }, {"AppArmor"}},
        {"NoLabelOfSelinux", [](auto& s) { return with(s, "[security]\nselinux = \"a_u:a_r:a_t:s0\"\n"); }, {"SELinux"}},
        {"NoSystemCall", [](auto& s) { return with(s, "[security]\nsyscalls = { deny = [\"no_such_call\"] }\n"); }, {"no_such_call"}},
        {"NoParameter", [](auto& s) { return with(s, "[security]\nsysctl = { \"net.no.such\" = \"1\" }\n"); }, {"net.no.such"}},
        {"RangeIsTaken",
         [](auto& s) {
             const std::string users = "[security]\nusers = \"1900544:65536\"\n";
             start_other(s, with(s, users));
             return fmt::format("[root]\nlower = [\"{}\"]\n[payload]\ncommand = [\"/bin/sleep\", \"99\"]\n{}", s.root, users);
         },
         {"1900544", "web-other"}},
        {"NoRangeIsLeft",
         [](auto& s) {
             write_file("/etc/holm/holm.toml", "[users]\nbase = 524288\ncount = 65536\n");
             run({"systemctl", "reload", "holmd.service"});
             start_other(s, with(s, ""));
             return fmt::format("[root]\nlower = [\"{}\"]\n[payload]\ncommand = [\"/bin/sleep\", \"99\"]\n", s.root);
         },
         {"range", "524288"},
         [](auto&) {
             run({"rm", "-f", "/etc/holm/holm.toml"});
             run({"systemctl", "reload", "holmd.service"});
         }},
        {"LimitThatTheHostDoesNotHave",
         [](auto& s) { return with(s, "[resources]\n\"hugetlb.8KB.max\" = \"1M\"\n"); },
         {"hugetlb.8KB.max"}},
        {"NoCredential",
         [](auto& s) { return with(s, "[[credential]]\nname = \"a\"\nfile = \"/no/such/secret\"\n"); },
         {"/no/such/secret"}},
        {"CredentialIsTooLarge",
         [](auto& s) {
             write_file(s.folder + "/secret", std::string((1 << 20) + 1, 'x'));
             return with(s, fmt::format("[[credential]]\nname = \"a\"\nfile = \"{}/secret\"\n", s.folder));
         },
         {"/secret", "is larger than"}},
        {"NoUnitThatIsRequired",
         [](auto& s) { return with(s, "[unit]\nrequires = [\"no-such-unit.service\"]\n"); },
         {"no-such-unit.service"}},
        {"ARequiredMachineFails",
         [](auto& s) {
             write_file("/etc/holm/machines/" + s.other + ".toml", "[root]\npath = \"/no/such/root\"\n");
             return with(s, fmt::format("[unit]\nafter = [\"machine:{0}\"]\nrequires = [\"machine:{0}\"]\n", s.other));
         },
         {"web-other"}},
        {"NotReadyInTime",
         [](auto& s) { return with_payload(s, "ready = \"port:9\"\nstart_timeout = \"1s\"\n"); },
         {"not ready within 1s", "port 9"}},
        {"EndsBeforeItIsReady",
         [](auto& s) { return of_command(s, R"("/bin/sh", "-c", "exit 7")", "ready = \"port:9\"\n"); },
         {"ended before it was ready", "exit status 7"}},
        {"EndsByASignal", [](auto& s) { return of_command(s, R"("/bin/sh", "-c", "kill -SEGV $$")", "init = true\n"); }, {"SEGV"}},
        {"AGuestsUnitFails",
         [](auto& s) {
             return fmt::format(
                 "[root]\nlower = [\"{}\", \"{}\"]\nmode = \"ephemeral\"\n[payload]\nready = \"unit:broken.service\"\nstart_timeout = "
                 "\"20s\"\n",
                 s.folder + "/units", guest());
         },
         {"broken.service"}},
    };
    return all;
}

}  // namespace

class CausesTest : public SystemTest, public testing::WithParamInterface<Cause> {};

TEST_P(CausesTest, IsNamedByTheFirstLineOfWhy)
{
    const Cause& cause = GetParam();
    const Stage stage{.machine = name(), .other = name("web-other"), .root = busybox(), .folder = folder()};
    make_folder(stage.folder + "/units/etc/systemd/system");
    write_file(stage.folder + "/units/etc/systemd/system/broken.service", "[Service]\nType=oneshot\nExecStart=/bin/false\n");
    const std::string definition = cause.definition(stage);
    define(stage.machine, definition);
    if (definition.contains("[unit]")) run({"systemctl", "daemon-reload"});
    holmctl({"start", stage.machine}, {}, 120s);
    EXPECT_TRUE(wait_for_state(stage.machine, "failed", 60s));
    const std::string text = holmctl({"why", stage.machine}).out, line = text.substr(0, text.find('\n'));
    fmt::print("{}: {}\n", cause.name, line);
    EXPECT_TRUE(line.starts_with(stage.machine + ": ")) << text;
    for (const char* word : cause.words) EXPECT_TRUE(has(line, word)) << text;
    run({"systemctl", "reset-failed", service_of(stage.machine)});
    take_away(stage.other);
    take_away(stage.machine);
    cause.undo(stage);
}

INSTANTIATE_TEST_SUITE_P(Each, CausesTest, testing::ValuesIn(causes()), [](const auto& one) { return std::string(one.param.name); });

}  // namespace holm::test
