// What SMB1 and SMB2 keep alike: sessions being set up, open pipes, reads that wait for their data.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "base/reader.hpp"
#include "observe/carriers/exchange_numbers.hpp"
#include "observe/carriers/inlet.hpp"
#include "observe/carriers/rpc_channel.hpp"

namespace postern::observe {

/// A FileId of SMB2, or an SMB1 FID in its first two bytes.
using PipeKey = std::array<std::uint8_t, 16>;

struct SmbSession {
  std::uint64_t id = 0;       ///< SessionId or UID; 0 until the server has given one
  std::uint64_t request = 0;  ///< MessageId or PID and MID of the request that waits for its answer
  ExchangeSlot slot{};
};

/// Sessions of one connection; the one used longest ago makes room.
class SmbSessions {
 public:
  static constexpr std::size_t kMax = 128;

  /// For a request: the session that has this id, or a new one.
  SmbSession& of_request(std::uint64_t id, std::uint64_t request) {
    const auto at = id == 0 ? sessions_.end() : std::ranges::find(sessions_, id, &SmbSession::id);
    SmbSession& session = at == sessions_.end() ? add() : touch(at);
    session.id = id;
    session.request = request;
    return session;
  }
  /// For an answer: the session that waits for it; where the request was not seen, as for a request.
  SmbSession& of_answer(std::uint64_t id, std::uint64_t request) {
    const auto waits = [&](const SmbSession& s) { return s.request == request && (s.id == id || s.id == 0); };
    // The latest of several: an earlier one's answer was lost.
    const auto latest = std::find_if(sessions_.rbegin(), sessions_.rend(), waits);
    auto at = latest == sessions_.rend() ? sessions_.end() : std::prev(latest.base());
    if (at == sessions_.end() && id != 0) at = std::ranges::find(sessions_, id, &SmbSession::id);
    SmbSession& session = at == sessions_.end() ? add() : touch(at);
    if (id != 0) session.id = id;
    return session;
  }
  [[nodiscard]] const SmbSession* find(std::uint64_t id) const {
    const auto at = std::ranges::find(sessions_, id, &SmbSession::id);
    return at == sessions_.end() ? nullptr : &*at;
  }

 private:
  SmbSession& add() {
    if (sessions_.size() == kMax) sessions_.erase(sessions_.begin());
    return sessions_.emplace_back();
  }
  SmbSession& touch(std::vector<SmbSession>::iterator at) {
    std::rotate(at, at + 1, sessions_.end());
    return sessions_.back();
  }

  std::vector<SmbSession> sessions_;
};

/// One direction of a pipe: what is left of a PDU that came in part with an earlier write or read.
struct PipeStream {
  Bytes held{};            ///< its beginning, where all of it must be seen
  Moment begin{};          ///< of its first byte
  std::uint64_t skip = 0;  ///< or so many bytes that need not be
};

struct SmbPipe {
  PipeKey key{};
  RpcChannel channel{};
  std::array<PipeStream, 2> streams{};  ///< by side
  [[nodiscard]] PipeStream& stream(Side from) { return streams[from == Side::client ? 0 : 1]; }
};

/// Open pipes, and who reads from which.
class SmbPipes {
 public:
  static constexpr std::size_t kMaxPipes = 64;
  static constexpr std::size_t kMaxReads = 64;

  /// The pipe, or null.
  [[nodiscard]] SmbPipe* find(const PipeKey& key) {
    const auto pipe = std::ranges::find(pipes_, key, &SmbPipe::key);
    return pipe == pipes_.end() ? nullptr : &*pipe;
  }
  /// The pipe, made if it was not there; the one used longest ago makes room.
  SmbPipe& at(const PipeKey& key) {
    const auto pipe = std::ranges::find(pipes_, key, &SmbPipe::key);
    if (pipe != pipes_.end()) {
      std::rotate(pipe, pipe + 1, pipes_.end());
      return pipes_.back();
    }
    if (pipes_.size() == kMaxPipes) pipes_.erase(pipes_.begin());
    pipes_.push_back({key, {}, {}});
    return pipes_.back();
  }
  void on_lost(Side from) {
    for (SmbPipe& pipe : pipes_) {
      pipe.stream(from) = {};
      pipe.channel.on_lost(from);
    }
  }
  [[nodiscard]] std::size_t held_bytes() const {
    std::size_t held = 0;
    for (const SmbPipe& pipe : pipes_) {
      held += pipe.channel.held_bytes() + pipe.streams[0].held.capacity() + pipe.streams[1].held.capacity();
    }
    return held;
  }
  /// Bytes that may be kept beside what is kept.
  [[nodiscard]] std::size_t room() const { return kMaxRpcPartBytes - std::min(held_bytes(), kMaxRpcPartBytes); }
  void expect_read(std::uint64_t request, const PipeKey& key) {
    if (reads_.size() == kMaxReads) reads_.erase(reads_.begin());
    reads_.emplace_back(request, key);
  }
  /// The pipe that the answer to `request` comes from; a key of zeros where the request was not seen.
  [[nodiscard]] PipeKey read_of(std::uint64_t request) const {
    const auto at = std::ranges::find(reads_, request, &std::pair<std::uint64_t, PipeKey>::first);
    return at == reads_.end() ? PipeKey{} : at->second;
  }
  void forget_read(std::uint64_t request) {
    std::erase_if(reads_, [&](const auto& read) { return read.first == request; });
  }

