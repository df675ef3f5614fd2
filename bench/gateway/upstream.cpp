// postern-bench-upstream PORT: the cheapest HTTP server there can be, for what stands between it and a client to be measured.
// Answers each head without a body with the same 200; takes no bodies.
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr std::string_view kHeadEnd = "\r\n\r\n";
constexpr std::string_view kAnswer = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\nhello\n";

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  explicit Connection(tcp::socket socket) : socket_{std::move(socket)} {
    boost::system::error_code ignored;
    socket_.set_option(tcp::no_delay{true}, ignored);
  }
  void read() {
    socket_.async_read_some(asio::buffer(bytes_), [self = shared_from_this()](boost::system::error_code error, std::size_t count) {
      if (error) return;
      self->heads_.append(self->bytes_.data(), count);
      std::string answers;
      for (std::size_t end = 0; (end = self->heads_.find(kHeadEnd)) != std::string::npos;) {
        self->heads_.erase(0, end + kHeadEnd.size());
        answers += kAnswer;
      }
      self->write(std::move(answers));
    });
  }

 private:
  void write(std::string answers) {
    if (answers.empty()) return read();
    answers_ = std::move(answers);
    asio::async_write(socket_, asio::buffer(answers_), [self = shared_from_this()](boost::system::error_code error, std::size_t) {
      if (!error) self->read();
    });
  }
  tcp::socket socket_;
  std::array<char, 4096> bytes_{};
  std::string heads_{};
  std::string answers_{};
};

void accept(tcp::acceptor& acceptor) {
  acceptor.async_accept([&acceptor](boost::system::error_code error, tcp::socket socket) {
    if (!error) std::make_shared<Connection>(std::move(socket))->read();
    accept(acceptor);
  });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  asio::io_context io{1};
  tcp::acceptor acceptor{io, tcp::endpoint{asio::ip::address_v4::loopback(), static_cast<unsigned short>(std::atoi(argv[1]))}};
  accept(acceptor);
  io.run();
}
