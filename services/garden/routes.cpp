#include "services/garden/routes.hpp"

#include <sys/socket.h>

#include "common/base/json.hpp"
#include "common/base/strings.hpp"
#include "services/garden/container_info.hpp"
#include "services/garden/errors.hpp"
#include "services/garden/files.hpp"
#include "services/garden/metrics/metrics.hpp"

namespace concourse::garden {

namespace {

using http::Reply;
using http::Request;

constexpr std::size_t kMaxBody = 64 << 20;  // bytes; resource results in properties can be large

Json body_of(Request& request) { return parse_json(request.body(kMaxBody)); }

Json object_of(Request& request) {
  Json body = body_of(request);
  if (!body.is_object()) throw Error(ErrorKind::invalid, std::string("body must be a JSON object, not ") + body.type_name());
  return body;
}

void done(Reply& reply) { reply.json("{}"); }

// Gives the client's connection to the shim; if that refuses, answers on it ourselves and lets the server count the failure.
void hand_over(Reply& reply, std::function<void(const UniqueFd&, const std::string&)> give) {
  reply.hijack([give = std::move(give)](UniqueFd connection, const std::string& leftover) {
    const auto refuse = [&](const Error& e) {
      const auto refusal = raw_response(e);
      (void)!::send(connection.get(), refusal.data(), refusal.size(), MSG_NOSIGNAL);
    };
    try {
      give(connection, leftover);
    } catch (const Error& e) {
      refuse(e);
      throw;
    } catch (const std::exception& e) {
      refuse(Error(ErrorKind::internal, e.what()));
      throw;
    }
  });
}

class Handlers {
 public:
  explicit Handlers(const Api& api) : api_(api) {}

  std::shared_ptr<Container> container(const Request& request) const { return api_.store.find(request.capture("handle")); }

  // Does `work` for a container. What fails while that is on its way out fails for that reason, whatever was missed first.
  template <typename Work>
  auto with(const std::shared_ptr<Container>& target, Work work) const {
    try {
      const Container::InUse in_use(target);
      return work();
    } catch (const std::exception&) {
      if (!target->life().ending()) throw;
      (void)api_.store.find(target->handle());  // throws if it is gone by now
      throw Error(ErrorKind::conflict, "container is being destroyed");
    }
  }
  Deadline deadline() const { return api_.options.request_timeout.deadline(); }

  void list(Request& request, Reply& reply) const {
    PropertyMap filter;
    for (const auto& [name, value] : request.query) filter.emplace(name, value);  // the first of a repeated name
    reply.json(dump_json({{"Handles", api_.store.list(filter)}}));
  }

  void create(Request& request, Reply& reply) const {
    auto spec = parse_container_spec(object_of(request));
    if (spec.grace_time_ns == 0) spec.grace_time_ns = api_.options.default_grace_time.count();
    reply.json(dump_json({{"Handle", api_.store.create(std::move(spec))}}));
  }

  void destroy(Request& request, Reply& reply) const {
    api_.store.destroy(request.capture("handle"));
    done(reply);
  }

  void stop(Request& request, Reply& reply) const {
    container(request)->shim().stop(bool_field(object_of(request), "kill"), deadline());
    done(reply);
  }

  void info(Request& request, Reply& reply) const {
    reply.json(dump_json(container_info(*container(request), api_.network, deadline())));
  }

  void bulk_info(Request& request, Reply& reply) const {
    bulk(request, reply, "Info", empty_info(), [this](Container& c) { return container_info(c, api_.network, deadline()); });
  }

  void metrics(Request& request, Reply& reply) const { reply.json(dump_json(metrics_of(*container(request)))); }

  void bulk_metrics(Request& request, Reply& reply) const {
    bulk(request, reply, "Metrics", empty_metrics(), [this](Container& c) { return metrics_of(c); });
  }

  void capacity(Request&, Reply& reply) const { reply.json(dump_json(garden::capacity(api_.options, api_.network.capacity()))); }

