// Looks into what services say. Answers of other versions may lack fields or have others in their place: then there is nothing.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/json.hpp"
#include "services/healthchecker/statements.hpp"

namespace concourse::healthchecker::status_page {

// What is at that path of keys; a null where there is no such thing.
const Json& at(const Json& object, std::initializer_list<std::string_view> path);
// The same in a service's answer.
const Json& at(const Statements& statements, const std::string& service, std::initializer_list<std::string_view> path);

std::optional<double> number(const Json& value);
std::string words(const Json& value);  // empty for what is no string

// "1 check", "2 checks": `what` is the plural.
std::string amount_words(std::int64_t amount, std::string_view what);
// "42s", "3m12s", "5h3m", "12d4h".
std::string duration_words(double seconds);
// "512 B", "1.5 GiB".
std::string bytes_words(double bytes);
// "0.4 ms", "12 ms", "1.2 s".
std::string latency_words(double seconds);

}  // namespace concourse::healthchecker::status_page
