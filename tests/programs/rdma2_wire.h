// SPDX-License-Identifier: GPL-2.0
/*
 * What the two processes of rds-rdma2 tell each other, and the socket they do it with: a mailbox keeps messages and
 * notifications apart. Both ends are little-endian builds of this file. One thread for each mailbox.
 */
#ifndef TESTS_PROGRAMS_RDMA2_WIRE_H
#define TESTS_PROGRAMS_RDMA2_WIRE_H

#include <sys/ioctl.h>

#include <deque>
#include <span>

#include "rdma_bench.h"

constexpr std::uint32_t wire_magic = 0x32616d72;

/* What the owner can be asked for; a, b, c, d are the arguments. */
enum class verb : std::uint32_t {
	hello, /* forgets all slots; text: the kernel's release */
	map, /* slot, a: bytes, b: offset in the page, c: flags, d: of map_how; the cookie comes along */
	fill, /* slot, a: seed */
	check, /* slot, a: from, b: bytes; value: their sum, other: guard bytes that changed */
	peek, /* slot, a: where; value: eight bytes */
	poke, /* slot, a: where, b: value */
	dest, /* slot; the cookie comes along once more */
	free, /* slot, a: flags */
	forget, /* slot: free and unmap */
	memlock, /* a: limit, b: bytes; as nobody, who registers so much */
	rounds, /* a: times, b: bytes, c: to keep; registers and frees, a message for each */
	crowd, /* a: times, b: bytes, c: threads; the same, kept, at once; value: how many, other: under way at once */
	futile, /* a: times, b: of flaw, c: threads, d: limit, if not 0; what must fail; value, other as of crowd */
	release, /* what rounds and crowd kept; and flushes */
	huge, /* a: times; registers and frees a part of a huge page, with a message each */
	memory, /* value: kB available */
	pinned, /* value: pages */
	counter, /* text: its name */
	ping, /* text: address of ours, a space, and the address to ping; value: milliseconds */
	spawn, /* a: port, b: tos; another owner */
	kill, /* it */
	quit,
	offer, /* is no request: of rounds and crowd */
};

enum class map_how : std::uint64_t { message, get_mr, for_dest };

/* Why a registration fails: before anything is pinned, half-way, or when all is done. */
enum class flaw : std::uint64_t { read_only, half_mapped, cookie };

struct request {
	std::uint32_t magic = wire_magic;
	verb what = verb::hello;
	std::uint64_t id = 0;
	std::uint64_t slot = 0, a = 0, b = 0, c = 0, d = 0;
	char text[96] = {};
};

struct reply {
	std::uint32_t magic = wire_magic;
	verb what = verb::hello;
	std::uint64_t id = 0;
	std::int64_t result = 0;
	std::uint64_t value = 0, other = 0;
	char text[96] = {};
};

/* ---- contents ---- */

inline std::uint8_t pattern(std::uint64_t seed, std::uint64_t i)
{
	std::uint64_t x = (seed << 32) + i + 0x9e3779b97f4a7c15;
	x = (x ^ (x >> 29)) * 0xbf58476d1ce4e5b9;
	return static_cast<std::uint8_t>(x >> 56);
}

inline void fill_pattern(std::span<std::uint8_t> where, std::uint64_t seed)
{
	for (std::size_t i = 0; i < where.size(); i++)
		where[i] = pattern(seed, i);
}

/* What bytes that nobody may touch hold. */
inline std::uint8_t guard_byte(std::size_t i)
{
	return static_cast<std::uint8_t>(0xa5 ^ i ^ i >> 8);
}

inline void fill_guard(std::span<std::uint8_t> where)
{
	for (std::size_t i = 0; i < where.size(); i++)
		where[i] = guard_byte(i);
}

/* FNV-1a */
inline std::uint64_t sum_of(std::span<const std::uint8_t> bytes)
{
	std::uint64_t sum = 0xcbf29ce484222325;
	for (std::uint8_t b : bytes)
		sum = (sum ^ b) * 0x100000001b3;
	return sum;
}

/* ---- the socket ---- */

struct arrival {
	endpoint from;
	std::vector<std::uint8_t> bytes;
	std::optional<std::uint64_t> cookie;

