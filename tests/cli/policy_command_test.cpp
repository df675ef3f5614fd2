// postern policy: the program itself, beside a running posternd with a policy file.
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <nlohmann/json.hpp>
#include <spawn.h>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "support/paths.hpp"

extern char** environ;

namespace postern::cli {
namespace {

using Json = nlohmann::json;

struct Outcome {
  int exit_code = -1;
  std::string out{};
  std::string error{};
  [[nodiscard]] Json json() const { return Json::parse(out, nullptr, false); }
};

std::string content(const std::string& path) {
  std::ifstream in{path};
  return {std::istreambuf_iterator<char>{in}, {}};
}

class PolicyCommand : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = std::filesystem::temp_directory_path() / "postern-policy-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    std::filesystem::create_directory(folder_ / "keys");
    std::filesystem::permissions(folder_ / "keys", std::filesystem::perms::owner_all);
    write("policy.toml", "# ours\nRequireMic = \"when-supported\"  # for now\n");
    write("posternd.toml", "state_directory = '" + file("data") + "'\nkey_file = '" + file("keys/k") + "'\nsocket = '" +
                               file("edge.sock") + "'\nadmin_socket = '" + file("admin.sock") + "'\npolicy_file = '" +
                               file("policy.toml") +
                               "'\n[policy]\nPlainHttp = 'never'\n[[service]]\nname = 'web'\n[service.policy]\n"
                               "RequireMic = 'always'\n[[service]]\nname = 'files'\nkind = 'smb'\n");
  }
  void TearDown() override {
    if (process_ > 0) {
      ::kill(process_, SIGTERM);
      ::waitpid(process_, nullptr, 0);
    }
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  [[nodiscard]] std::string file(const std::string& name) const { return folder_ / name; }
  void write(const std::string& name, const std::string& text) const { std::ofstream{file(name)} << text; }

  void start() {
    std::array<std::string, 3> words{std::string{POSTERN_BINARY_DIR} + "/bin/posternd", "--config", file("posternd.toml")};
    std::array<char*, 4> argv{words[0].data(), words[1].data(), words[2].data(), nullptr};
    posix_spawn_file_actions_t actions{};
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 2, file("log").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    ASSERT_EQ(posix_spawn(&process_, argv[0], &actions, nullptr, argv.data(), environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    for (int i = 0; i < 1000 && !content(file("log")).contains("ready"); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds{20});
    ASSERT_TRUE(content(file("log")).contains("ready")) << content(file("log"));
  }
  /// `postern policy ARGUMENTS`, in the test's folder.
  Outcome run(const std::string& arguments, const std::string& input = "") const {
    write("in", input);
    const std::string command =
        "cd '" + folder_.string() + "' && " + POSTERN_BINARY_DIR + "/bin/postern policy " + arguments + " < in > out 2> err";
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, content(file("out")), content(file("err"))};
  }
  [[nodiscard]] std::string socket() const { return " --socket '" + file("admin.sock") + "'"; }
  [[nodiscard]] Json in_force(const std::string& service) const {
    return run("show --json --service " + service + socket()).json()["services"][0]["settings"];
  }

  std::filesystem::path folder_{};
  pid_t process_ = -1;
};

TEST_F(PolicyCommand, ShowsWhatPosterndEnforcesServiceByService) {
  start();
  const Json shown = run("show --json" + socket()).json();
  EXPECT_EQ(shown["policy_file"], file("policy.toml"));
  ASSERT_EQ(shown["services"].size(), 2U) << shown;
  EXPECT_EQ(shown["services"][1]["name"], "files");
  EXPECT_EQ(shown["services"][1]["kind"], "smb");
  EXPECT_EQ(in_force("web")["RequireMic"], "when-supported") << "the policy file lies above posternd.toml";
  EXPECT_EQ(in_force("files")["PlainHttp"], "never") << "what it leaves out is posternd.toml's";
  EXPECT_EQ(in_force("files")["LmCompatibilityLevel"], 5);
  EXPECT_EQ(in_force("files")["DenyVersions"], Json::array());
  const Outcome text = run("show --service web" + socket());
  EXPECT_TRUE(text.out.contains("# web (http)\n") && text.out.contains("\nRequireMic = \"when-supported\"\n")) << text.out;
  EXPECT_EQ(run("show --service mail" + socket()).exit_code, 1);
}

TEST_F(PolicyCommand, SetChangesTheFileKeepsItsCommentsAndTakesEffectAtOnce) {
  start();
  const Outcome all = run("set requiremic=always DenyVersions=LM,NTLMv1 --json" + socket());
  ASSERT_EQ(all.exit_code, 0) << all.out << all.error;
  EXPECT_EQ(all.json()["set"], Json::parse(R"({"RequireMic":"always","DenyVersions":"LM, NTLMv1"})"));
  EXPECT_EQ(all.json()["reloaded"], true);
  EXPECT_EQ(content(file("policy.toml")), "# ours\nRequireMic = \"always\"  # for now\nDenyVersions = [\"LM\", \"NTLMv1\"]\n");
  EXPECT_EQ(in_force("files")["RequireMic"], "always");
  ASSERT_EQ(run("set RestrictReceivingNTLMTraffic=2 --service files" + socket()).exit_code, 0);
  EXPECT_EQ(in_force("files")["RestrictReceivingNTLMTraffic"], 2);
  EXPECT_EQ(in_force("web")["RestrictReceivingNTLMTraffic"], 0);
  for (const auto& entry : std::filesystem::directory_iterator{folder_}) {
    EXPECT_FALSE(entry.path().filename().string().starts_with("policy.toml.")) << "a draft is left behind";
  }
}

TEST_F(PolicyCommand, R38_AWrongValueAndARefusedFileLeaveFileAndPolicyAsTheyWere) {
  start();
  const std::string before = content(file("policy.toml"));
  EXPECT_EQ(run("set RequireMic=sometimes" + socket()).exit_code, 2);
  EXPECT_EQ(run("set Colour=1" + socket()).exit_code, 2);
  EXPECT_EQ(run("set RequireMic" + socket()).exit_code, 2);
  // The file that comes out is right in itself, and posternd has no such service.
  const Outcome refused = run("set RequireMic=always --service nobody" + socket());
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_TRUE(refused.error.contains("policy.toml:4: service.nobody: is no service")) << refused.error;
  EXPECT_EQ(content(file("policy.toml")), before);
  EXPECT_EQ(in_force("web")["RequireMic"], "when-supported");
}

TEST_F(PolicyCommand, R38_AReloadOfAWrongFileKeepsTheOldPolicyNamesTheLineAndIsAnExitCode) {
  start();
  write("policy.toml", "# ours\nRequireMic = \"sometimes\"\n");
  const Outcome wrong = run("reload" + socket());
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_TRUE(wrong.error.contains("policy.toml:2: RequireMic: RequireMic takes never")) << wrong.error;
  EXPECT_EQ(in_force("web")["RequireMic"], "when-supported");
  ::kill(process_, SIGHUP);
  const std::string said = "the configuration stays as it was: " + file("policy.toml") + ":2: RequireMic";
  for (int i = 0; i < 1000 && !content(file("log")).contains(said); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
  }
  EXPECT_TRUE(content(file("log")).contains(said)) << content(file("log"));
  EXPECT_EQ(in_force("web")["RequireMic"], "when-supported");
  write("policy.toml", "RequireMic = \"never\"\n");
  EXPECT_EQ(run("reload" + socket()).exit_code, 0);
  EXPECT_EQ(in_force("web")["RequireMic"], "never");
  std::filesystem::remove(file("policy.toml"));
  EXPECT_EQ(run("reload" + socket()).exit_code, 3);
  EXPECT_EQ(in_force("web")["RequireMic"], "never");
}

TEST_F(PolicyCommand, ReadsAndChangesAFileWithoutPosternd) {
  EXPECT_EQ(run("set RequireMic=always --file new.toml").exit_code, 0);
  EXPECT_EQ(content(file("new.toml")), "RequireMic = \"always\"\n");
  const Json shown = run("show --json --file new.toml").json();
  EXPECT_EQ(shown["services"][0]["settings"]["RequireMic"], "always") << shown;
  EXPECT_EQ(run("show --file nothing.toml").exit_code, 3);
  write("wrong.toml", "RequireMic = 1\n");
  EXPECT_EQ(run("show --file wrong.toml").exit_code, 2);
  EXPECT_EQ(run("show" + socket()).exit_code, 3) << "nobody answers there";
}

TEST_F(PolicyCommand, CheckAnswersByExitCode) {
  const std::string curl =
      "check --file policy.toml --version NTLMv2 --account 'DEMO\\alice' --service http --client 192.0.2.7 --tls yes";
  EXPECT_EQ(run(curl).exit_code, 0) << run(curl).out;
  const Outcome refused = run(curl + " --set ExtendedProtection=always --json");
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_EQ(refused.json()["verdict"], "deny");
  EXPECT_EQ(refused.json()["status"]["name"], "STATUS_BAD_BINDINGS");
  EXPECT_EQ(refused.json()["decisions"][0]["setting"], "ExtendedProtection");
  EXPECT_EQ(run(curl + " --set ExtendedProtection=always --channel-binding matched").exit_code, 0);
  const Outcome open = run("check --file policy.toml --account 'DEMO\\alice' --service http --client 192.0.2.7 --tls yes --json");
  EXPECT_EQ(open.exit_code, 1) << "the version is unknown";
  EXPECT_EQ(open.json()["verdict"], "depends");
  EXPECT_EQ(run(curl + " --point client --server web.corp.example").exit_code, 1) << "no rule for that host";
  EXPECT_EQ(run(curl + " --point client --server web.corp.example --set OutgoingHosts=*.corp.example").exit_code, 0);
  EXPECT_EQ(run(curl + " --fact account.protected=true").exit_code, 1);
  EXPECT_EQ(run(curl + " --fact account.state=STATUS_ACCOUNT_DISABLED --stage response").exit_code, 0);
  for (const char* wrong : {" --set Colour=1", " --set RequireMic=1", " --point moon", " --stage last", " --tls maybe",
                            " --version NTLMv3", " --fact client=1", " --fact x", " --service carrier-pigeon"}) {
    EXPECT_EQ(run(curl + wrong).exit_code, 2) << wrong;
  }
}

TEST_F(PolicyCommand, CheckReadsAnEvent) {
  const std::string event =
      R"({"schema":1,"outcome":"success","source":{"kind":"winlog"},"package":"NTLM","ntlm":{"version":"NTLMv1","server_names":{"nb_computer":"WEB1"}},)"
      R"("account":{"name":"alice","domain":"CORP","kind":"domain"}})";
  const std::string check = "check --file policy.toml --event - --point account-dc --json --set LmCompatibilityLevel=4 ";
  EXPECT_EQ(run(check, event).json()["verdict"], "allow") << run(check, event).out;
  EXPECT_EQ(run(check + "--set LmCompatibilityLevel=5", event).json()["status"]["name"], "STATUS_LOGON_FAILURE");
  const std::string blocked = check + "--set RestrictNTLMInDomain=3 ";
  EXPECT_EQ(run(blocked, event).json()["status"]["name"], "STATUS_NTLM_BLOCKED");
  EXPECT_EQ(run(blocked + "--set DCAllowedNTLMServers=WEB1", event).json()["verdict"], "depends");
  EXPECT_NE(run(check, "{}").exit_code, 0) << "no event";
}

}  // namespace
}  // namespace postern::cli
