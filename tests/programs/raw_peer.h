// SPDX-License-Identifier: GPL-2.0
/*
 * RDS over TCP, spoken by an ordinary program: headers as bytes, and what is needed to open a stream
 * to the RDS port of another machine and to cut one into messages. No AF_RDS socket. One thread.
 */
#ifndef TESTS_PROGRAMS_RAW_PEER_H
#define TESTS_PROGRAMS_RAW_PEER_H

#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "endpoint.h"

using rds_tools::endpoint;

constexpr std::uint16_t rds_tcp_port = 16385;
constexpr std::size_t header_size = 48, map_size = 8192, extension_size = 16;
constexpr std::uint8_t flag_map = 0x01, flag_retransmitted = 0x04;
constexpr std::uint16_t probe_port = 1;

using packet = std::vector<std::uint8_t>;
using extension = std::array<std::uint8_t, extension_size>;

inline std::uint64_t next_random(std::uint64_t &state)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* Big-endian numbers at some place of a packet. */
inline std::uint64_t get_number(std::span<const std::uint8_t> in, std::size_t at, std::size_t size)
{
	std::uint64_t value = 0;
	for (std::size_t i = 0; i < size; i++)
		value = value << 8 | in[at + i];
	return value;
}
inline void put_number(std::span<std::uint8_t> out, std::size_t at, std::uint64_t value,
		       std::size_t size)
{
	while (size--) {
		out[at + size] = static_cast<std::uint8_t>(value);
		value >>= 8;
	}
}

struct header {
	std::uint64_t seq = 1;
	std::uint32_t len = 0;
	std::uint16_t sport = 0, dport = 0;
	std::uint8_t flags = 0;
	std::uint16_t csum = 0;
	extension ext{};

	packet bytes() const
	{
		packet out(header_size);
		put_number(out, 0, seq, 8);
		put_number(out, 16, len, 4);
		put_number(out, 20, sport, 2);
		put_number(out, 22, dport, 2);
		out[24] = flags;
		put_number(out, 30, csum, 2);
		std::copy(ext.begin(), ext.end(), out.begin() + 32);
		return out;
	}
	/* With a payload of the announced length. */
	packet message(std::uint8_t fill) const
	{
		packet out = bytes();
		out.resize(header_size + len, fill);
		return out;
	}

	static header read(std::span<const std::uint8_t> in)
	{
		header h;
		h.seq = get_number(in, 0, 8);
		h.len = static_cast<std::uint32_t>(get_number(in, 16, 4));
		h.sport = static_cast<std::uint16_t>(get_number(in, 20, 2));
		h.dport = static_cast<std::uint16_t>(get_number(in, 22, 2));
		h.flags = in[24];
		h.csum = static_cast<std::uint16_t>(get_number(in, 30, 2));
		std::copy(in.begin() + 32, in.begin() + header_size, h.ext.begin());
		return h;
	}
};

inline header map_header(std::uint32_t len = map_size)
{
	header h;
	h.seq = 0;
	h.len = len;
	h.flags = flag_map;
	return h;
}

/* A peer's stream, however it comes, as messages. Of a payload only so many bytes are kept. */
class message_cutter {
public:
	explicit message_cutter(std::size_t keep = 0) : keep_(keep) {}

	/* @found(the 48 bytes of the header, payload) for each message that has become complete */
	template <typename F>
	void feed(std::span<const std::uint8_t> in, F &&found)
	{
		while (!in.empty()) {
			if (header_.size() < header_size) {
				in = in.subspan(fill(header_, header_size, in));
				if (header_.size() < header_size)
					return;
				missing_ = get_number(header_, 16, 4);
			} else {
				std::size_t part = std::min<std::uint64_t>(missing_, in.size());
				fill(payload_, keep_, in.first(part));
				missing_ -= part;
				in = in.subspan(part);
			}
			if (missing_)
				continue;
			packet head, body;
			head.swap(header_);
			body.swap(payload_);
			found(head, body);
		}
	}
	/* The rest of a message will not come. */
	void reset()
	{
		header_.clear();
		payload_.clear();
		missing_ = 0;
	}

private:
	static std::size_t fill(packet &to, std::size_t size, std::span<const std::uint8_t> in)
	{
		std::size_t part = std::min(size - to.size(), in.size());
		to.insert(to.end(), in.begin(), in.begin() + static_cast<long>(part));
		return part;
	}

	std::size_t keep_;
	packet header_, payload_;
	std::uint64_t missing_ = 0;
};

class timer {
public:
	explicit timer(int ms) : end_(clock::now() + std::chrono::milliseconds(ms)) {}
	int left() const
	{
		auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(end_ -
										clock::now());
		return static_cast<int>(std::max<std::int64_t>(ms.count(), 0));
	}

private:
	using clock = std::chrono::steady_clock;
	clock::time_point end_;
};

/*
 * A socket that does not block, bound to @local; @device: or none. With a receive buffer only that
 * much is taken. Return: -1 and errno.
 */
inline int raw_socket(const endpoint &local, const std::string &device = "", int receive_buffer = 0)
{
	int fd = ::socket(local.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
	if (fd < 0)
		return fd;
	::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (receive_buffer)
		::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
	bool there = device.empty() || !::setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE,
						     device.c_str(), socklen_t(device.size()));
	if (there && !::bind(fd, local.sa(), local.length()))
		return fd;
	int err = errno;
	::close(fd);
	errno = err;
	return -1;
}

#endif
