#include "services/baggageclaim/uidgid/translator.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <atomic>
#include <cerrno>
#include <string>

#include "common/base/error.hpp"
#include "common/base/unique_fd.hpp"
#include "services/baggageclaim/disk/beneath.hpp"
#include "services/baggageclaim/disk/parallel_walk.hpp"
#include "services/baggageclaim/uidgid/capability.hpp"
#include "services/baggageclaim/uidgid/kept_attributes.hpp"

namespace concourse::baggageclaim {

namespace {

constexpr mode_t kSpecialBits = S_ISUID | S_ISGID | S_ISVTX;

std::optional<std::string> read_capability(const std::string& path) {
  char value[64];
  const auto size = ::getxattr(path.c_str(), kCapabilityXattr, value, sizeof value);
  if (size <= 0) return std::nullopt;
  return std::string(value, static_cast<std::size_t>(size));
}

class OwnerChange {
 public:
  explicit OwnerChange(const OwnerRule& rule) : view_(rule.view), change_(rule.change), repeated_(rule.repeated) {
    if (!rule.everything) return;
    const auto uid = view_.to_host(rule.everything->uid), gid = view_.to_host(rule.everything->gid);
    if (!uid || !gid)
      throw Error(ErrorKind::invalid, "user " + std::to_string(rule.everything->uid) + ":" + std::to_string(rule.everything->gid) +
                                          " doesn't exist in an unprivileged container");
    target_ = Owner{*uid, *gid};
  }

  // True if the entry had to change.
  bool apply(const WalkEntry& entry) const {
    if (settled(entry.status) && !(repeated_ && S_ISREG(entry.status.st_mode))) return false;
    // Held by descriptor, and looked at again: the name could stand for another file by now.
    const UniqueFd fd(::openat(entry.directory, entry.name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!fd && errno == ENOENT) return false;
    if (!fd) throw SysError(what("open", entry));
    struct stat st {};
    if (::fstat(fd.get(), &st) != 0) throw SysError(what("stat", entry));
    const auto path = fd_path(fd.get());
    const bool regular = S_ISREG(st.st_mode);
    const auto earlier = repeated_ && regular ? kept_attributes(path) : std::nullopt;
    if (settled(st) && !earlier) return false;
    KeptAttributes kept = earlier.value_or(KeptAttributes{st.st_mode & 07777, ""});
    if (!earlier && regular && (st.st_mode & 0111) != 0) kept.capability = read_capability(path).value_or("");
    // chown(2) clears the special bits and the capabilities of files.
    const bool loses = regular && ((kept.mode & kSpecialBits) != 0 || !kept.capability.empty());
    if (loses && !earlier) keep_attributes(path, kept);
    if (::fchownat(fd.get(), "", uid_of(st), gid_of(st), AT_EMPTY_PATH) != 0) throw SysError(what("change owner of", entry));
    if (!loses) return true;
    if ((kept.mode & kSpecialBits) != 0 && ::chmod(path.c_str(), kept.mode) != 0) throw SysError(what("restore mode of", entry));
    if (!kept.capability.empty()) restore_capability(path, kept.capability, entry);
    forget_attributes(path);
    return true;
  }

 private:
  std::uint32_t changed(std::uint32_t host_id, const IdPermutation& change) const {
    if (change.is_identity()) return view_.settle(host_id);
    return view_.swapped(change(host_id == view_.max() ? 0 : host_id));
  }

  std::uint32_t uid_of(const struct stat& st) const { return target_ ? target_->uid : changed(st.st_uid, change_.uid); }
  std::uint32_t gid_of(const struct stat& st) const { return target_ ? target_->gid : changed(st.st_gid, change_.gid); }
  bool settled(const struct stat& st) const { return uid_of(st) == st.st_uid && gid_of(st) == st.st_gid; }

  // Whichever root it belonged to before, it is this view's from now on.
  void restore_capability(const std::string& path, const std::string& capability, const WalkEntry& entry) const {
    auto kept = capability_to_container(capability, view_);
    if (!kept && view_.maps()) kept = capability_to_container(capability, IdView::unprivileged(view_.max()));
    const auto stored = kept ? capability_to_host(*kept, view_) : std::nullopt;
    if (stored && ::setxattr(path.c_str(), kCapabilityXattr, stored->data(), stored->size(), 0) != 0)
      throw SysError(what("restore capabilities of", entry));
  }

  static std::string what(const char* verb, const WalkEntry& entry) { return std::string(verb) + " '" + entry.name + "'"; }

  const IdView view_;
  const IdMap change_;
  const bool repeated_;
  std::optional<Owner> target_;
};

}  // namespace

std::optional<Owner> common_owner(int root, const IdView& view, std::uint64_t& entries) {
  struct stat top {};
  if (::fstat(root, &top) != 0) throw SysError("stat a tree's root");
  std::atomic<std::uint64_t> seen = 0;
  std::atomic<bool> common = true;
  walk_parallel(root, walk_threads(), [&](const WalkEntry& entry) {
    seen.fetch_add(1, std::memory_order_relaxed);
    if (entry.status.st_uid == top.st_uid && entry.status.st_gid == top.st_gid) return true;
    common = false;
    return false;
  });
  entries = seen;
  if (!common) return std::nullopt;
  return Owner{view.swapped(top.st_uid), view.swapped(top.st_gid)};
}

std::uint64_t translate_owners(int root, const OwnerRule& rule) {
  if (!rule.view.maps() && !rule.everything) return 0;
  const OwnerChange change(rule);
  std::atomic<std::uint64_t> changed = 0;
  walk_parallel(root, walk_threads(), [&](const WalkEntry& entry) {
    if (change.apply(entry)) changed.fetch_add(1, std::memory_order_relaxed);
    return true;
  });
  return changed;
}

}  // namespace concourse::baggageclaim
