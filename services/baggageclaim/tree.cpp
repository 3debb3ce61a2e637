#include "services/baggageclaim/tree.hpp"

#include <sys/stat.h>

#include <thread>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/daemon/log.hpp"
#include "common/os/file.hpp"
#include "services/baggageclaim/guard.hpp"
#include "services/baggageclaim/release.hpp"
#include "services/baggageclaim/uidgid/max_valid_id.hpp"

namespace concourse::baggageclaim {

namespace {

constexpr auto kLockPatience = std::chrono::seconds(3);
constexpr auto kLockPause = std::chrono::milliseconds(50);

// Nothing if nothing has been mounted there since.
UniqueFd lock_mounted_tree(const UniqueFd& lock, const Paths& paths) {
  struct stat held {
  }, visible{};
  if (::fstat(lock.get(), &held) != 0) throw SysError("stat the lock");
  const bool same = ::stat(paths.lock().c_str(), &visible) == 0 && held.st_dev == visible.st_dev && held.st_ino == visible.st_ino;
  return same ? UniqueFd() : lock_tree(paths);
}

// Before anything is mounted or written in there.
Paths guarded(const Paths& paths) {
  guard_tree(paths);
  return paths;
}

IdPolicy id_policy(const Options& options) {
  IdPolicy policy;
  if (options.user_namespaces) policy.max = own_max_valid_id();
  policy.privileged_is_host_root = options.privileged_is_host_root;
  return policy;
}

}  // namespace

UniqueFd lock_tree(const Paths& paths) {
  const auto deadline = Deadline::in(kLockPatience);
  for (;;) {
    if (auto lock = os::try_lock_file(paths.lock())) return std::move(*lock);
    if (deadline.passed()) {
      const auto holder = os::read_file(paths.lock()).value_or("?");
      throw Error(ErrorKind::unavailable, "'" + paths.volumes().string() + "' is in use by process " + std::string(trim(holder)) +
                                              "; stop it, or choose another directory");
    }
    std::this_thread::sleep_for(kLockPause);
  }
}

Tree::Tree(const Options& options, UniqueFd lock)
    : lock_(std::move(lock)),
      policy_(id_policy(options)),
      paths_(guarded(options.paths)),
      machine_(Machine::look(options.paths)),
      choice_(choose_driver(options.driver, options.paths, policy_, machine_)),
      mounted_lock_(lock_mounted_tree(lock_, options.paths)),
      filesystem_(std::make_unique<Filesystem>(options.paths)),
      syncer_(std::make_unique<Syncer>(options.paths, machine_.boot_id())) {
  if (mounted_lock_) machine_.look_again(paths_);
  guard_tree(paths_);  // what has been mounted there
  log::info("driver", {{"driver", choice_.driver->name()}, {"reason", choice_.reason}, {"ids", choice_.ids}});
  report_ = recover(*filesystem_, *choice_.driver, policy_, machine_, *syncer_);
  log::info("recovered", {{"live", report_.live},
                          {"unfinished", report_.unfinished},
                          {"streams", report_.streams_undone},
                          {"lost", report_.lost},
                          {"quarantined", report_.quarantined}});
}

void Tree::close(bool keep_mounts) {
  syncer_.reset();
  machine_.note_clean_stop(paths_);
  if (keep_mounts) return;
  const bool layered = driver().name() == "overlay";
  // They hold what is to be unmounted.
  filesystem_.reset();
  choice_.driver.reset();
  mounted_lock_.reset();
  const auto report = release_mounts(paths_, layered);
  // With the image the note has gone.
  if (!fs::exists(paths_.clean_stop())) machine_.note_clean_stop(paths_);
  log::info("mounts released", {{"unmounted", report.unmounted}, {"in_use", report.in_use}});
}

}  // namespace concourse::baggageclaim
