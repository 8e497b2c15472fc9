// The whole plan: what its parts decide together.
#include "launch/make_plan.h"

#include <gtest/gtest.h>

#include "example.h"

namespace holm::launch {
namespace {

TEST(MakePlan, NamesItsUnitByKind)
{
    EXPECT_EQ(make_plan(example::spec(), example::facts(), {})->unit.name, "holm-web.scope");
    EXPECT_EQ(make_plan(example::spec(), example::facts(), {.unit = UnitKind::Service})->unit.name, "holm@web.service");
}

TEST(MakePlan, SamePayloadInScopeAndService)
{
    Plan scope = *make_plan(example::spec(), example::facts(), {.unit = UnitKind::Scope});
    Plan service = *make_plan(example::spec(), example::facts(), {.unit = UnitKind::Service});
    service.unit = scope.unit;
    EXPECT_EQ(scope, service);
}

TEST(MakePlan, ALabelNeedsItsModule)
{
    machine::Spec spec = example::spec();
    spec.security.apparmor = "web";
    EXPECT_EQ(make_plan(spec, example::facts(), {}).error().code, Errc::NotSupported);
    EXPECT_EQ(make_plan(spec, example::facts(), {}).error().text,
              "AppArmor is not active on this host: boot it with it, or leave out 'security.apparmor'");
    Facts facts = example::facts();
    facts.host.apparmor = true;
    EXPECT_EQ(make_plan(spec, facts, {})->security.apparmor, "web");
    spec.security.apparmor = "generated";
    EXPECT_EQ(make_plan(spec, facts, {})->security.apparmor, "holm-machine-" + spec.name.text());
    EXPECT_TRUE(make_plan(spec, facts, {})->security.own_profile);
    spec.security.selinux = "u:r:t";
    EXPECT_EQ(make_plan(spec, facts, {}).error().code, Errc::NotSupported);
}

TEST(MakePlan, ASandboxNeedsItsRuntime)
{
    machine::Spec spec = example::command_spec();
    spec.security.isolation = "kata";
    Facts facts = example::command_facts();
    EXPECT_EQ(make_plan(spec, facts, {}).error().code, Errc::NotSupported);
    EXPECT_EQ(make_plan(spec, facts, {}).error().text,
              "isolation = \"kata\" needs the program 'kata-runtime', which is in none of /usr/local/bin, /usr/bin, /usr/local/sbin, "
              "/usr/sbin: install it, or leave out 'security.isolation'");
    facts.host.runtime = "/usr/bin/kata-runtime";
    EXPECT_EQ(make_plan(spec, facts, {})->security.runtime, "/usr/bin/kata-runtime");
    EXPECT_EQ(make_plan(spec, facts, {})->security.syscalls.profile, security::SyscallProfile::None);
    spec.payload = {};
    EXPECT_EQ(make_plan(spec, facts, {}).error().text, "isolation = \"kata\" runs one command, and there is none: give payload.command");
}

// What is secret is in no plan.
TEST(MakePlan, ACredentialsValueStaysInAFile)
{
    machine::Spec spec = example::spec();
    spec.credentials = {{"a", "/etc/holm/secrets/a", ""}, {"b", "", "hush"}};
    EXPECT_EQ(make_plan(spec, example::facts(), {})->credentials,
              (std::vector<Credential>{{"a", "/etc/holm/secrets/a"}, {"b", "/run/holm/machines/web/credential-1"}}));
}

TEST(MakePlan, LocksWhatIsWritten)
{
    Plan overlay = *make_plan(example::spec(), example::facts(), {});
    EXPECT_EQ(overlay.locked_paths, (std::vector<std::string>{"/var/lib/holm/machines/web/upper", "/var/lib/holm/machines/web/work"}));
    EXPECT_EQ(overlay.shared_paths, overlay.rootfs.lower);
    EXPECT_EQ(overlay.range_lock, "/run/systemd/nspawn-uid/524288");

    machine::Spec spec = example::spec();
    spec.root = {.path = "/srv/app"};
    Facts facts = example::facts();
    facts.rootfs.layers.resize(1);
    facts.identity.ids = {machine::IdMapping::Identity, 0, UINT32_MAX};
    Plan in_place = *make_plan(spec, facts, {});
    EXPECT_EQ(in_place.locked_paths, std::vector<std::string>{"/srv/app"});
    EXPECT_TRUE(in_place.shared_paths.empty());
    EXPECT_EQ(in_place.range_lock, "");
    spec.root.mode = machine::RootMode::Ephemeral;
    EXPECT_TRUE(make_plan(spec, facts, {})->locked_paths.empty());
}

TEST(MakePlan, OneIdForAll)
{
    machine::Spec spec = example::spec();
    spec.identity.machine_id = machine::MachineIdKind::Given;
    spec.identity.machine_id_value = "0123456789abcdef0123456789abcdef";
    Plan plan = *make_plan(spec, example::facts(), {});
    EXPECT_EQ(plan.uuid, spec.identity.machine_id_value);
    EXPECT_EQ(plan.payload.command[1], "systemd.machine_id=0123456789abcdef0123456789abcdef");
    EXPECT_TRUE(plan.rootfs.files.empty());  // systemd is told, its files are left alone
    spec.identity.machine_id = machine::MachineIdKind::Fresh;
    EXPECT_EQ(make_plan(spec, example::facts(), {})->uuid, example::facts().fresh_id);
}

TEST(MakePlan, ResolversOfItsNetworks)
{
    machine::Spec spec = example::spec();
    spec.networks = {{.network = "lan"}};
    Facts facts = example::facts();
    facts.network = example::network_facts();
    const Plan plan = *make_plan(spec, facts, {});
    EXPECT_EQ(plan.network.kind, network::Kind::Endpoints);
    ASSERT_EQ(plan.rootfs.files.size(), 1U);
    EXPECT_EQ(plan.rootfs.files[0].path, "/etc/resolv.conf");
    EXPECT_TRUE(plan.rootfs.files[0].content.ends_with("search holm\nnameserver 10.213.0.1\n")) << plan.rootfs.files[0].content;
    spec.identity.resolv_conf.mode = machine::ResolvConfMode::Off;
    EXPECT_TRUE(make_plan(spec, facts, {})->rootfs.files.empty());
    spec.identity.resolv_conf.mode = machine::ResolvConfMode::Auto, facts.rootfs.resolv_conf_is_link = true;
    EXPECT_TRUE(make_plan(spec, facts, {})->rootfs.files.empty());
}

TEST(MakePlan, Refusals)
{
    Facts facts = example::facts();
    facts.host.unified_cgroup = false;
    EXPECT_EQ(make_plan(example::spec(), facts, {}).error().code, Errc::NotSupported);
    machine::Spec spec = example::spec();
    spec.networks = {{.network = "lan"}};
    EXPECT_EQ(make_plan(spec, example::facts(), {}).error().text, "network 'lan' is not there: nothing is known of it");
}

}  // namespace
}  // namespace holm::launch
