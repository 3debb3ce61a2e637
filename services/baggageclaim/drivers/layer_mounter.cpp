#include "services/baggageclaim/drivers/layer_mounter.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "common/base/error.hpp"
#include "common/base/scope_exit.hpp"
#include "common/os/acting_id.hpp"
#include "services/baggageclaim/disk/mounts.hpp"

namespace concourse::baggageclaim {

namespace {

constexpr std::size_t kMaxOptions = 4095;  // bytes: mount(2) takes one page
constexpr std::size_t kOptionsReserve = 256;
constexpr std::size_t kMaxViews = 10;      // id maps attached at the same time; one digit names each
constexpr const char* kPlainView = "0";    // the layers as they are stored
constexpr const char* kTarget = "target";  // where an overlay is mounted before it is taken away
constexpr const char* kProbeUpper = "probe-upper";
constexpr const char* kProbeWork = "probe-work";

void check(int result, const char* what) {
  if (result != 0) throw SysError(what);
}

bool module_knows(const char* parameter) {
  return ::access((std::string("/sys/module/overlay/parameters/") + parameter).c_str(), F_OK) == 0;
}

}  // namespace

LayerMounter::LayerMounter(const std::filesystem::path& layers, UserNamespaces* namespaces) : namespaces_(namespaces) {
  // index would forbid a layer to be a parent's upper and a child's lower at the same time.
  if (module_knows("index")) features_ += ",index=off";
  // Changing an owner or mode then copies no data, and directories can be renamed.
  if (module_knows("metacopy")) features_ += ",redirect_dir=on,metacopy=on";
  thread_ = std::thread([this] {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return stopping_ || (job_ != nullptr && !job_done_); });
      if (stopping_) return;
      lock.unlock();
      (*job_)();
      lock.lock();
      job_done_ = true;
      changed_.notify_all();
    }
  });
  try {
    on_thread([&] { enter_namespace(layers); });
  } catch (const Error& e) {
    end_thread();
    throw Error(ErrorKind::unavailable, std::string("prepare overlay mounts: ") + e.what());
  }
}

LayerMounter::~LayerMounter() { end_thread(); }

void LayerMounter::end_thread() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

void LayerMounter::on_thread(const std::function<void()>& job) {
  std::exception_ptr failure;
  const std::function<void()> guarded = [&] {
    try {
      job();
    } catch (...) {
      failure = std::current_exception();
    }
  };
  const std::lock_guard one_call(calls_);
  std::unique_lock lock(mutex_);
  job_ = &guarded;
  job_done_ = false;
  changed_.notify_all();
  changed_.wait(lock, [this] { return job_done_; });
  job_ = nullptr;
  if (failure) std::rethrow_exception(failure);
}

void LayerMounter::enter_namespace(const std::filesystem::path& layers) {
  check(::unshare(CLONE_FS | CLONE_NEWNS), "make a mount namespace");
  check(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "make the mount namespace private");
  const auto plain = clone_mount(layers);
  // Over the layers' own place, in this namespace only, because that path surely exists.
  check(::mount("layers", layers.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "size=64k,mode=0700"), "mount a private root");
  check(::chdir(layers.c_str()), "enter the private root");
  for (const char* name : {kPlainView, kTarget}) check(::mkdir(name, 0700), "fill the private root");
  attach_mount(plain.get(), kPlainView);
  // Let go of everything else: a copy of the host's mounts would keep file systems busy that the host has unmounted.
  if (syscall(SYS_pivot_root, ".", ".") == 0) {
    check(::umount2(".", MNT_DETACH), "leave the host's mounts");
  } else {  // on an initramfs
    check(::mount(".", "/", nullptr, MS_MOVE, nullptr), "leave the host's mounts");
    check(::chroot("."), "leave the host's mounts");
  }
  check(::chdir("/"), "enter the private root");
  views_.push_back({{}, kPlainView, UINT64_MAX});
}

// The directory that shows the layers through the map. Overlays keep what they were mounted with, so a view may go when another
// takes its place.
std::string LayerMounter::view_for(const IdMap& map, const Namespaces& namespaces) {
  for (auto& view : views_)
    if (view.map == map) {
      view.used = std::max(view.used, ++clock_);
      return view.directory;
    }
  View view{map, std::to_string(views_.size()), ++clock_};
  if (views_.size() >= kMaxViews) {
    const auto oldest =
        std::min_element(views_.begin(), views_.end(), [](const View& a, const View& b) { return a.used < b.used; });
    view.directory = oldest->directory;
    check(::umount2(view.directory.c_str(), MNT_DETACH), "replace an id map");
    views_.erase(oldest);
  } else {
    check(::mkdir(view.directory.c_str(), 0700), "make room for an id map");
  }
  const auto mapped = clone_mount(kPlainView);
  map_mount_ids(mapped.get(), namespaces.at(map)->get());
  attach_mount(mapped.get(), view.directory);
  views_.push_back(std::move(view));
  return views_.back().directory;
}

