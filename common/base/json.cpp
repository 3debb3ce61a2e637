#include "common/base/json.hpp"

#include "common/base/error.hpp"
#include "common/base/strings.hpp"

namespace concourse {

namespace {

constexpr int kMaxDepth = 64;

Error bad_field(std::string_view key, std::string_view want, const Json& got) {
  return Error(ErrorKind::invalid, "field '" + std::string(key) + "' must be " + std::string(want) + ", not " + got.type_name());
}

// Where the first JSON value ends. Braces inside strings don't count; scalars end at the first delimiter.
std::size_t end_of_first_value(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
        if (depth == 0) return i + 1;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxDepth) throw Error(ErrorKind::invalid, "JSON is nested too deeply");
    } else if (c == '}' || c == ']') {
      if (--depth <= 0) return i + 1;
    } else if (depth == 0 && i > 0 && (c == ' ' || c == '\n' || c == '\t' || c == '\r') && !trim(text.substr(0, i)).empty()) {
      return i;
    }
  }
  return text.size();
}

void escape_like_go(std::string& text) {
  if (text.find_first_of("<>&\xe2") == std::string::npos) return;
  std::string out;
  out.reserve(text.size() + 16);
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string_view rest(text.data() + i, text.size() - i);
    if (text[i] == '<') out += "\\u003c";
    else if (text[i] == '>') out += "\\u003e";
    else if (text[i] == '&') out += "\\u0026";
    else if (rest.starts_with("\xe2\x80\xa8")) out += "\\u2028", i += 2;
    else if (rest.starts_with("\xe2\x80\xa9")) out += "\\u2029", i += 2;
    else out += text[i];
  }
  text = std::move(out);
}

}  // namespace

Json parse_json(std::string_view text) {
  text = trim(text);
  if (text.empty()) throw Error(ErrorKind::invalid, "EOF");
  text = text.substr(0, end_of_first_value(text));
  Json value = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded()) throw Error(ErrorKind::invalid, "body is not valid JSON");
  return value;
}

std::string dump_json(const Json& value) {
  auto text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  escape_like_go(text);
  return text;
}

const Json* find_field(const Json& object, std::string_view key) {
  if (!object.is_object()) return nullptr;
  if (const auto exact = object.find(key); exact != object.end()) return exact->is_null() ? nullptr : &*exact;
  const auto wanted = lower(key);
  for (auto it = object.begin(); it != object.end(); ++it)
    if (lower(it.key()) == wanted) return it->is_null() ? nullptr : &*it;
  return nullptr;
}

std::string string_field(const Json& object, std::string_view key, std::string fallback) {
  const Json* field = find_field(object, key);
  if (field == nullptr) return fallback;
  if (!field->is_string()) throw bad_field(key, "a string", *field);
  return field->get<std::string>();
}

bool bool_field(const Json& object, std::string_view key, bool fallback) {
  const Json* field = find_field(object, key);
  if (field == nullptr) return fallback;
  if (!field->is_boolean()) throw bad_field(key, "true or false", *field);
  return field->get<bool>();
}

std::int64_t int_field(const Json& object, std::string_view key, std::int64_t fallback) {
  const Json* field = find_field(object, key);
  if (field == nullptr) return fallback;
  if (!field->is_number_integer()) throw bad_field(key, "a whole number", *field);
  if (field->is_number_unsigned() && field->get<std::uint64_t>() > INT64_MAX) throw bad_field(key, "at most 2^63-1", *field);
  return field->get<std::int64_t>();
}

std::uint64_t uint_field(const Json& object, std::string_view key, std::uint64_t fallback) {
  const Json* field = find_field(object, key);
  if (field == nullptr) return fallback;
  if (!field->is_number_integer() || (!field->is_number_unsigned() && field->get<std::int64_t>() < 0))
    throw bad_field(key, "a whole number that is not negative", *field);
  return field->get<std::uint64_t>();
}

std::vector<std::string> strings_field(const Json& object, std::string_view key) {
  std::vector<std::string> out;
  const Json* field = find_field(object, key);
  if (field == nullptr) return out;
  if (!field->is_array()) throw bad_field(key, "an array of strings", *field);
  for (const Json& item : *field) {
    if (!item.is_string()) throw bad_field(key, "an array of strings", item);
    out.push_back(item.get<std::string>());
  }
  return out;
}

}  // namespace concourse
