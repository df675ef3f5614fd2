// Requests on the admin socket, one a line, at the real store: every answer is one JSON object with either "ok" or "error", no
// answer tells a password, and what the requests leave behind can be listed and shown again.
#include <array>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>
#include <string>
#include <string_view>

#include "account/sqlite/open.hpp"
#include "edge/ipc/server/admin.hpp"
#include "invariant.hpp"

namespace {

using namespace postern;
using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxRequests = 8;  // of one input
/// A password that holds this text, which nothing else of the input does, is in no answer.
constexpr std::string_view kMarker = "Secret-Marker";

/// The same time and the same numbers for each input.
class FixedEnvironment final : public authority::Environment {
 public:
  FileTime now() override { return FileTime{133'800'000'000'000'000}; }
  std::uint64_t monotonic_ticks() override { return 0; }
  void random(MutableByteView out) override {
    for (std::uint8_t& byte : out) byte = ++next_;
  }
  void start_anew() { next_ = 0; }

 private:
  std::uint8_t next_ = 0;
};

/// A posternd without its socket: one domain, a user and a machine. It is made once, and copied for the next input after one that
/// has changed something.
class House {
 public:
  House() {
    spdlog::set_level(spdlog::level::off);
    // In memory where the machine has such a folder: the store waits for its disk on each change.
    const bool memory = std::filesystem::is_directory("/dev/shm");
    std::string pattern =
        (memory ? std::string{"/dev/shm"} : std::filesystem::temp_directory_path().string()) + "/postern-fuzz-XXXXXX";
    POSTERN_INVARIANT(::mkdtemp(pattern.data()) != nullptr);
    root_ = pattern;
    std::filesystem::create_directory(root_ / "keys");
    std::filesystem::permissions(root_ / "keys", std::filesystem::perms::owner_all);
    open();
    for (const char* request : {R"({"op":"domain.add","name":"LAB","dns":"lab.test"})",
                                R"({"op":"account.add","account":"LAB\\alice","password":"Passw0rd.1","groups":["staff"]})",
                                R"({"op":"account.add","account":"LAB\\HOST$","password":"Passw0rd.2","kind":"machine"})"}) {
      POSTERN_INVARIANT(ask(request).contains("ok"));
    }
    close();
    std::filesystem::copy_file(database(), root_ / "template.db");
    open();
  }
  House(const House&) = delete;
  House& operator=(const House&) = delete;
  ~House() {
    close();
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }

  Json ask(std::string_view request) {
    ipc::Admin admin{*store_, *authority_, environment_};
    answer_ = admin.handle(request, {0, ipc::AdminRights::everything});
    Json answer = Json::parse(answer_, nullptr, false);
    POSTERN_INVARIANT(answer.is_object() && answer.size() == 1);
    POSTERN_INVARIANT(answer.contains("ok") || answer.contains("error"));
    if (answer.contains("ok")) POSTERN_INVARIANT(answer["ok"].is_object());
    if (answer.contains("error")) {
      POSTERN_INVARIANT(answer["error"]["code"].is_string() && answer["error"]["message"].is_string());
    }
    return answer;
  }
  [[nodiscard]] const std::string& last_answer() const { return answer_; }
  [[nodiscard]] bool has_changed() const { return store_->counters().transactions != transactions_; }

  void start_anew() {
    environment_.start_anew();
    if (!has_changed()) return;
    close();
    std::filesystem::copy_file(root_ / "template.db", database(), std::filesystem::copy_options::overwrite_existing);
    open();
  }

 private:
  [[nodiscard]] std::filesystem::path database() const { return root_ / "data" / "postern.db"; }
  void open() {
    environment_.start_anew();
    account::sqlite::Config config;
    config.directory = root_ / "data";
    config.key_file = root_ / "keys" / "storage.keys";
    config.readers = 1;
    auto opened = account::sqlite::open(config);
    POSTERN_INVARIANT(opened.has_value());
    store_ = std::move(*opened);
    authority_ = std::make_unique<authority::Authority>(authority::Config{}, *store_, environment_, nullptr);
    transactions_ = store_->counters().transactions;
  }
  void close() {
    authority_.reset();
    store_.reset();
  }

  std::filesystem::path root_{};
  FixedEnvironment environment_{};
  std::unique_ptr<account::Store> store_{};
  std::unique_ptr<authority::Authority> authority_{};
  std::uint64_t transactions_ = 0;
  std::string answer_{};
};

bool holds_marker(std::string_view text) { return text.find(kMarker) != std::string_view::npos; }

/// True if the marker stands elsewhere than in a request's password: then an answer may well show it.
bool marker_is_public(std::string_view request) {
  Json json = Json::parse(request, nullptr, false);
  if (!json.is_object()) return holds_marker(request);
  json.erase("password");
  return holds_marker(json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

/// Each domain and account of the lists is found by the name that the list gives it.
void require_sound(House& house) {
  const Json domains = house.ask(R"({"op":"domain.list"})");
  POSTERN_INVARIANT(domains.contains("ok"));
  for (const Json& domain : domains["ok"]["domains"]) {
    for (const char* name : {"name", "dns"}) {
      const Json shown = house.ask(Json{{"op", "domain.show"}, {"name", domain[name]}}.dump());
      POSTERN_INVARIANT(shown.contains("ok") && shown["ok"]["domain"] == domain);
    }
  }
  const Json accounts = house.ask(R"({"op":"account.list"})");
  POSTERN_INVARIANT(accounts.contains("ok"));
  for (const Json& account : accounts["ok"]["accounts"]) {
    const Json shown = house.ask(Json{{"op", "account.show"}, {"account", account["account"]}}.dump());
    POSTERN_INVARIANT(shown.contains("ok") && shown["ok"]["account"] == account);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static House house;
  house.start_anew();
  std::string_view rest = as_text({data, size});
  bool is_public = false;
  for (std::size_t i = 0; i < kMaxRequests; ++i) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view request = rest.substr(0, end);
    is_public = is_public || marker_is_public(request);
    house.ask(request);
    POSTERN_INVARIANT(is_public || !holds_marker(house.last_answer()));
    if (end == rest.size()) break;
    rest.remove_prefix(end + 1);
  }
  if (house.has_changed()) require_sound(house);
  return 0;
}
