// forward.toml: what it says, and that what is wrong is named by file, line and key.
#include "edge/forward/config.hpp"

#include <gtest/gtest.h>

namespace postern::forward {
namespace {

const std::string kTop = "admin_socket = \"/run/a\"\nstate_directory = \"/s\"\n";
const std::string kFile = "[[sink]]\nname = \"a\"\ntype = \"file\"\npath = \"/f\"\n";

TEST(ForwardConfigFile, SaysWhatItSays) {
  const auto config =
      parse_config(kTop +
                       "authority_user = 0\nmetrics = \"[::1]:9467\"\npoll_milliseconds = 100\nbatch = 50\n"
                       "pseudonym_key_file = \"/k\"\n" +
                       kFile +
                       "form = \"samba\"\nbegin = \"now\"\npseudonymise = true\n"
                       "[[sink]]\nname = \"siem\"\ntype = \"syslog\"\ntransport = \"tls\"\nhost = \"logs.example.org\"\n"
                       "ca_file = \"/ca\"\nfacility = 4\nresend = 7\n"
                       "[[sink]]\nname = \"j\"\ntype = \"journald\"\n",
                   "x.toml");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->authority_user, 0U);
  EXPECT_EQ(config->metrics_host, "::1");
  EXPECT_EQ(config->metrics_port, 9467);
  EXPECT_EQ(config->poll.count(), 100);
  ASSERT_EQ(config->sinks.size(), 3U);
  EXPECT_EQ(config->sinks[0].form, event::Form::samba);
  EXPECT_EQ(config->sinks[0].begin, Begin::now);
  EXPECT_EQ(config->sinks[0].pseudonym_key_file, "/k");
  EXPECT_EQ(config->sinks[1].port, 6514) << "RFC 5425";
  EXPECT_EQ(config->sinks[1].facility, 4U);
  EXPECT_EQ(config->sinks[1].resend, 7U);
  EXPECT_EQ(config->sinks[1].pseudonym_key_file, "") << "it keeps the names";
  EXPECT_EQ(config->sinks[2].path, "/run/systemd/journal/socket");
}

TEST(ForwardConfigFile, R38_WhatIsWrongIsNamedByFileLineAndKey) {
  const std::pair<std::string, std::string> wrongs[] = {
      {"admin_socket = \n", "x.toml:1: "},
      {kFile, "x.toml:1: admin_socket: is missing"},
      {kTop, "x.toml:1: sink: is missing"},
      {kTop + "colour = 1\n" + kFile, "x.toml:3: colour: is no key"},
      {kTop + "metrics = \"0.0.0.0:9467\"\n" + kFile, "x.toml:3: metrics: must be 127.0.0.1:PORT"},
      {kTop + "metrics = \"127.0.0.1:port\"\n" + kFile, "x.toml:3: metrics: must end with a port"},
      {kTop + "metrics = \"127.0.0.1\"\n" + kFile, "x.toml:3: metrics: must be"},
      {kTop + "batch = 0\n" + kFile, "x.toml:3: batch: must be a whole number"},
      {kTop + kFile + "form = \"xml\"\n", "x.toml:7: sink.form: must be one of"},
      {kTop + kFile + "pseudonymise = true\n", "x.toml:1: pseudonym_key_file: is missing"},
      {kTop + kFile + kFile, "x.toml:8: sink.name: is the name of another sink"},
      {kTop + "[[sink]]\nname = \"../a\"\ntype = \"file\"\npath = \"/f\"\n", "x.toml:4: sink.name: must be 1 to 64 letters"},
      {kTop + "[[sink]]\nname = \"a\"\n", "x.toml:3: sink.type: is missing"},
      {kTop + "[[sink]]\nname = \"a\"\ntype = \"file\"\n", "x.toml:3: sink.path: is missing"},
      {kTop + "[[sink]]\nname = \"a\"\ntype = \"syslog\"\ntransport = \"tcp\"\nport = 514\n", "x.toml:3: sink.host: is missing"},
      {kTop + "[[sink]]\nname = \"a\"\ntype = \"syslog\"\ntransport = \"tcp\"\nhost = \"h\"\n", "x.toml:3: sink.port: is missing"},
      {kTop + "[[sink]]\nname = \"a\"\ntype = \"syslog\"\ntransport = \"tls\"\nhost = \"h\"\nkey = \"/k\"\n",
       "x.toml:8: sink.key: and certificate"},
      {kTop + kFile + "host = \"h\"\n", "x.toml:7: sink.host: is no key"},
  };
  for (const auto& [text, begins] : wrongs) {
    const auto config = parse_config(text, "x.toml");
    ASSERT_FALSE(config) << text;
    EXPECT_TRUE(config.error().message.starts_with(begins)) << config.error().message << "\nis not\n" << begins;
  }
}

}  // namespace
}  // namespace postern::forward
