#include "services/init/program.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace concourse::init {

namespace {

constexpr const char* kRootPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr const char* kUserPath = "/usr/local/bin:/usr/bin:/bin";
constexpr std::size_t kAdded = 3;  // USER, HOME, PATH

// Texts are NUL-terminated views into a private mapping, and execve(2) doesn't write to them.
char* mutable_text(std::string_view text) { return const_cast<char*>(text.data()); }

}  // namespace

void Program::read_arguments(init_wire::Decoder& d) {
  const std::uint32_t n = d.u32();
  arguments_ = static_cast<char**>(std::calloc(std::size_t{n} + 2, sizeof(char*)));
  if (arguments_ == nullptr) return;
  arguments_[0] = const_cast<char*>(path_);
  for (std::uint32_t i = 0; i < n && d.ok(); ++i) arguments_[i + 1] = mutable_text(d.text());
}

void Program::read_environment(init_wire::Decoder& d) {
  const std::uint32_t n = d.u32();
  environment_ = static_cast<char**>(std::calloc(std::size_t{n} + kAdded + 1, sizeof(char*)));
  if (environment_ == nullptr) return;
  variables_ = 0;
  for (std::uint32_t i = 0; i < n && d.ok(); ++i) environment_[variables_++] = mutable_text(d.text());
  if (*user_text_ != '\0') append("USER", user_text_);
  else if (variable("USER") == nullptr) append("USER", "root");
  const char* home = variable("HOME");
  if (home == nullptr || *home == '\0') append("HOME", user_.home);
  if (variable("PATH") == nullptr) append("PATH", user_.uid == 0 ? kRootPath : kUserPath);
}

const char* Program::variable(const char* name) const {
  const std::size_t size = std::strlen(name);
  for (std::size_t i = variables_; i-- > 0;)
    if (std::strncmp(environment_[i], name, size) == 0 && environment_[i][size] == '=') return environment_[i] + size + 1;
  return nullptr;
}

// Replaces a variable of that name, else adds it.
void Program::append(const char* name, const char* value) {
  const std::size_t size = std::strlen(name) + std::strlen(value) + 2;
  char* text = static_cast<char*>(std::malloc(size));
  if (text == nullptr) return;
  std::snprintf(text, size, "%s=%s", name, value);
  const std::size_t name_size = std::strlen(name);
  for (std::size_t i = 0; i < variables_; ++i) {
    if (std::strncmp(environment_[i], name, name_size) != 0 || environment_[i][name_size] != '=') continue;
    environment_[i] = text;
    return;
  }
  environment_[variables_++] = text;
}

void Program::execute() {
  if (arguments_ == nullptr || environment_ == nullptr) return explain(path_, ENOMEM);
  if (std::strchr(path_, '/') != nullptr) {
    ::execve(path_, arguments_, environment_);
    return explain(path_, errno);
  }
  if (!search()) {
    not_found_ = true;
    error_is("exec: \"%s\": executable file not found in $PATH", path_);
  }
}

// False if no directory of PATH has the program. What is there but can't be run is remembered and explained.
bool Program::search() {
  const char* directories = variable("PATH");
  bool seen = false;
  if (*path_ == '\0' || directories == nullptr) return false;
  for (std::string_view rest(directories);;) {
    const auto colon = rest.find(':');
    const std::string_view directory = rest.substr(0, colon);
    char candidate[4096];
    const int n =
        std::snprintf(candidate, sizeof candidate, "%.*s/%s", static_cast<int>(directory.size()), directory.data(), path_);
    if (!directory.empty() && n > 0 && static_cast<std::size_t>(n) < sizeof candidate) {
      ::execve(candidate, arguments_, environment_);
      if (errno != ENOENT && errno != ENOTDIR) {
        explain(candidate, errno);
        seen = true;
      } else if (::access(candidate, F_OK) == 0) {
        explain(candidate, ENOENT);
        return true;
      }
    }
    if (colon == std::string_view::npos) return seen;
    rest.remove_prefix(colon + 1);
  }
}

void Program::error_is(const char* format, ...) {
  std::va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(error_, sizeof error_, format, arguments);
  va_end(arguments);
}

void Program::explain(const char* file, int error_number) {
  if (error_number == ENOENT && ::access(file, F_OK) == 0) {
    error_is("exec: \"%s\": its interpreter does not exist in the container", file);
    return;
  }
  not_found_ = error_number == ENOENT || error_number == ENOTDIR;
  if (not_found_) error_is("exec: \"%s\": stat %s: no such file or directory", path_, file);
  else error_is("exec: \"%s\": %s", file, std::strerror(error_number));
}

}  // namespace concourse::init
