#include "observe/capture/live.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <linux/if_packet.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <sys/socket.h>

namespace postern::observe::capture {

struct LiveSource::Handle {
  pcap_t* pcap = nullptr;
  std::uint16_t link = 0;
  int descriptor = -1;
  ~Handle() {
    if (pcap != nullptr) ::pcap_close(pcap);
  }
};

namespace {

struct Taker {
  const std::function<void(std::span<const Packet>)>* take;
  std::uint16_t link;
};

void on_packet(u_char* user, const pcap_pkthdr* header, const u_char* bytes) {
  const auto* taker = reinterpret_cast<const Taker*>(user);
  const std::int64_t microseconds = std::int64_t{header->ts.tv_sec} * 1'000'000 + header->ts.tv_usec;
  const Packet packet{
      {bytes, header->caplen}, std::max(header->len, header->caplen), taker->link, FileTime::from_unix_microseconds(microseconds)};
  (*taker->take)({&packet, 1});
}

std::unexpected<Error> pcap_fault(pcap_t* pcap, const LiveOptions& options, int code) {
  const ErrorCode ours = code == PCAP_ERROR_PERM_DENIED || code == PCAP_ERROR_PROMISC_PERM_DENIED ? ErrorCode::denied
                         : code == PCAP_ERROR_NO_SUCH_DEVICE                                      ? ErrorCode::not_found
                                                                                                  : ErrorCode::io;
  std::string message = "cannot watch " + options.interface + ": " + ::pcap_statustostr(code);
  if (const char* more = ::pcap_geterr(pcap); more != nullptr && *more != '\0') message += std::string{" ("} + more + ")";
  Error error{ours, {}, Error::kNoOffset, std::move(message), {}};
  if (ours == ErrorCode::denied) error.hint = "watching an interface needs root, or CAP_NET_RAW and CAP_NET_ADMIN";
  return std::unexpected{std::move(error)};
}

}  // namespace

LiveSource::LiveSource(std::unique_ptr<Handle> handle) : handle_{std::move(handle)} {}
LiveSource::~LiveSource() = default;

Result<std::unique_ptr<LiveSource>> LiveSource::open(const LiveOptions& options) {
  std::array<char, PCAP_ERRBUF_SIZE> text{};
  auto handle = std::make_unique<Handle>();
  handle->pcap = ::pcap_create(options.interface.c_str(), text.data());
  if (handle->pcap == nullptr) return fail(ErrorCode::io, "cannot watch " + options.interface + ": " + text.data());
  pcap_t* pcap = handle->pcap;
  ::pcap_set_snaplen(pcap, static_cast<int>(options.snapshot_bytes));
  ::pcap_set_promisc(pcap, options.promiscuous == LiveOptions::Promiscuous::yes ? 1 : 0);
  ::pcap_set_timeout(pcap, options.block_milliseconds);
  ::pcap_set_buffer_size(pcap, static_cast<int>(options.ring_bytes));
  if (const int code = ::pcap_activate(pcap); code < 0) return pcap_fault(pcap, options, code);
  if (!options.filter.empty()) {
    bpf_program program{};
    if (::pcap_compile(pcap, &program, options.filter.c_str(), 1, PCAP_NETMASK_UNKNOWN) != 0) {
      return fail(ErrorCode::invalid_input, "filter", Error::kNoOffset, std::string{"not a filter: "} + ::pcap_geterr(pcap));
    }
    const int code = ::pcap_setfilter(pcap, &program);
    ::pcap_freecode(&program);
    if (code != 0) return pcap_fault(pcap, options, code);
  }
  if (::pcap_setnonblock(pcap, 1, text.data()) != 0)
    return fail(ErrorCode::io, std::string{"cannot watch without blocking: "} + text.data());
  handle->link = static_cast<std::uint16_t>(::pcap_datalink(pcap));
  handle->descriptor = ::pcap_get_selectable_fd(pcap);
  if (options.fanout_group != 0) {
    // The kernel's hash is the same for both directions; fragments are put together first, so that they go where the rest goes.
    const unsigned argument = options.fanout_group | static_cast<unsigned>(PACKET_FANOUT_HASH | PACKET_FANOUT_FLAG_DEFRAG) << 16U;
    if (::setsockopt(::pcap_fileno(pcap), SOL_PACKET, PACKET_FANOUT, &argument, sizeof argument) != 0) {
      return fail(ErrorCode::io, std::string{"cannot share the interface between readers: "} + std::strerror(errno));
    }
  }
  return std::unique_ptr<LiveSource>{new LiveSource{std::move(handle)}};
}

Result<void> LiveSource::poll(int milliseconds, const std::function<void(std::span<const Packet>)>& take) {
  pollfd wait{handle_->descriptor, POLLIN, 0};
  if (::poll(&wait, 1, milliseconds) < 0 && errno != EINTR)
    return fail(ErrorCode::io, std::string{"poll: "} + std::strerror(errno));
  Taker taker{&take, handle_->link};
  const int count = ::pcap_dispatch(handle_->pcap, -1, on_packet, reinterpret_cast<u_char*>(&taker));
  if (count == PCAP_ERROR) return fail(ErrorCode::io, std::string{"watching ended: "} + ::pcap_geterr(handle_->pcap));
  return {};
}

LiveSource::Counts LiveSource::counts() {
  pcap_stat stat{};
  if (::pcap_stats(handle_->pcap, &stat) != 0) return {};
  return {stat.ps_recv, std::uint64_t{stat.ps_drop} + stat.ps_ifdrop};
}

}  // namespace postern::observe::capture
