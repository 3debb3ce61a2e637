// Room for records on a disk that is full to the last byte or inode: files that are there only to be given up.
//
//   <volumes>/reserve/<n>     64 KiB each, written by nobody
//
// Thread-safe. Lost ones do no harm; they are made again when there is room.
#pragma once

#include <cerrno>
#include <cstdint>
#include <mutex>

#include "common/base/error.hpp"
#include "services/baggageclaim/paths.hpp"

namespace concourse::baggageclaim {

class Reserve {
 public:
  static constexpr int kPieces = 16;
  static constexpr std::uint64_t kPieceBytes = 64 << 10;

  explicit Reserve(fs::path directory) : directory_(std::move(directory)) {}

  // Runs `step`, which must be one that can be repeated; when it finds no room, again, for each piece that can be given up.
  template <typename Step>
  void spend(Step step) {
    for (;;) {
      try {
        return step();
      } catch (const SysError& e) {
        if ((e.error_number() != ENOSPC && e.error_number() != EDQUOT) || !give_up_one()) throw;
      }
    }
  }

  // Before the start of a server, which tries things out and repairs: all is given up if there is less free than that.
  void give_up_for_start();

  // Makes what is missing, if so much is free that nobody else will miss it. A failure is no trouble: the next call tries again.
  void refill(std::uint64_t free_bytes, std::uint64_t free_inodes);

 private:
  bool give_up_one();

  const fs::path directory_;
  std::mutex mutex_;  // guards the directory
};

}  // namespace concourse::baggageclaim
