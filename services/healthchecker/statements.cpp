#include "services/healthchecker/statements.hpp"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>

#include "common/base/helpers.hpp"
#include "common/daemon/control.hpp"
#include "common/daemon/log_request.hpp"
#include "common/protocol/paths.hpp"

namespace concourse::healthchecker {

Statements ask_services(const std::filesystem::path& runtime_dir, const std::vector<std::string>& services, Deadline deadline) {
  // Shared with threads that may be late: a service that hangs answers for nobody.
  struct Board {
    std::mutex mutex;  // guards statements
    std::condition_variable changed;
    Statements statements;
  };
  auto board = std::make_shared<Board>();
  for (const auto& service : services) {
    const auto say = [board, service](Statement statement) {
      const std::lock_guard lock(board->mutex);
      board->statements[service] = std::move(statement);
      board->changed.notify_all();
    };
    try {
      std::thread(log::in_this_request([say, deadline, socket = protocol::control_socket(runtime_dir, service)] {
        try {
          say({daemon::ask(socket, {{"command", "status"}}, deadline), ""});
        } catch (const std::exception& e) {
          say({{}, e.what()});
        }
      })).detach();
    } catch (const std::system_error& e) {
      say({{}, no_thread(e)});
    }
  }
  std::unique_lock lock(board->mutex);
  board->changed.wait_until(lock, deadline.when(), [&] { return board->statements.size() == services.size(); });
  auto statements = board->statements;
  for (const auto& service : services) statements.try_emplace(service, Statement{{}, "no answer within " + deadline.limit()});
  return statements;
}

}  // namespace concourse::healthchecker
