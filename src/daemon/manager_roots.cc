// ManagerObject: a machine's files and images: commit, rebase.
#include "api/names.h"
#include "base/text.h"
#include "daemon/commit.h"
#include "daemon/manager_object.h"
#include "daemon/options.h"
#include "daemon/rebase.h"
#include "daemon/snapshots.h"
#include "image/identifiers.h"
#include "machine/grammar.h"
#include "rootfs/history.h"

namespace holm::daemon {

using machine::Spec;

namespace {

// Of the state before a rebase: two of them may come within a second.
std::string undo_tag()
{
    const uint64_t now = real_now();
    return fmt::format("{}{}.{:03}", rootfs::rebase_prefix, tag_of(now), now / 1000 % 1000);
}

// Paths inside a machine, as the report has them.
Result<std::vector<std::string>> parse_paths(const std::vector<std::string>& texts)
{
    std::vector<std::string> paths;
    for (const std::string& text : texts) {
        paths.push_back(TRY(machine::parse_path(text)));
        if (paths.back() == "/") return error(Errc::Invalid, "'/' is the whole machine: 'rollback' or 'remove' gives that up");
    }
    return paths;
}

}  // namespace

void ManagerObject::commit(Reply reply, const std::string& name, const std::string& image, const systemd::Options& options)
{
    OptionReader reader(options);
    const bool force = reader.take<bool>("force", false), at_next_start = reader.take<bool>("at-next-start", false);
    if (auto read = reader.finish(); !read) return reply.fail(read.error());
    auto target = image::parse_image_name(image);
    if (!target) return reply.fail(target.error());
    with_spec(std::move(reply), Privilege::Manage, "commit", name,
              [this, image = *target, force, at_next_start](Reply granted, const Spec& spec) {
                  const auto sealable = sealable_upper(spec.name, spec);
                  if (!sealable) return granted.fail(sealable.error());
                  const CommitRequest request{.name = spec.name, .spec = spec, .image = image, .force = force, .looking_at = {}};
                  ChangeRequest change{.when = ChangeRequest::While::Frozen, .kind = JobKind::Commit, .doing = "being committed"};
                  change.what = fmt::format("committing machine '{}' as image '{}'", spec.name.text(), image);
                  change.frozen_since = std::make_shared<uint64_t>(0);
                  if (at_next_start) change.when = ChangeRequest::While::Any;
                  change.work = [request, since = change.frozen_since](const Worker::LookingAt& looking_at) {
                      CommitRequest own = request;
                      own.looking_at = looking_at;
                      return seal_for_commit(own, *since);
                  };
                  if (at_next_start)
                      change.put_off = [request](const Worker::LookingAt&) -> Result<kernel::Message> {
                          TRY(put_off_commit(request));
                          return kernel::Message(nothing_left);
                      };
                  change.undo = settling({.name = spec.name, .spec = spec, .tag = "", .looking_at = {}});
                  change.rest = [request](const kernel::Message& sealed, const Worker::LookingAt& looking_at) {
                      CommitRequest own = request;
                      own.looking_at = looking_at;
                      return make_image(own, sealed);
                  };
                  change.failed = [this] { image_jobs_.clean_up(); };
                  change.done = [this, force](uint32_t job, const kernel::Message& made) {
                      if (made.kind == nothing_left) return;
                      if (auto frozen = made.get_number("frozen"))
                          host_.jobs.warn(job, fmt::format("it stood still for {}.{} ms", *frozen / 1000, *frozen % 1000 / 100));
                      if (force) image_jobs_.clean_up();
                      image_jobs_.hash_layers();
                  };
                  lifecycle_.change(spec.name, std::move(change), std::move(granted));
              });
}

void ManagerObject::compare_rebase(Reply reply, const std::string& name, const std::string& image)
{
    if (auto valid = image::parse_reference(image); !valid) return reply.fail(valid.error());
    with_spec(std::move(reply), Privilege::Inspect, "rebase", name, [this, image](Reply granted, const Spec& spec) {
        const RebaseRequest request{.name = spec.name, .spec = spec, .image = image, .tag = "", .take = {}, .looking_at = {}};
        auto job = [request](const Worker::LookingAt& looking_at) -> Result<kernel::Message> {
            RebaseRequest own = request;
            own.looking_at = looking_at;
            kernel::Message answer("ok");
            answer.fds.push_back(TRY(report_rebase(own)));
            return answer;
        };
        answer_with(std::move(granted), fmt::format("comparing machine '{}' with image '{}'", spec.name.text(), image), job,
                    [](Reply answer, kernel::Message found) {
                        if (found.fds.empty()) answer.fail(error(Errc::Failed, "the comparison gave nothing"));
                        else answer.ok(std::move(found.fds.front()));
                    });
    });
}

void ManagerObject::rebase(Reply reply, const std::string& name, const std::string& image, const systemd::Options& options)
{
    OptionReader reader(options);
    const auto asked = reader.take<std::vector<std::string>>("take", {});
    if (auto read = reader.finish(); !read) return reply.fail(read.error());
    if (auto valid = image::parse_reference(image); !valid) return reply.fail(valid.error());
    auto take = parse_paths(asked);
    if (!take) return reply.fail(take.error());
    with_spec(std::move(reply), Privilege::Manage, "rebase", name, [this, image, take = *take](Reply granted, const Spec& spec) {
        const RebaseRequest request{.name = spec.name, .spec = spec, .image = image, .tag = undo_tag(), .take = take, .looking_at = {}};
        ChangeRequest change{.kind = JobKind::Rebase, .doing = "being rebased"};
        change.what = fmt::format("rebasing machine '{}' on image '{}'", spec.name.text(), image);
        change.tag = request.tag;
        change.work = [request](const Worker::LookingAt& looking_at) -> Result<kernel::Message> {
            RebaseRequest own = request;
            own.looking_at = looking_at;
            TRY(rebase_machine(own));
            return done_with({.name = own.name, .spec = own.spec, .tag = own.tag, .looking_at = {}});
        };
        change.undo = settling({.name = spec.name, .spec = spec, .tag = "", .looking_at = {}});
        lifecycle_.change(spec.name, std::move(change), std::move(granted));
    });
}

void ManagerObject::undo_rebase(Reply reply, const std::string& name)
{
    with_spec(std::move(reply), Privilege::Manage, "rebase", name, [this](Reply granted, const Spec& spec) {
        const auto sealable = sealable_upper(spec.name, spec);
        if (!sealable) return granted.fail(sealable.error());
        const SnapshotRequest request{.name = spec.name, .spec = spec, .tag = "", .looking_at = {}};
        ChangeRequest change{.kind = JobKind::Rollback, .doing = "being rolled back"};
        change.what = fmt::format("undoing the last rebase of machine '{}'", spec.name.text());
        change.work = [request](const Worker::LookingAt&) -> Result<kernel::Message> {
            TRY(daemon::undo_rebase(request));
            return done_with(request);
        };
        change.undo = settling(request);
        lifecycle_.change(spec.name, std::move(change), std::move(granted));
    });
}

}  // namespace holm::daemon