 private:
  std::vector<SmbPipe> pipes_;
  std::vector<std::pair<std::uint64_t, PipeKey>> reads_;
};

/// What the two dialects share of a connection.
struct SmbState {
  const Connection& connection;
  ExchangeNumbers numbers{};
  SmbSessions sessions{};
  SmbPipes pipes{};
  std::string target{};    ///< the host of the last tree connect
  bool encrypted = false;  ///< was said
};

/// Bytes of a NetBIOS session message's head.
inline constexpr std::size_t kNbssHeaderBytes = 4;

/// A message in its record: the view starts at the protocol's signature, `offset` is the record's place in the front.
struct SmbMessage {
  const Front& front;
  ByteView bytes;          ///< what is here of it
  std::size_t length = 0;  ///< of the whole message
  std::size_t offset = 0;

  [[nodiscard]] bool whole() const { return bytes.size() >= length; }
  [[nodiscard]] bool has(std::size_t end) const { return bytes.size() >= end; }
  /// Waiting for the bytes before `end` would be in vain: they are not of this message, or more than is held.
  [[nodiscard]] bool beyond(std::size_t end) const { return end > length || end > Inlet::kMaxBytes - kNbssHeaderBytes; }
  [[nodiscard]] std::uint16_t u16(std::size_t at) const { return load_le<std::uint16_t>(bytes.data() + at); }
  [[nodiscard]] std::uint32_t u32(std::size_t at) const { return load_le<std::uint32_t>(bytes.data() + at); }
  [[nodiscard]] std::uint64_t u64(std::size_t at) const { return load_le<std::uint64_t>(bytes.data() + at); }
  /// [at, at + size) as far as it is here; empty where it starts outside.
  [[nodiscard]] ByteView part(std::size_t at, std::size_t size) const {
    return at >= bytes.size() ? ByteView{} : bytes.subspan(at, std::min(size, bytes.size() - at));
  }
  [[nodiscard]] const Moment& moment(std::size_t at) const { return front.moment_of(offset + at); }
};

/// Data of a pipe, `size` bytes from `at` in the message: PDUs, which may begin in an earlier message and end in a later one. True
/// if it was used, or is nothing; false if more of the record must be seen, and then nothing was done.
[[nodiscard]] bool on_pipe_data(SmbState& state, const SmbMessage& message, std::size_t at, std::size_t size, const PipeKey& key);

/// Says the host of `\\host\share` to the witness, for the exchange of that session.
void on_tree(SmbState& state, const SmbMessage& message, Carrier carrier, std::string path, std::uint64_t session);

/// The outcome of a session setup.
void report_setup(const SmbState& state, const SmbMessage& message, Carrier carrier, ExchangeKey exchange, std::uint32_t status,
                  OutcomeSeen::Standing standing);

void report_note(const SmbState& state, const SmbMessage& message, Carrier carrier, NoteSeen::Kind kind, ExchangeKey exchange = 0,
                 std::string detail = {});

inline constexpr std::uint32_t kStatusMoreProcessing = 0xC000'0016;

/// One SMB1 or SMB2 message. False: more of the record must be seen (never asked for what is over Inlet::kMaxBytes).
[[nodiscard]] bool on_smb1(SmbState& state, const SmbMessage& message, Bytes& classic_challenge);
[[nodiscard]] bool on_smb2(SmbState& state, const SmbMessage& message);

}  // namespace postern::observe