  void net_in(Request& request, Reply& reply) const {
    reply.json(dump_json(to_json(api_.store.net_in(request.capture("handle"), parse_port_mapping(object_of(request))))));
  }

  void net_out(Request& request, Reply& reply) const {
    api_.store.net_out(request.capture("handle"), Json::array({object_of(request)}));
    done(reply);
  }

  void bulk_net_out(Request& request, Reply& reply) const {
    const Json rules = body_of(request);
    if (!rules.is_array()) throw Error(ErrorKind::invalid, "body must be an array of net-out rules");
    api_.store.net_out(request.capture("handle"), rules);
    done(reply);
  }

  void run(Request& request, Reply& reply) const {
    const auto target = container(request);
    const Json process = object_of(request);
    hand_over(reply, [this, target, process](const UniqueFd& connection, const std::string& leftover) {
      with(target, [&] { target->shim().run(process, connection, leftover, deadline()); });
    });
  }

  void attach(Request& request, Reply& reply) const {
    const auto target = container(request);
    hand_over(reply, [this, target, id = request.capture("pid")](const UniqueFd& connection, const std::string& leftover) {
      with(target, [&] { target->shim().attach(id, connection, leftover, deadline()); });
    });
  }

  http::Handler output(const char* stream) const {
    return [this, stream](Request& request, Reply& reply) {
      const auto target = container(request);
      hand_over(reply, [this, target, stream, id = request.capture("streamid")](const UniqueFd& connection, const std::string&) {
        with(target, [&] { target->shim().output(id, stream, connection, deadline()); });
      });
    };
  }

  void stream_in(Request& request, Reply& reply) const {
    garden::stream_in(*container(request), files(request, "destination"), request.reader());
    done(reply);
  }

  void stream_out(Request& request, Reply& reply) const { garden::stream_out(container(request), files(request, "source"), reply); }

  void grace_time(Request& request, Reply& reply) const {
    const Json value = body_of(request);
    if (!value.is_number_integer()) throw Error(ErrorKind::invalid, "grace time must be a whole number of nanoseconds");
    const auto target = container(request);
    const auto change = target->life().change();
    target->set_grace_time(value.get<std::int64_t>());
    done(reply);
  }

  void properties(Request& request, Reply& reply) const { reply.json(dump_json(Json(container(request)->properties().all()))); }

  void property(Request& request, Reply& reply) const {
    const auto value = container(request)->properties().get(request.capture("key"));
    if (!value) throw Error(ErrorKind::not_found, "property does not exist: " + request.capture("key"));
    reply.json(dump_json({{"value", *value}}));
  }

  void set_property(Request& request, Reply& reply) const {
    const auto target = container(request);
    const auto value = string_field(object_of(request), "value");
    const auto change = target->life().change();
    target->properties().set(request.capture("key"), value);
    done(reply);
  }

  void remove_property(Request& request, Reply& reply) const {
    const auto target = container(request);
    const auto change = target->life().change();
    if (!target->properties().remove(request.capture("key")))
      throw Error(ErrorKind::not_found, "property does not exist: " + request.capture("key"));
    done(reply);
  }

  http::Handler limits(Json (*read)(const Limits&)) const {
    return [this, read](Request& request, Reply& reply) { reply.json(dump_json(read(container(request)->spec().limits))); };
  }

 private:
  FilesRequest files(const Request& request, std::string_view place) const {
    return {api_.runtime.nstar, request.query_value("user").value_or(""), request.query_value(place).value_or(""),
            api_.options.request_timeout};
  }

  Json metrics_of(const Container& c) const { return container_metrics(c, api_.runtime.cgroup(c.handle())); }