	template <typename Body>
	std::optional<Body> body() const
	{
		Body out;
		if (bytes.size() < sizeof(out))
			return std::nullopt;
		std::memcpy(static_cast<void *>(&out), bytes.data(), sizeof(out));
		return out.magic == wire_magic ? std::optional<Body>(out) : std::nullopt;
	}
};

class mailbox {
public:
	explicit mailbox(const endpoint &local, unsigned tos = 0)
	{
		long bound = -1;
		/* the GID of a new address takes its time */
		for (stopwatch watch; watch.ms() < 5000; ::usleep(20000))
			if (!(bound = socket_.bind(local)))
				break;
		std::uint8_t type = static_cast<std::uint8_t>(tos);
		if (bound || (tos && ::ioctl(socket_.fd(), SIOCRDSSETTOS, &type))) {
			std::fprintf(stderr, "rds-rdma2: cannot bind to %s, tos %u: %s\n",
				     local.text().c_str(), tos, result_text(bound).c_str());
			std::exit(2);
		}
		::fcntl(socket_.fd(), F_SETFD, FD_CLOEXEC);
	}

	sock &socket() { return socket_; }

	/*
	 * Sends when there is room, and when there is a connection, of which MAP wants one; what comes meanwhile is
	 * kept.
	 */
	long send(message &m, int ms = patience_ms)
	{
		for (stopwatch watch;;) {
			long r = m.send(socket_, MSG_DONTWAIT);
			if ((r != -EAGAIN && r != -ENOBUFS) || watch.ms() > ms)
				return r;
			if (!take(0))
				::usleep(1000);
		}
	}

	std::optional<arrival> next_message(int ms) { return next(messages_, ms); }
	std::optional<notice> next_told(int ms) { return next(notices_, ms); }
	std::size_t notices_waiting() const { return notices_.size(); }

private:
	template <typename Queue>
	std::optional<typename Queue::value_type> next(Queue &queue, int ms)
	{
		for (stopwatch watch; queue.empty();) {
			long left = ms - watch.ms();
			if (left < 0)
				return std::nullopt;
			take(static_cast<int>(left));
		}
		auto first = std::move(queue.front());
		queue.pop_front();
		return first;
	}

	/* One recvmsg; false if there was nothing. */
	bool take(int ms)
	{
		if (!socket_.poll(POLLIN, ms))
			return false;
		std::array<std::uint8_t, 8192> room;
		arrival got;
		message m(nullptr, room.data(), room.size());
		m.hdr.msg_name = got.from.sa();
		m.hdr.msg_namelen = endpoint::capacity();
		long n = m.receive(socket_, MSG_DONTWAIT);
		if (n < 0)
			return false;
		for (cmsghdr *c = CMSG_FIRSTHDR(&m.hdr); c; c = CMSG_NXTHDR(&m.hdr, c)) {
			if (c->cmsg_level != SOL_RDS)
				continue;
			if (c->cmsg_type == RDS_CMSG_RDMA_STATUS) {
				rds_rdma_notify told{};
				std::memcpy(&told, CMSG_DATA(c), sizeof(told));
				notices_.push_back({told.user_token, told.status});
			} else if (c->cmsg_type == RDS_CMSG_RDMA_DEST) {
				std::uint64_t cookie = 0;
				std::memcpy(&cookie, CMSG_DATA(c), sizeof(cookie));
				got.cookie = cookie;
			}
		}
		if (!m.hdr.msg_namelen)
			return true;
		got.bytes.assign(room.begin(), room.begin() + n);
		messages_.push_back(std::move(got));
		return true;
	}

	sock socket_;
	std::deque<arrival> messages_;
	std::deque<notice> notices_;
};

/* Milliseconds until a ping from there is answered, or -1. */
inline long ping_takes(const endpoint &from, const endpoint &to, int ms)
{
	mailbox box(from);
	endpoint kernel = to.with_port(0);
	message nothing(&kernel, nullptr, 0);
	stopwatch watch;
	if (box.send(nothing, ms) || !box.next_message(ms))
		return -1;
	return watch.ms();
}

#endif
