// A gateway in this process with a fake authority, in a directory of its own.
#pragma once

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <thread>

#include "edge/http/gateway.hpp"
#include "fake_authority.hpp"
#include "raw_client.hpp"

namespace postern::test {

class GatewayTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/postern-gateway-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    directory = name;
    authority = std::make_unique<FakeAuthority>(directory + "/authority.sock");
  }
  void TearDown() override {
    gateway.reset();
    authority.reset();
    std::filesystem::remove_all(directory);
  }
  /// Configuration text around what a test adds: `top` before any table, `sections` after.
  [[nodiscard]] std::string config_text(const std::string& sections = "", const std::string& listen = "",
                                        const std::string& top = "") const {
    return "log_level = \"error\"\nthreads = 2\nstop_timeout_seconds = 5\n" + top +
           (listen.empty() ? "[[listen]]\naddress = \"127.0.0.1:0\"\n" : listen) + "[authority]\nsocket = \"" + directory +
           "/authority.sock\"\ntimeout_ms = 3000\n" + sections;
  }
  [[nodiscard]] static http::Config parsed(const std::string& text) {
    auto config = http::parse_config(text, "gateway.toml");
    EXPECT_TRUE(config) << config.error().message;
    return *config;
  }
  void start(const std::string& sections = "", const std::string& listen = "", const std::string& top = "") {
    auto started = http::Gateway::start(parsed(config_text(sections, listen, top)));
    ASSERT_TRUE(started) << started.error().message;
    gateway = std::move(*started);
    ASSERT_TRUE(eventually([&] { return gateway->authority_connected(); }));
  }
  [[nodiscard]] std::uint16_t port(std::size_t index = 0) const { return gateway->listening()[index].port; }
  template <typename Condition>
  [[nodiscard]] static bool eventually(Condition condition, int milliseconds = 5000) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds{milliseconds};
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds{5});
    }
    return true;
  }
  /// The number behind `name` (with labels) in the metrics; -1 if it is not there.
  [[nodiscard]] double metric(const std::string& name) const {
    const std::string text = gateway->metrics_text();
    const std::string line = "\npostern_gateway_" + name + " ";
    const std::size_t at = text.find(line);
    return at == std::string::npos ? -1 : std::atof(text.c_str() + at + line.size());
  }
  std::string write_file(const std::string& name, const std::string& text) const {
    std::ofstream{directory + "/" + name} << text;
    return directory + "/" + name;
  }

  std::string directory{};
  std::unique_ptr<FakeAuthority> authority{};
  std::unique_ptr<http::Gateway> gateway{};
};

}  // namespace postern::test
