#include "services/garden/network/link_removal.hpp"

#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <system_error>

#include "common/base/error.hpp"
#include "common/base/unique_fd.hpp"
#include "services/garden/network/netlink.hpp"

namespace concourse::garden {

namespace {

// What the kernel tells of the links of this network namespace, from now on.
class Announcements {
 public:
  Announcements() : socket_(mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK), mnl_socket_close) {
    if (!socket_ || mnl_socket_bind(socket_.get(), RTMGRP_LINK, MNL_SOCKET_AUTOPID) < 0) throw SysError("listen for network links");
  }
  int fd() const { return mnl_socket_get_fd(socket_.get()); }

  enum class Heard { nothing, end, too_much };
  // Of the link with that index.
  Heard read(unsigned index) {
    alignas(nlmsghdr) std::array<char, 32768> buffer;
    for (;;) {
      const auto n = mnl_socket_recvfrom(socket_.get(), buffer.data(), buffer.size());
      if (n < 0) return errno == EAGAIN || errno == EINTR ? Heard::nothing : Heard::too_much;
      if (tells_end(buffer.data(), static_cast<int>(n), static_cast<int>(index))) return Heard::end;
    }
  }

 private:
  static bool tells_end(const char* buffer, int left, int index) {
    for (const auto* m = reinterpret_cast<const nlmsghdr*>(buffer); mnl_nlmsg_ok(m, left); m = mnl_nlmsg_next(m, &left))
      if (m->nlmsg_type == RTM_DELLINK && static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(m))->ifi_index == index) return true;
    return false;
  }
  const std::unique_ptr<mnl_socket, int (*)(mnl_socket*)> socket_;
};

}  // namespace

bool LinkRemoval::remove(const std::string& link) {
  const unsigned index = if_nametoindex(link.c_str());
  if (index == 0) return false;
  Announcements announcements;
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw SysError("delete network link '" + link + "'");
  const UniqueFd over(ends[0]);  // its end is the deletion's
  UniqueFd at_work(ends[1]);
  std::future<bool> deletion;
  try {
    deletion = std::async(std::launch::async, [link, fd = at_work.get()] {
      const UniqueFd tell(fd);
      return Netlink().delete_link(link);
    });
    (void)at_work.release();            // it is the deletion's now
  } catch (const std::system_error&) {  // no thread to be had: then we wait for all of it
    return Netlink().delete_link(link);
  }
  pollfd fds[] = {{announcements.fd(), POLLIN, 0}, {over.get(), POLLIN, 0}};
  for (;;) {
    if (::poll(fds, 2, -1) < 0 && errno != EINTR) return deletion.get();
    if (fds[1].revents != 0) return deletion.get();
    if (fds[0].revents == 0) continue;
    switch (announcements.read(index)) {
      case Announcements::Heard::nothing: break;
      case Announcements::Heard::too_much: return deletion.get();  // some were lost, perhaps this one
      case Announcements::Heard::end: keep_until_freed(std::move(deletion)); return true;
    }
  }
}

void LinkRemoval::keep_until_freed(std::future<bool> deletion) {
  const std::lock_guard lock(mutex_);
  deletions_.remove_if([](const auto& d) { return d.wait_for(std::chrono::seconds(0)) == std::future_status::ready; });
  deletions_.push_back(std::move(deletion));
}

}  // namespace concourse::garden
