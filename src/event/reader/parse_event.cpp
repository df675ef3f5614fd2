#include "event/reader/parse_event.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <simdjson.h>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "event/fields.hpp"

namespace postern::event {
namespace {

using simdjson::dom::element;

constexpr std::size_t kMaxKeys = 64;      ///< in one object; the largest that we write has 17
constexpr std::size_t kMaxEntries = 256;  ///< in `policy` and in `findings`

/// Where in the event we are; printed only on an error.
struct Path {
  const Path* outer = nullptr;
  std::string_view key{};
  std::size_t index = kNone;
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  [[nodiscard]] std::string text() const {
    std::string text = outer != nullptr ? outer->text() : std::string{};
    if (index != kNone) return text + '[' + std::to_string(index) + ']';
    if (!text.empty()) text += '.';
    return text += key;
  }
  [[nodiscard]] std::unexpected<Error> fail(ErrorCode code, std::string_view what) const {
    return postern::fail(code, "event", Error::kNoOffset, text() + ": " + std::string{what});
  }
};

Result<void> read(const Path& path, element json, std::string& text) {
  std::string_view view;
  if (json.get(view) != simdjson::SUCCESS) return path.fail(ErrorCode::malformed, "must be a text");
  text = view;
  return {};
}

Result<void> read(const Path& path, element json, bool& value) {
  if (json.get(value) != simdjson::SUCCESS) return path.fail(ErrorCode::malformed, "must be true or false");
  return {};
}

template <std::unsigned_integral T>
Result<void> read(const Path& path, element json, T& number) {
  std::uint64_t wide = 0;
  if (json.get(wide) != simdjson::SUCCESS || wide > std::numeric_limits<T>::max()) {
    return path.fail(ErrorCode::malformed, "must be a whole number from 0 to " + std::to_string(std::numeric_limits<T>::max()));
  }
  number = static_cast<T>(wide);
  return {};
}

template <NamedEnum E>
Result<void> read(const Path& path, element json, E& value) {
  std::string name;
  POSTERN_CHECK(read(path, json, name));
  const auto found = from_name<E>(name);
  if (!found) {
    std::string names;
    for (const std::string_view known : kNames<E>) names.append(names.empty() ? "" : ", ").append(known);
    return path.fail(ErrorCode::malformed, "must be one of " + names);
  }
  value = *found;
  return {};
}

Result<void> read(const Path& path, element json, Timestamp& time) {
  std::string text;
  POSTERN_CHECK(read(path, json, text));
  const auto parsed = FileTime::from_rfc3339(text);
  if (!parsed) return path.fail(ErrorCode::malformed, "must be a time of RFC 3339");
  time = Timestamp{*parsed};
  return {};
}

Result<void> read(const Path& path, element json, EventId& id) {
  std::string text;
  POSTERN_CHECK(read(path, json, text));
  const auto parsed = EventId::from_text(text);
  if (!parsed) return path.fail(ErrorCode::malformed, "must be a ULID of 26 upper-case letters");
  id = *parsed;
  return {};
}

Result<void> read(const Path& path, element json, KeyedDigest& digest) {
  std::string text;
  POSTERN_CHECK(read(path, json, text));
  const auto bytes = from_hex(text);
  if (!bytes || bytes->size() != digest.size()) return path.fail(ErrorCode::malformed, "must be 32 digits of hex");
  std::ranges::copy(*bytes, digest.begin());
  return {};
}

Result<void> read_hex(const Path& path, element json, std::uint32_t& number) {
  constexpr std::size_t kDigits = 8;
  std::string text;
  POSTERN_CHECK(read(path, json, text));
  const std::string_view digits = std::string_view{text}.substr(std::min<std::size_t>(2, text.size()));
  const char* const end = digits.data() + digits.size();
  if (!text.starts_with("0x") || digits.size() != kDigits || std::from_chars(digits.data(), end, number, 16).ptr != end) {
    return path.fail(ErrorCode::malformed, "must be 0x and eight digits of hex");
  }
  return {};
}

template <typename T>
Result<void> read(const Path& path, element json, std::vector<T>& list);
template <typename T>
  requires requires(T& object, int& any) { for_each_field(object, any); }
Result<void> read(const Path& path, element json, T& object);

template <typename T>
Result<void> read(const Path& path, element json, std::optional<T>& value) {
  return read(path, json, value.emplace());
}

/// One object's keys, sorted; walks the fields and takes each. The first error stays.
class Keys {
 public:
  [[nodiscard]] static Result<Keys> of(const Path& path, element json) {
    simdjson::dom::object object;
    if (json.get(object) != simdjson::SUCCESS) return path.fail(ErrorCode::malformed, "must be an object");
    Keys keys{path};
    for (const auto field : object) {
      if (keys.fields_.size() == kMaxKeys) return path.fail(ErrorCode::too_large, "has over 64 keys");
      keys.fields_.emplace_back(field.key, field.value);
    }
    std::ranges::sort(keys.fields_, {}, &Field::first);
    const auto twice = std::ranges::adjacent_find(keys.fields_, {}, &Field::first);
    if (twice != keys.fields_.end()) return Path{&path, twice->first}.fail(ErrorCode::duplicate, "is there twice");
    return keys;
  }

