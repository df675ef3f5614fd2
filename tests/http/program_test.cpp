// postern-gateway as a program: --check, --ready-fd, signals (R38).
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "gateway_fixture.hpp"
#include "support/paths.hpp"

namespace postern::test {
namespace {

class Program : public GatewayTest {
 protected:
  static std::string binary() { return std::string{POSTERN_BINARY_DIR} + "/bin/postern-gateway"; }

  /// Runs to the end; exit code, with standard error in `errors`.
  int run(const std::vector<std::string>& arguments) {
    const pid_t pid = spawn(arguments, -1);
    int status = 0;
    waitpid(pid, &status, 0);
    std::ifstream file{directory + "/stderr"};
    errors.assign(std::istreambuf_iterator<char>{file}, {});
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  pid_t spawn(const std::vector<std::string>& arguments, int keep_fd) {
    const std::string log = directory + "/stderr";
    const pid_t pid = fork();
    if (pid != 0) return pid;
    const int fd = open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    dup2(fd, 2);
    const int null = open("/dev/null", O_WRONLY);
    dup2(null, 1);
    if (keep_fd >= 0) fcntl(keep_fd, F_SETFD, 0);
    std::vector<char*> argv;
    const std::string name = binary();
    argv.push_back(const_cast<char*>(name.c_str()));
    for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    execv(argv[0], argv.data());
    _exit(127);
  }
  std::string errors_now() {
    std::ifstream file{directory + "/stderr"};
    return {std::istreambuf_iterator<char>{file}, {}};
  }
  std::string errors{};
};

TEST_F(Program, R38_CheckExits0ForARightFileAnd2ForAWrongOne) {
  const std::string right = write_file("right.toml", config_text());
  EXPECT_EQ(run({"--check", "--config", right}), 0);
  const std::string wrong = write_file("wrong.toml", config_text("[limits]\nnonsense = 1\n"));
  EXPECT_EQ(run({"--check", "--config", wrong}), 2);
  EXPECT_NE(errors.find("wrong.toml:"), std::string::npos) << errors;
  EXPECT_NE(errors.find("limits.nonsense"), std::string::npos) << errors;
  EXPECT_EQ(run({"--check", "--config", directory + "/none.toml"}), 2);
  EXPECT_EQ(run({"--check"}), 2);
  EXPECT_EQ(run({"--config", wrong}), 2);
  EXPECT_EQ(run({"--help"}), 0);
}

TEST_F(Program, R38_ServesReloadsKeepsTheOldConfigurationAndStops) {
  const std::string path = write_file("gateway.toml", config_text());
  const std::string notify_path = directory + "/notify";
  const int notify = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, notify_path.data(), notify_path.size());
  ASSERT_EQ(bind(notify, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  setenv("NOTIFY_SOCKET", notify_path.c_str(), 1);
  int ready[2];
  ASSERT_EQ(pipe2(ready, O_CLOEXEC), 0);
  const pid_t pid = spawn({"--config", path, "--ready-fd", std::to_string(ready[1])}, ready[1]);
  unsetenv("NOTIFY_SOCKET");
  close(ready[1]);
  std::string line;
  char byte = 0;
  while (read(ready[0], &byte, 1) == 1) line += byte;
  close(ready[0]);
  ASSERT_TRUE(line.starts_with("ready http=127.0.0.1:")) << line << errors_now();
  const auto gateway_port = static_cast<std::uint16_t>(std::atoi(line.c_str() + 21));
  const auto notified = [&] {
    char text[256];
    const ssize_t got = recv(notify, text, sizeof text, 0);
    return std::string{text, got > 0 ? static_cast<std::size_t>(got) : 0};
  };
  EXPECT_EQ(notified(), "READY=1");

  const auto public_status = [&] {
    RawClient client{gateway_port};
    const auto answer = client.ask(get("/public/"));
    return answer ? answer->status : 0;
  };
  EXPECT_EQ(public_status(), 401);
  write_file("gateway.toml", config_text("[authentication]\nanonymous_paths = [\"/public/\"]\n"));
  kill(pid, SIGHUP);
  EXPECT_TRUE(notified().starts_with("RELOADING=1\nMONOTONIC_USEC="));
  EXPECT_EQ(notified(), "READY=1");
  EXPECT_EQ(public_status(), 200);

  write_file("gateway.toml", config_text("[authentication]\nanonymous_paths = 7\n"));
  kill(pid, SIGHUP);
  EXPECT_TRUE(notified().starts_with("RELOADING=1"));
  EXPECT_EQ(notified(), "READY=1");
  EXPECT_EQ(public_status(), 200) << "the old configuration stays";
  EXPECT_NE(errors_now().find("authentication.anonymous_paths"), std::string::npos) << errors_now();

  RawClient client{gateway_port};
  ASSERT_TRUE(eventually([&] { return log_on(client) && true; }));
  kill(pid, SIGTERM);
  int status = 0;
  waitpid(pid, &status, 0);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0) << errors_now();
  close(notify);
}

TEST_F(Program, R27_TheLogNamesWhoAndHowAndHoldsNoToken) {
  std::string text = config_text();
  text.replace(text.find("\"error\""), 7, "\"debug\"");
  const std::string path = write_file("gateway.toml", text);
  int ready[2];
  ASSERT_EQ(pipe2(ready, O_CLOEXEC), 0);
  const pid_t pid = spawn({"--config", path, "--ready-fd", std::to_string(ready[1])}, ready[1]);
  close(ready[1]);
  std::string line;
  char byte = 0;
  while (read(ready[0], &byte, 1) == 1) line += byte;
  close(ready[0]);
  ASSERT_TRUE(line.starts_with("ready http=127.0.0.1:")) << line << errors_now();
  const auto gateway_port = static_cast<std::uint16_t>(std::atoi(line.c_str() + 21));
  ASSERT_TRUE(eventually([&] { return errors_now().find("connected to the authority") != std::string::npos; })) << errors_now();
  {
    RawClient client{gateway_port};
    ASSERT_EQ(log_on(client, "alice", "hush-hush-1", "/", "X-Secret: hush-hush-2\r\n")->status, 401);
    ASSERT_EQ(log_on(client, "alice", "right")->status, 200);
  }
  kill(pid, SIGTERM);
  int status = 0;
  waitpid(pid, &status, 0);
  const std::string log = errors_now();
  EXPECT_NE(log.find("logon denied user=\"alice\""), std::string::npos) << log;
  EXPECT_NE(log.find("why=wrong password"), std::string::npos) << log;
  EXPECT_NE(log.find("logon allowed user=\"DEMO\\alice\""), std::string::npos) << log;
  EXPECT_NE(log.find("version=NTLMv2"), std::string::npos);
  EXPECT_NE(log.find("status=STATUS_LOGON_FAILURE"), std::string::npos);
  EXPECT_NE(log.find("event=event-1"), std::string::npos);
  EXPECT_EQ(log.find("hush-hush"), std::string::npos) << log;
  EXPECT_EQ(log.find("TlRMTVNT"), std::string::npos) << "no token, not even in base64";
  EXPECT_EQ(log.find("NTLMSSP"), std::string::npos);
}

}  // namespace
}  // namespace postern::test