// Made on the caller's thread: ours has left /proc behind.
LayerMounter::Namespaces LayerMounter::namespaces_for(const OverlaySpec& spec) const {
  Namespaces namespaces;
  const auto add = [&](const Layer& layer) {
    if (layer.map.is_identity() || namespaces.contains(layer.map)) return;
    if (namespaces_ == nullptr) throw Error(ErrorKind::internal, "an id map where ids aren't mapped");
    namespaces[layer.map] = namespaces_->get(layer.map);
  };
  for (const auto& layer : spec.lower) add(layer);
  add(spec.upper);
  if (namespaces.size() >= kMaxViews) throw Error(ErrorKind::internal, "too many id maps in one overlay");
  return namespaces;
}

std::string LayerMounter::options_for(const OverlaySpec& spec, const Namespaces& namespaces) {
  std::string text = "lowerdir=";
  for (const auto& layer : spec.lower)
    text += (text.back() == '=' ? "" : ":") + view_for(layer.map, namespaces) + "/" + layer.handle;
  const auto upper = view_for(spec.upper.map, namespaces);
  return text + ",upperdir=" + upper + "/" + spec.upper.handle + ",workdir=" + upper + "/work/" + spec.upper.handle + features_ +
         (spec.is_volatile ? ",volatile" : "");
}

bool LayerMounter::fits(const std::vector<Layer>& lower, const Layer& upper) {
  std::size_t size = kOptionsReserve + 2 * upper.handle.size();
  for (const auto& layer : lower) size += layer.handle.size() + 3;
  return size <= kMaxOptions;
}

UniqueFd LayerMounter::mount(const OverlaySpec& spec) {
  UniqueFd detached;
  const auto namespaces = namespaces_for(spec);
  on_thread([&] { detached = mount_here(spec, namespaces); });
  return detached;
}

bool LayerMounter::is_written_by_overlay(const std::string& handle) {
  bool written = false;
  on_thread([&] { written = is_written_here(handle); });
  return written;
}

// With its index, overlayfs refuses a layer below that another overlay writes to. An older kernel, or a file system without file
// handles, refuses nothing: there it is never in use. The index remembers what it was made for, so the next probe needs a new one.
bool LayerMounter::is_written_here(const std::string& handle) {
  for (const char* name : {kProbeUpper, kProbeWork}) check(::mkdir(name, 0700), "prepare a probe");
  const ScopeExit clean([] {
    for (const char* name : {"probe-work/work", "probe-work/index", kProbeWork, kProbeUpper}) ::rmdir(name);
  });
  const auto options =
      std::string("index=on,lowerdir=") + kPlainView + "/" + handle + ",upperdir=" + kProbeUpper + ",workdir=" + kProbeWork;
  if (::mount("probe", kTarget, "overlay", 0, options.c_str()) != 0) return errno == EBUSY;
  ::umount2(kTarget, 0);
  return false;
}

UniqueFd LayerMounter::mount_here(const OverlaySpec& spec, const Namespaces& namespaces) {
  const auto what = "mount the overlay of volume '" + spec.upper.handle + "'";
  const auto options = options_for(spec, namespaces);
  if (options.size() > kMaxOptions) throw Error(ErrorKind::exhausted, what + ": too many layers");
  {
    const os::ActingId root(spec.upper.map.uid(0), spec.upper.map.gid(0));
    if (::mount(spec.source.c_str(), kTarget, "overlay", 0, options.c_str()) != 0) throw SysError(what);
  }
  const ScopeExit leave([] { ::umount2(kTarget, MNT_DETACH); });
  auto detached = clone_mount(kTarget);
  // An overlay whose work directory can't be used is mounted read-only, without an error.
  struct statvfs status {};
  if (::fstatvfs(detached.get(), &status) != 0) throw SysError(what);
  if ((status.f_flag & ST_RDONLY) != 0) throw Error(ErrorKind::unavailable, what + ": the kernel made it read-only");
  return detached;
}

}  // namespace concourse::baggageclaim
