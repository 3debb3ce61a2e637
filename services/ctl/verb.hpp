// What concourse-workerctl can be asked, one verb a row.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/config/option.hpp"
#include "common/config/values.hpp"

namespace concourse::ctl {

// What a verb works with: where the worker's sockets are, the flags, and the words behind the verb.
struct Call {
  std::filesystem::path runtime_dir;
  const config::Values& values;
  std::vector<std::string> words;
  std::vector<std::string> command;  // what stands behind `--`
};

struct Verb {
  std::string_view name;                // one word or two: "status", "garden list"
  std::vector<std::string_view> words;  // what must follow: {"SERVICE", "LEVEL"}
  std::string_view summary;             // one sentence
  std::vector<config::Option> options;  // besides --runtime-dir
  std::string_view example;             // a whole command line
  std::function<int(const Call&)> run;  // prints to stdout; the exit status. Throws Error
  std::string_view command = {};        // "[-- COMMAND...]" where that may follow
};

const std::vector<Verb>& verbs();

// Of verbs/*.cpp.
std::vector<Verb> status_verbs();
std::vector<Verb> garden_verbs();
std::vector<Verb> process_verbs();
std::vector<Verb> volume_verbs();
std::vector<Verb> volume_disk_verbs();
std::vector<Verb> service_verbs();
std::vector<Verb> drain_verbs();
std::vector<Verb> doctor_verbs();
std::vector<Verb> log_verbs();
std::vector<Verb> completion_verbs();

}  // namespace concourse::ctl
