#include "security/compile_filter.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <openssl/evp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "base/fd.h"
#include "base/handle.h"

namespace holm::security {

namespace {

using Context = Handle<void, seccomp_release>;

constexpr int max_number = 1024;  // of a system call, for a few years to come

struct Architecture {
    uint32_t token;   // of libseccomp
    uint32_t number;  // AUDIT_ARCH_*: of seccomp_data.arch
};

Result<> check(int result, std::string_view what)
{
    if (result >= 0) return {};
    return errno_error(-result, "cannot make the filter of system calls: {}", what);
}

std::vector<Architecture> architectures(bool secondary)
{
    std::vector<Architecture> list = {{seccomp_arch_native(), seccomp_arch_native()}};
    if (!secondary) return list;
    switch (list[0].token) {
    case SCMP_ARCH_X86_64: list.push_back({SCMP_ARCH_X86, AUDIT_ARCH_I386}); break;
    case SCMP_ARCH_AARCH64: list.push_back({SCMP_ARCH_ARM, AUDIT_ARCH_ARM}); break;
    default: break;
    }
    return list;
}

// The number of a call there; empty: it has none.
std::optional<uint32_t> number_of(const Architecture& architecture, const std::string& name)
{
    int number = seccomp_syscall_resolve_name_arch(architecture.token, name.c_str());
    if (number < 0) return std::nullopt;
    return static_cast<uint32_t>(number);
}

// ── by names ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

std::optional<std::string> name_of(const Architecture& architecture, int number)
{
    Handle<char, free> name(seccomp_syscall_resolve_num_arch(architecture.token, number));
    return name ? std::optional<std::string>(name.get()) : std::nullopt;
}

Result<Context> make_context(const Architecture& architecture)
{
    Context context(seccomp_init(SCMP_ACT_ERRNO(ENOSYS)));
    if (!context) return error(Errc::Failed, "cannot make the filter of system calls: out of memory");
    if (architecture.token != seccomp_arch_native()) {
        TRY(check(seccomp_arch_add(context.get(), architecture.token), "the architecture"));
        TRY(check(seccomp_arch_remove(context.get(), SCMP_ARCH_NATIVE), "the architecture"));
    }
    TRY(check(seccomp_attr_set(context.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS)), "other architectures"));
    TRY(check(seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2), "a tree"));  // a search in log(n) for each call
    return context;
}

Result<> add_rules(scmp_filter_ctx context, const Architecture& architecture, const SyscallNames& allowed)
{
    for (int number = 0; number < max_number; ++number) {
        auto name = name_of(architecture, number);
        if (!name) continue;
        const uint32_t action = allowed.contains(*name) ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EPERM);
        int native = seccomp_syscall_resolve_name(name->c_str());
        TRY(check(seccomp_rule_add_array(context, action, native, 0, nullptr), *name));
    }
    return {};
}

Result<std::vector<sock_filter>> export_program(scmp_filter_ctx context)
{
    Fd file(::memfd_create("holm-filter", MFD_CLOEXEC));
    if (!file) return sys_error("cannot make the filter of system calls");
    TRY(check(seccomp_export_bpf(context, file.get()), "its program"));
    if (::lseek(file.get(), 0, SEEK_SET)) return sys_error("cannot make the filter of system calls");
    const std::string bytes = TRY(read_all(file.get(), max_filter_file));
    std::vector<sock_filter> program(bytes.size() / sizeof(sock_filter));
    std::memcpy(program.data(), bytes.data(), program.size() * sizeof(sock_filter));
    return program;
}

// ── by arguments ────────────────────────────────────────────────────────────────────────────────────────────────────────────

