#include "services/baggageclaim/drivers/btrfs_image.hpp"

#include <fcntl.h>
#include <linux/loop.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <cerrno>

#include "common/base/error.hpp"
#include "common/base/scope_exit.hpp"
#include "common/base/strings.hpp"
#include "common/os/file.hpp"
#include "common/os/process.hpp"

namespace concourse::baggageclaim {

namespace {

constexpr std::uint64_t kReserve = 10ull << 30;  // bytes left to the rest of the machine
constexpr auto kMkfsLimit = std::chrono::minutes(5);
constexpr int kLoopAttempts = 20;  // others take loop devices too

struct statfs status_of(const fs::path& path) {
  struct statfs status {};
  if (::statfs(path.c_str(), &status) != 0) throw SysError("look at the file system of '" + path.string() + "'");
  return status;
}

// Made beside and renamed, so that an image is never without a file system.
void make_image(const Paths& paths, const std::string& mkfs_bin) {
  const auto status = status_of(paths.volumes());
  const auto total = static_cast<std::uint64_t>(status.f_blocks) * static_cast<std::uint64_t>(status.f_bsize);
  const auto size = total > kReserve ? total - kReserve : total;
  const auto making = paths.image().string() + ".making";
  ScopeExit clean([&] { ::unlink(making.c_str()); });
  {
    const auto fd = os::open_file(making, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (::ftruncate(fd.get(), static_cast<off_t>(size)) != 0) throw SysError("size image '" + making + "'");
  }
  const auto result = os::run_program({mkfs_bin, "--nodiscard", "--quiet", making}, Deadline::in(kMkfsLimit));
  if (result.status.code != 0)
    throw Error(ErrorKind::unavailable, "'" + mkfs_bin + "' failed: " + std::string(trim(result.output)));
  if (::rename(making.c_str(), paths.image().c_str()) != 0) throw SysError("rename '" + making + "'");
  clean.dismiss();
}

// A loop device on the image that frees itself when its mount, or the last descriptor, goes.
UniqueFd attach_loop(const fs::path& image, std::string& device) {
  const auto file = os::open_file(image, O_RDWR);
  const auto control = os::open_file("/dev/loop-control", O_RDWR);
  for (int attempt = 0;; ++attempt) {
    const int number = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
    if (number < 0) throw SysError("find a free loop device");
    device = "/dev/loop" + std::to_string(number);
    auto loop = os::open_file(device, O_RDWR);
    loop_config config{};
    config.fd = static_cast<std::uint32_t>(file.get());
    config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
    image.string().copy(reinterpret_cast<char*>(config.info.lo_file_name), LO_NAME_SIZE - 1);
    if (::ioctl(loop.get(), LOOP_CONFIGURE, &config) == 0) return loop;
    if (errno != EBUSY || attempt >= kLoopAttempts) throw SysError("put '" + image.string() + "' on '" + device + "'");
  }
}

}  // namespace

bool is_on_btrfs(const fs::path& path) { return static_cast<std::uint64_t>(status_of(path).f_type) == BTRFS_SUPER_MAGIC; }

void mount_btrfs_image(const Paths& paths, const std::string& mkfs_bin) {
  if (is_on_btrfs(paths.volumes())) return;
  if (!fs::exists(paths.image())) make_image(paths, mkfs_bin);
  std::string device;
  const auto loop = attach_loop(paths.image(), device);
  if (::mount(device.c_str(), paths.volumes().c_str(), "btrfs", 0, "discard") != 0)
    throw SysError("mount '" + paths.image().string() + "' at '" + paths.volumes().string() + "'");
}

}  // namespace concourse::baggageclaim
