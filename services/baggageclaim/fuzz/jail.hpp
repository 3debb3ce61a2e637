// A thread with a file system and a network of its own, both empty: what a fuzzer's input gets done there harms nobody, and what
// it was not allowed to do can be seen.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace concourse::baggageclaim::fuzz {

class Jail {
 public:
  // One a process; it lasts until the process ends. Throws SysError if it can't be made: it needs root.
  static Jail& instance();

  // Runs `work` on the jail's thread and waits for it. Threads that it makes are in the jail as well.
  void run(const std::function<void()>& work);

 private:
  Jail();
  void serve();

  std::mutex mutex_;  // guards the rest
  std::condition_variable changed_;
  const std::function<void()>* work_ = nullptr;
  bool ready_ = false;
  std::string failure_;
  std::thread thread_;
};

// What a client could see of a tree, as text: names, types, modes, owners, times, links, content, attributes. Equal trees give
// equal texts, whatever the order of their directories.
std::string describe_tree(int directory);

}  // namespace concourse::baggageclaim::fuzz
