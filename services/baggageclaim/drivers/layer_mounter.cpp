#include "services/baggageclaim/drivers/layer_mounter.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <exception>

#include "common/base/error.hpp"
#include "common/base/scope_exit.hpp"
#include "services/baggageclaim/disk/mounts.hpp"
#include "services/baggageclaim/uidgid/acting_id.hpp"

namespace concourse::baggageclaim {

namespace {

constexpr std::size_t kMaxOptions = 4095;  // bytes: mount(2) takes one page
constexpr std::size_t kOptionsReserve = 256;

void check(int result, const char* what) {
  if (result != 0) throw SysError(what);
}

std::string place(const Layer& layer) { return (layer.mapped ? "s/" : "p/") + layer.handle; }

std::string layer_options(const std::vector<Layer>& lower, const Layer& upper) {
  std::string text = "lowerdir=";
  for (const auto& layer : lower) text += (text.back() == '=' ? "" : ":") + place(layer);
  return text + ",upperdir=" + place(upper) + ",workdir=" + (upper.mapped ? "s/work/" : "p/work/") + upper.handle;
}

bool module_knows(const char* parameter) {
  return ::access((std::string("/sys/module/overlay/parameters/") + parameter).c_str(), F_OK) == 0;
}

}  // namespace

LayerMounter::LayerMounter(const std::filesystem::path& layers, const std::optional<LayerMap>& map)
    : user_namespace_(map ? map->user_namespace.get() : -1), root_(map ? map->root : 0) {
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
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      changed_.notify_all();
    }
    thread_.join();
    throw Error(ErrorKind::unavailable, std::string("prepare overlay mounts: ") + e.what());
  }
}

LayerMounter::~LayerMounter() {
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
  UniqueFd mapped;
  if (user_namespace_ >= 0) {
    mapped = clone_mount(layers);
    map_mount_ids(mapped.get(), user_namespace_);
  }
  // Over the layers' own place, in this namespace only, because that path surely exists.
  check(::mount("layers", layers.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "size=64k,mode=0700"), "mount a private root");
  check(::chdir(layers.c_str()), "enter the private root");
  for (const char* name : {"p", "s", "m"}) check(::mkdir(name, 0700), "fill the private root");
  attach_mount(plain.get(), "p");
  if (mapped) attach_mount(mapped.get(), "s");
  // Let go of everything else: a copy of the host's mounts would keep file systems busy that the host has unmounted.
  if (syscall(SYS_pivot_root, ".", ".") == 0) {
    check(::umount2(".", MNT_DETACH), "leave the host's mounts");
  } else {  // on an initramfs
    check(::mount(".", "/", nullptr, MS_MOVE, nullptr), "leave the host's mounts");
    check(::chroot("."), "leave the host's mounts");
  }
  check(::chdir("/"), "enter the private root");
}

bool LayerMounter::fits(const std::vector<Layer>& lower, const Layer& upper) {
  return layer_options(lower, upper).size() + kOptionsReserve <= kMaxOptions;
}

UniqueFd LayerMounter::mount(const OverlaySpec& spec) {
  UniqueFd detached;
  on_thread([&] { detached = mount_here(spec); });
  return detached;
}

UniqueFd LayerMounter::mount_here(const OverlaySpec& spec) {
  const auto what = "mount the overlay of volume '" + spec.upper.handle + "'";
  const auto options = layer_options(spec.lower, spec.upper) + features_;
  if (options.size() > kMaxOptions) throw Error(ErrorKind::exhausted, what + ": too many layers");
  {
    const ActingId id(spec.upper.mapped ? root_ : 0);
    if (::mount(spec.source.c_str(), "m", "overlay", 0, options.c_str()) != 0) throw SysError(what);
  }
  const ScopeExit leave([] { ::umount2("m", MNT_DETACH); });
  auto detached = clone_mount("m");
  // An overlay whose work directory can't be used is mounted read-only, without an error.
  struct statvfs status {};
  if (::fstatvfs(detached.get(), &status) != 0) throw SysError(what);
  if ((status.f_flag & ST_RDONLY) != 0) throw Error(ErrorKind::unavailable, what + ": the kernel made it read-only");
  return detached;
}

}  // namespace concourse::baggageclaim