// In a program of its own: libseccomp knows no order of conditions, and none for "all but these".
class Assembler {
public:
    void begin(const Architecture& architecture)
    {
        end_of_architecture();
        add(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch));
        add(BPF_JMP | BPF_JEQ | BPF_K, architecture.number, 1, 0);
        open_ = program_.size();
        add(BPF_JMP | BPF_JA, 0);
    }

    void add_check(uint32_t number, const Check& check)
    {
        // Each condition: load, mask, compare; on to the next check where it does not hold.
        const size_t size = 3 * check.conditions.size();
        add(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr));
        add(BPF_JMP | BPF_JEQ | BPF_K, number, 0, static_cast<uint8_t>(size + 1));
        size_t left = size;
        for (const Condition& condition : check.conditions) {
            left -= 3;
            add(BPF_LD | BPF_W | BPF_ABS, low_half(condition.argument));
            add(BPF_ALU | BPF_AND | BPF_K, condition.mask);
            add(BPF_JMP | BPF_JEQ | BPF_K, condition.value, 0, static_cast<uint8_t>(left + 1));
        }
        add(BPF_RET | BPF_K, check.answer ? SECCOMP_RET_ERRNO | static_cast<uint32_t>(check.answer) : SECCOMP_RET_ALLOW);
    }

    std::vector<sock_filter> finish()
    {
        end_of_architecture();
        add(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
        return std::move(program_);
    }

private:
    static uint32_t low_half(unsigned argument)
    {
        constexpr size_t low = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 0 : sizeof(uint32_t);
        return static_cast<uint32_t>(offsetof(seccomp_data, args) + argument * sizeof(uint64_t) + low);
    }
    void add(unsigned code, size_t value, uint8_t where_true = 0, uint8_t where_false = 0)
    {
        program_.push_back({static_cast<uint16_t>(code), where_true, where_false, static_cast<uint32_t>(value)});
    }
    // The jump over the checks of another architecture is known at their end.
    void end_of_architecture()
    {
        if (!open_) return;
        add(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
        program_[*open_].k = static_cast<uint32_t>(program_.size() - *open_ - 1);
        open_.reset();
    }

    std::vector<sock_filter> program_;
    std::optional<size_t> open_;
};

std::vector<sock_filter> assemble_checks(const Filter& filter)
{
    Assembler assembler;
    for (const Architecture& architecture : architectures(filter.secondary_abi)) {
        assembler.begin(architecture);
        for (const Check& check : filter.checks)
            if (auto number = number_of(architecture, check.syscall)) assembler.add_check(*number, check);
    }
    return assembler.finish();
}

// ── files ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────

Result<std::string> sha256(std::string_view text)
{
    std::string digest(32, '\0');
    unsigned size = 0;
    if (!EVP_Digest(text.data(), text.size(), reinterpret_cast<unsigned char*>(digest.data()), &size, EVP_sha256(), nullptr))
        return error(Errc::Failed, "cannot compute a SHA-256 digest");
    return digest;
}

bool is_whole(const std::string& path)
{
    auto content = read_regular_file(path, max_filter_file);
    if (!content) return false;
    auto file = parse_filter_file(*content);
    if (!file) return false;
    auto digest = sha256(file->encoded_programs);
    return digest && *digest == file->digest;
}

}  // namespace

Result<FilterPrograms> compile_filter(const Filter& filter)
{
    Context all;
    for (const Architecture& architecture : architectures(filter.secondary_abi)) {
        Context context = TRY(make_context(architecture));
        TRY(add_rules(context.get(), architecture, filter.allowed));
        if (!all) all = std::move(context);
        else TRY(check(seccomp_merge(all.get(), context.release()), "the second architecture"));
    }
    FilterPrograms programs;
    programs.push_back(TRY(export_program(all.get())));
    programs.push_back(assemble_checks(filter));
    return programs;
}

void load_digests()
{
    static_cast<void>(sha256(""));
}

Result<std::string> filter_path(const Plan& plan, const std::string& folder)
{
    if (plan.syscalls.profile == SyscallProfile::None) return std::string();
    const scmp_version* version = seccomp_version();
    utsname kernel;
    if (::uname(&kernel)) return sys_error("cannot ask for the kernel's version");
    const Filter filter = TRY(plan_filter(plan));
    const std::string digest = TRY(sha256(fmt::format("{}libseccomp {}.{}.{}\n{} {}\n", describe_filter(filter), version->major,
                                                      version->minor, version->micro, kernel.release, kernel.machine)));
    std::string name;
    for (unsigned char byte : std::string_view(digest).substr(0, 16)) name += fmt::format("{:02x}", byte);
    return fmt::format("{}/{}", folder, name);
}

Result<> provide_filter(const Plan& plan, const std::string& path)
{
    if (path.empty() || is_whole(path)) return {};
    const Filter filter = TRY(plan_filter(plan));
    const std::string programs = encode_programs(TRY(compile_filter(filter)));
    TRY(make_folders(path.substr(0, path.rfind('/')), 0700));
    return replace_file(path, encode_filter_file(TRY(sha256(programs)), programs), 0400, Durable::No);
}

}  // namespace holm::security
