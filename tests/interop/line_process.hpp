// Another program that answers one line with one line, over pipes.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "interop_support.hpp"

namespace postern::interop {

class LineProcess {
 public:
  /// `arguments[0]` is the program's path.
  explicit LineProcess(const std::vector<std::string>& arguments) {
    int to[2], from[2];
    if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0) return;
    std::vector<char*> argv;
    for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    pid_ = fork();
    if (pid_ == 0) {
      dup2(to[0], STDIN_FILENO);
      dup2(from[1], STDOUT_FILENO);
      const int quiet = open("/dev/null", O_WRONLY);
      dup2(quiet, STDERR_FILENO);
      execv(argv[0], argv.data());
      _exit(127);
    }
    close(to[0]);
    close(from[1]);
    in_ = fdopen(to[1], "w");
    out_ = fdopen(from[0], "r");
  }
  LineProcess(const LineProcess&) = delete;
  LineProcess& operator=(const LineProcess&) = delete;
  ~LineProcess() {
    if (in_ != nullptr) std::fclose(in_);
    if (out_ != nullptr) std::fclose(out_);
    std::free(line_);
    int status = 0;
    if (pid_ > 0) waitpid(pid_, &status, 0);
  }

  /// The answer without its line end; empty once the program has ended.
  std::string ask(const std::string& line) {
    std::fputs((line + "\n").c_str(), in_);
    std::fflush(in_);
    const ssize_t size = getline(&line_, &capacity_, out_);
    if (size <= 0) return {};
    std::string answer{line_, static_cast<std::size_t>(size)};
    if (answer.back() == '\n') answer.pop_back();
    return answer;
  }
  /// The bytes behind the two letters; fails the test if the letters are others.
  Bytes ask_for(const std::string& line, std::string_view letters) {
    const std::string reply = ask(line);
    EXPECT_EQ(reply.substr(0, 2), letters) << reply.substr(0, 100);
    return reply.size() < 3 ? Bytes{} : from_base64(reply.substr(3)).value_or(Bytes{});
  }

 private:
  pid_t pid_ = -1;
  std::FILE* in_ = nullptr;
  std::FILE* out_ = nullptr;
  char* line_ = nullptr;
  std::size_t capacity_ = 0;
};

}  // namespace postern::interop
