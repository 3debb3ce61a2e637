#include "services/init/oom_score.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstring>

namespace concourse::init {

namespace {

constexpr const char* kOwn = "0";  // as the shim has left it
// A tenth of the container's limit: more than an init has, so even the smallest process comes before it. One that may lower it
// again (down to 0, as anybody may his own) is no safer than with the init's score.
constexpr const char* kOthers = "100";

void write_score(int fd, const char* score) {
  if (fd >= 0) (void)!::pwrite(fd, score, std::strlen(score), 0);
}

}  // namespace

OomScore::OomScore() : fd_(::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC | O_NOFOLLOW)) {}

OomScore::Forking::Forking(const OomScore& score) : fd_(score.fd_) { write_score(fd_, kOthers); }
OomScore::Forking::~Forking() { write_score(fd_, kOwn); }

}  // namespace concourse::init