  void operator()(std::string_view key, auto& member) {
    take(key, [&](const Path& path, element json) { return read(path, json, member); });
  }
  void always(std::string_view key, auto& member) { (*this)(key, member); }
  void required(std::string_view key, auto& member) {
    if (!find(key)) missing(key);
    (*this)(key, member);
  }
  void hex(std::string_view key, std::optional<std::uint32_t>& member) {
    take(key, [&](const Path& path, element json) { return read_hex(path, json, member.emplace()); });
  }
  void hex_upper(std::string_view key, std::uint32_t& member) {
    if (!find(key)) missing(key);
    take(key, [&](const Path& path, element json) { return read_hex(path, json, member); });
  }

  [[nodiscard]] const Result<void>& result() const { return result_; }

 private:
  using Field = std::pair<std::string_view, element>;
  explicit Keys(const Path& path) : path_{&path} {}

  [[nodiscard]] const element* find(std::string_view key) const {
    const auto found = std::ranges::lower_bound(fields_, key, {}, &Field::first);
    return found != fields_.end() && found->first == key ? &found->second : nullptr;
  }
  void take(std::string_view key, auto reader) {
    if (!result_) return;
    if (const element* json = find(key)) result_ = reader(Path{path_, key}, *json);
  }
  void missing(std::string_view key) {
    if (result_) result_ = Path{path_, key}.fail(ErrorCode::malformed, "is missing");
  }

  const Path* path_;
  std::vector<Field> fields_{};
  Result<void> result_{};
};

template <typename T>
Result<void> read(const Path& path, element json, std::vector<T>& list) {
  simdjson::dom::array array;
  if (json.get(array) != simdjson::SUCCESS) return path.fail(ErrorCode::malformed, "must be a list");
  for (const element entry : array) {
    if (list.size() == kMaxEntries) return path.fail(ErrorCode::too_large, "has over 256 entries");
    const Path here{&path, {}, list.size()};
    POSTERN_CHECK(read(here, entry, list.emplace_back()));
  }
  return {};
}

template <typename T>
  requires requires(T& object, int& any) { for_each_field(object, any); }
Result<void> read(const Path& path, element json, T& object) {
  POSTERN_TRY(keys, Keys::of(path, json));
  for_each_field(object, keys);
  return keys.result();
}

}  // namespace

Result<LogonEvent> parse_event(std::string_view json) {
  const Path root;
  if (json.size() > kMaxEventJsonBytes) return fail(ErrorCode::too_large, "event", Error::kNoOffset, "an event has at most 1 MiB");
  thread_local simdjson::dom::parser parser{kMaxEventJsonBytes};
  element document;
  if (const auto error = parser.parse(json.data(), json.size()).get(document); error != simdjson::SUCCESS) {
    return fail(ErrorCode::malformed, "event", Error::kNoOffset, std::string{"no JSON: "} + simdjson::error_message(error));
  }
  POSTERN_TRY(keys, Keys::of(root, document));
  std::uint64_t schema = 0;
  keys.required("schema", schema);
  POSTERN_CHECK(keys.result());
  if (schema != LogonEvent::kSchema) {
    return fail(ErrorCode::unsupported, "event", Error::kNoOffset, "schema: must be 1");
  }
  LogonEvent event;
  for_each_field(event, keys);
  POSTERN_CHECK(keys.result());
  return event;
}

}  // namespace postern::event