  // One answer for each of the query's handles, an error for those that have none.
  void bulk(Request& request, Reply& reply, const char* key, const Json& empty, const std::function<Json(Container&)>& read) const {
    Json all = Json::object();
    for (const auto& handle : split(request.query_value("handles").value_or(""), ',')) {
      try {
        const auto target = api_.store.find(handle);
        all[handle] = {{key, with(target, [&] { return read(*target); })}, {"Err", nullptr}};
      } catch (const Error& e) {
        all[handle] = {{key, empty}, {"Err", parse_json(garden::body_of(e))}};
      } catch (const std::exception& e) {
        all[handle] = {{key, empty}, {"Err", parse_json(garden::body_of(Error(ErrorKind::internal, e.what())))}};
      }
    }
    reply.json(dump_json(all));
  }

  const Api& api_;
};

Json cpu_limits(const Limits& l) {
  Json json = Json::object();
  if (l.cpu_weight != 0) json["weight"] = l.cpu_weight;
  if (l.cpu_shares != 0) json["limit_in_shares"] = l.cpu_shares;
  return json;
}

Json memory_limits(const Limits& l) { return l.memory_bytes == 0 ? Json::object() : Json{{"limit_in_bytes", l.memory_bytes}}; }

}  // namespace

std::vector<http::Route> routes(const Api& api) {
  const auto h = std::make_shared<const Handlers>(api);
  const auto to = [h](void (Handlers::*method)(Request&, Reply&) const) -> http::Handler {
    return [h, method](Request& request, Reply& reply) { ((*h).*method)(request, reply); };
  };
  // Of a living container.
  const auto of = [h](void (Handlers::*method)(Request&, Reply&) const) -> http::Handler {
    return [h, method](Request& request, Reply& reply) { h->with(h->container(request), [&] { ((*h).*method)(request, reply); }); };
  };
  return {
      {"GET", "/ping", [](Request&, Reply& reply) { done(reply); }},
      {"GET", "/containers", to(&Handlers::list)},
      {"POST", "/containers", to(&Handlers::create)},
      {"GET", "/capacity", to(&Handlers::capacity)},
      {"GET", "/containers/bulk_info", to(&Handlers::bulk_info)},
      {"GET", "/containers/bulk_metrics", to(&Handlers::bulk_metrics)},
      {"DELETE", "/containers/:handle", to(&Handlers::destroy)},
      {"PUT", "/containers/:handle/stop", of(&Handlers::stop)},
      {"GET", "/containers/:handle/info", of(&Handlers::info)},
      {"GET", "/containers/:handle/metrics", of(&Handlers::metrics)},
      {"PUT", "/containers/:handle/files", of(&Handlers::stream_in)},
      {"GET", "/containers/:handle/files", of(&Handlers::stream_out)},
      {"POST", "/containers/:handle/net/in", of(&Handlers::net_in)},
      {"POST", "/containers/:handle/net/out", of(&Handlers::net_out)},
      {"POST", "/containers/:handle/net/out/bulk", of(&Handlers::bulk_net_out)},
      {"GET", "/containers/:handle/limits/bandwidth", h->limits([](const Limits& l) { return l.bandwidth; })},
      {"GET", "/containers/:handle/limits/cpu", h->limits(cpu_limits)},
      {"GET", "/containers/:handle/limits/disk", h->limits([](const Limits& l) { return l.disk; })},
      {"GET", "/containers/:handle/limits/memory", h->limits(memory_limits)},
      {"POST", "/containers/:handle/processes", of(&Handlers::run)},
      {"GET", "/containers/:handle/processes/:pid", of(&Handlers::attach)},
      {"GET", "/containers/:handle/processes/:pid/attaches/:streamid/stdout", h->output("stdout")},
      {"GET", "/containers/:handle/processes/:pid/attaches/:streamid/stderr", h->output("stderr")},
      {"PUT", "/containers/:handle/grace_time", of(&Handlers::grace_time)},
      {"GET", "/containers/:handle/properties", of(&Handlers::properties)},
      {"GET", "/containers/:handle/properties/:key", of(&Handlers::property)},
      {"PUT", "/containers/:handle/properties/:key", of(&Handlers::set_property)},
      {"DELETE", "/containers/:handle/properties/:key", of(&Handlers::remove_property)},
  };
}

}  // namespace concourse::garden
