// SPDX-License-Identifier: GPL-2.0
/*
 * rds-hostile: a TCP client that speaks to the RDS port of another machine and does not behave.
 * Each attack has a name; afterwards the program tells what the peer did. Ordinary TCP, no AF_RDS
 * socket. Single-threaded; every wait has an end.
 *
 * Verdicts: reset, closed (the peer ended the connection), alive (it answered a ping on the very
 * same connection), silent (open, but no answer), open (open, in the middle of a message), stalled
 * (it does not read any more), refused (no connection at all).
 *
 * Where RDS runs beside it, that RDS serves the source address too, and the peer may turn to it as
 * soon as it has something to send there. Then forbid the peer to connect to port 16385 of --from.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "arguments.h"
#include "raw_peer.h"

namespace {

constexpr char usage[] =
	"usage: rds-hostile ATTACK --from ADDRESS --to ADDRESS [options]\n"
	"       rds-hostile list | all ...\n"
	"  --from ADDRESS  source; the smaller address of the two, else the peer only\n"
	"                  takes the connection as a knock\n"
	"  --port P        RDS port for attacks that send data (4000)\n"
	"  --seed S        of the random attacks (1)\n"
	"  --count N       messages, connections or addresses (each attack has its own)\n"
	"  --bytes N       how much the streaming attacks send (16777216)\n"
	"  --size N        payload of each message of a flood (8192)\n"
	"  --wait MS       how long to wait for the peer (2000)\n"
	"  --hold MS       keep the connection open afterwards (0); attacks on memory hold what\n"
	"                  they have taken, and SIGUSR1 ends that\n"
	"  --expect LIST   verdicts that are right, separated by commas\n"
	"  --rotate        all: each attack from the next IPv4 address, beginning with --from\n"
	"  --check         the verdict must be one of those listed for the attack\n"
	"exit:  0, or 1 for another verdict than expected, or if with \"all\" the peer\n"
	"       does not answer an honest ping after an attack; 2 bad command line\n";

constexpr std::uint16_t ping_port = 7;

struct settings {
	endpoint from, to;
	std::uint16_t port = 4000;
	std::uint64_t seed = 1, count = 0, bytes = 16 << 20;
	std::uint32_t size = 8192;
	int wait_ms = 2000, hold_ms = 0;

	std::uint64_t count_or(std::uint64_t otherwise) const { return count ? count : otherwise; }
};

/* Everything is in place, and stays so until SIGUSR1, which main() has blocked, or the time is over. */
void hold(const settings &set)
{
	timespec limit{set.hold_ms / 1000, set.hold_ms % 1000 * 1000000};
	sigset_t usr1;

	if (!set.hold_ms)
		return;
	std::puts("hostile: holding");
	std::fflush(stdout);
	::sigemptyset(&usr1);
	::sigaddset(&usr1, SIGUSR1);
	::sigtimedwait(&usr1, nullptr, &limit);
}

settings held_enough(settings set)
{
	set.hold_ms = 0;
	return set;
}

/* The IPv4 address that many steps further. */
endpoint neighbour(const endpoint &first, std::uint64_t steps)
{
	sockaddr_in address;
	endpoint out = first;

	std::memcpy(&address, first.sa(), sizeof(address));
	address.sin_addr.s_addr = htonl(ntohl(address.sin_addr.s_addr) +
					static_cast<std::uint32_t>(steps));
	std::memcpy(out.sa(), &address, sizeof(address));
	return out;
}

enum class state { open, reset, closed, refused };

/* One TCP connection; reads and understands whatever the peer sends, so that it is never full. */
class connection {
public:
	explicit connection(const settings &set) : connection(set, set.from) {}
	/* With a receive buffer, only that much is taken, and nothing before the attack asks for it. */
	connection(const settings &set, const endpoint &from, int receive_buffer = 0)
	    : set_(set), fd_(raw_socket(from, "", receive_buffer)), deaf_(receive_buffer)
	{
		endpoint to = set.to.with_port(rds_tcp_port);
		if (fd_ < 0) {
			std::fprintf(stderr, "rds-hostile: bind %s: %s\n",
				     from.address_text().c_str(), std::strerror(errno));
			std::exit(1);
		}
		if (!::connect(fd_, to.sa(), to.length()))
			return;
		pollfd p{fd_, POLLOUT, 0};
		int err = errno;
		socklen_t len = sizeof(err);
		if (err == EINPROGRESS && ::poll(&p, 1, set.wait_ms) == 1)
			::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &err, &len);
		if (err)
			state_ = state::refused;
	}
	connection(const connection &) = delete;
	~connection()
	{
		if (fd_ >= 0)
			::close(fd_);
	}

	state now() const { return state_; }
	bool stalled() const { return stalled_; }
	std::uint64_t sent() const { return sent_; }
	std::uint64_t received() const { return received_; }
	std::uint64_t pongs() const { return pongs_; }
	std::uint64_t next_seq() { return seq_++; }
	void listen_again() { deaf_ = false; }

	/* False if the peer ended the connection or does not read any more. */
	bool send(std::span<const std::uint8_t> data)
	{
		while (!data.empty() && state_ == state::open) {
			ssize_t n = ::send(fd_, data.data(), data.size(), MSG_NOSIGNAL);
			if (n > 0) {
				sent_ += static_cast<std::uint64_t>(n);
				data = data.subspan(static_cast<std::size_t>(n));
				continue;
			}
			if (errno != EAGAIN)
				return ended(errno);
			if (!wait(deaf_ ? POLLOUT : POLLOUT | POLLIN)) {
				stalled_ = true;
				return false;
			}
			if (!deaf_)
				drain();
		}
		return state_ == state::open;
	}
	bool send(const header &h, std::uint8_t fill = 0x5a) { return send(h.message(fill)); }

	bool ping(std::uint16_t sport = ping_port, std::uint32_t len = 0)
	{
		header h;
		h.seq = next_seq();
		h.sport = sport;
		h.len = len;
		return send(h);
	}

	/* Reads until so many pongs have come, the connection has ended, or the time is over. */
	bool await_pongs(std::uint64_t wanted)
	{
		timer limit(set_.wait_ms);
		while (state_ == state::open && pongs_ < wanted) {
			pollfd p{fd_, POLLIN, 0};
			if (::poll(&p, 1, limit.left()) != 1)
				break;
			drain();
		}
		return pongs_ >= wanted;
	}
	void await_end(int ms)
	{
		timer limit(ms);
		while (state_ == state::open) {
			pollfd p{fd_, POLLIN, 0};
			if (::poll(&p, 1, limit.left()) != 1)
				return;
			drain();
		}
	}

	void half_close() { ::shutdown(fd_, SHUT_WR); }
	/* Closes with RST instead of FIN. */
	void abort()
	{
		linger now{1, 0};
		::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		::close(std::exchange(fd_, -1));
	}

private:
	bool wait(short events)
	{
		pollfd p{fd_, events, 0};
		return ::poll(&p, 1, set_.wait_ms) == 1;
	}

	bool ended(int err)
	{
		state_ = err == ECONNRESET || err == EPIPE ? state::reset : state::closed;
		return false;
	}

	void drain()
	{
		std::array<std::uint8_t, 65536> buffer;
		ssize_t n;

		while ((n = ::recv(fd_, buffer.data(), buffer.size(), 0)) > 0) {
			received_ += static_cast<std::uint64_t>(n);
			parse({buffer.data(), static_cast<std::size_t>(n)});
		}
		if (!n)
			state_ = state::closed;
		else if (errno != EAGAIN)
			ended(errno);
	}

	/* Only the pongs to our pings matter. */
	void parse(std::span<const std::uint8_t> in)
	{
		cutter_.feed(in, [this](const packet &head, const packet &) {
			header h = header::read(head);
			pongs_ += !h.sport && h.dport >= ping_port;
		});
	}

	const settings &set_;
	int fd_;
	state state_ = state::open;
	bool deaf_, stalled_ = false;
	std::uint64_t sent_ = 0, received_ = 0, pongs_ = 0, seq_ = 1;
	message_cutter cutter_;
};

/*
 * After whole messages a ping tells whether the peer still listens to us. It may drop one while
 * many answers are on their way, so ask more than once.
 */
const char *verdict_at_boundary(connection &c)
{
	constexpr int tries = 4;

	for (int i = 0; i < tries && c.now() == state::open && !c.stalled(); i++) {
		std::uint64_t before = c.pongs();
		if (c.ping() && c.await_pongs(before + 1))
			return "alive";
	}
	switch (c.now()) {
	case state::reset:
		return "reset";
	case state::closed:
		return "closed";
	case state::refused:
		return "refused";
	case state::open:
		break;
	}
	return c.stalled() ? "stalled" : "silent";
}

/* In the middle of a message there is nothing to ask: see whether the peer ends it. */
const char *verdict_inside(connection &c, const settings &set)
{
	c.await_end(set.wait_ms);
	switch (c.now()) {
	case state::reset:
		return "reset";
	case state::closed:
		return "closed";
	case state::refused:
		return "refused";
	case state::open:
		break;
	}
	return c.stalled() ? "stalled" : "open";
}

struct outcome {
	std::string verdict, note;
};

outcome report(connection &c, const char *verdict, const settings &set)
{
	char note[120];
	std::snprintf(note, sizeof(note), "sent=%" PRIu64 " received=%" PRIu64 " pongs=%" PRIu64,
		      c.sent(), c.received(), c.pongs());
	if (set.hold_ms)
		c.await_end(set.hold_ms);
	return {verdict, note};
}
outcome at_boundary(connection &c, const settings &set)
{
	return report(c, verdict_at_boundary(c), set);
}
outcome inside(connection &c, const settings &set)
{
	return report(c, verdict_inside(c, set), set);
}

/* ----------------------------------------------------------------- attacks */

/* A free port of lane 0's, should an attack have said that ports name lanes. */
endpoint on_lane_0(const endpoint &from)
{
	static unsigned next = static_cast<unsigned>(::getpid());
	for (unsigned tries = 0; tries < 100; tries++) {
		auto at = from.with_port(static_cast<std::uint16_t>(32768 + next++ % 3500 * 8));
		int fd = raw_socket(at);
		if (fd < 0)
			continue;
		::close(fd);
		return at;
	}
	return from;
}

/*
 * A lane that an earlier connection held may need a moment: an honest peer tries again. And it has
 * lane 0, for which others wait while something is queued on it that was to come first.
 */
outcome attack_ping(const settings &set)
{
	timer limit(set.wait_ms * 5);
	for (;;) {
		connection c(set, on_lane_0(set.from));
		auto result = at_boundary(c, set);
		if (result.verdict == "alive" || !limit.left())
			return result;
		::poll(nullptr, 0, 20);
	}
}

outcome attack_random(const settings &set)
{
	connection c(set);
	std::uint64_t random = set.seed * 0x9e3779b97f4a7c15 + 1;
	packet noise(65536);

	for (auto &byte : noise)
		byte = static_cast<std::uint8_t>(next_random(random) >> 32);
	c.send(noise);
	return inside(c, set);
}

/* Well-cut messages in which everything but the length and the checksum is random. */
outcome attack_random_headers(const settings &set)
{
	connection c(set);
	std::uint64_t random = set.seed * 0x9e3779b97f4a7c15 + 1;

	for (std::uint64_t i = 0; i < set.count_or(2000); i++) {
		header h;
		h.seq = next_random(random);
		h.len = next_random(random) % 65;
		h.sport = static_cast<std::uint16_t>(next_random(random));
		h.dport = next_random(random) % 4 ? static_cast<std::uint16_t>(next_random(random))
						  : 0;
		h.flags = static_cast<std::uint8_t>(next_random(random) >> 16);
		for (auto &byte : h.ext)
			byte = static_cast<std::uint8_t>(next_random(random) >> 16) %
			       (next_random(random) % 2 ? 16 : 255);
		if (!c.send(h))
			break;
	}
	return at_boundary(c, set);
}

outcome attack_truncated_header(const settings &set)
{
	connection c(set);
	packet whole = header{}.bytes();
	c.send({whole.data(), 20});
	c.half_close();
	return inside(c, set);
}

outcome stream_after(const settings &set, std::uint32_t len, std::uint64_t bytes)
{
	connection c(set);
	header h;
	packet chunk(65536, 0x5a);

	h.len = len;
	h.sport = 9;
	h.dport = set.port;
	c.send(h.bytes());
	for (std::uint64_t left = bytes; left;) {
		std::size_t part = std::min<std::uint64_t>(left, chunk.size());
		if (!c.send({chunk.data(), part}))
			break;
		left -= part;
	}
	return bytes < len ? inside(c, set) : at_boundary(c, set);
}
outcome attack_huge_length(const settings &set)
{
	return stream_after(set, 0xffffffff, set.bytes);
}
outcome attack_over_limit(const settings &set)
{
	return stream_after(set, (1 << 20) + 1, (1 << 20) + 1);
}
outcome attack_full_limit(const settings &set)
{
	return stream_after(set, 1 << 20, 1 << 20);
}

outcome attack_map_sizes(const settings &set)
{
	connection c(set);
	for (std::uint32_t len : {0u, 1u, 8191u, 8193u, 65536u})
		c.send(map_header(len), 0);
	return at_boundary(c, set);
}

outcome attack_map_flags(const settings &set)
{
	connection c(set);
	for (std::uint8_t flags : {0x03, 0x05, 0x81, 0xff}) {
		header h = map_header();
		h.flags = flags;
		c.send(h, 0xff);
	}
	return at_boundary(c, set);
}

/* The pong to our ping must stay away: its port is marked congested. Then all is clear again. */
outcome attack_map_ones(const settings &set)
{
	connection c(set);
	c.send(map_header(), 0xff);
	c.ping();
	bool answered = c.await_pongs(1);
	if (set.hold_ms)
		c.await_end(set.hold_ms);
	c.send(map_header(), 0);
	auto result = at_boundary(c, set);
	result.note += answered ? " answered-while-congested" : " quiet-while-congested";
	return result;
}

outcome attack_map_flood(const settings &set)
{
	connection c(set);
	for (std::uint64_t i = 0; i < set.count_or(1000); i++)
		if (!c.send(map_header(), i % 2 ? 0 : 0xff))
			break;
	c.send(map_header(), 0);
	return at_boundary(c, set);
}

header probe(connection &c, const extension &ext)
{
	header h;
	h.seq = c.next_seq();
	h.sport = probe_port;
	h.ext = ext;
	return h;
}

outcome attack_extensions(const settings &set)
{
	connection c(set);
	const extension shapes[] = {
		{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3}, /* starts at the last byte */
		{0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6}, /* behind a terminator */
		{3, 1, 2, 3, 4, 5, 6, 7, 8, 3, 1, 2, 3, 4, 5, 6}, /* second one overruns */
		{5, 0, 8, 5, 0, 8, 5, 0, 8, 5, 0, 8, 5, 0, 8, 5}, /* NPATHS overruns */
		{6, 1, 2, 3, 4, 6, 1, 2, 3, 4, 6, 1, 2, 3, 4, 6}, /* GEN_NUM overruns */
		{16, 255, 255, 255, 255, 255, 255, 255, 255}, /* type beyond the last */
		{255, 255, 255, 255, 255, 255, 255, 255, 255, 255}, /* far beyond */
		{10, 11, 12, 13, 14, 15, 10, 11, 12, 13, 14, 15, 10, 11, 12, 13}, /* reserved */
		{4, 0, 0, 0, 1, 1, 0, 0, 0, 7, 0, 0, 0, 1, 8, 0}, /* known ones */
	};

	for (const auto &ext : shapes) {
		c.send(probe(c, ext));
		header h;
		h.seq = c.next_seq();
		h.sport = 9;
		h.dport = set.port;
		h.len = 10;
		h.ext = ext;
		c.send(h);
	}
	return at_boundary(c, set);
}

outcome attack_npaths(const settings &set)
{
	connection c(set);
	for (unsigned paths : {8u, 0u, 3u, 65535u, 1u, 7u, 255u, 256u, 2u}) {
		extension ext{5, static_cast<std::uint8_t>(paths >> 8),
			      static_cast<std::uint8_t>(paths)};
		c.send(probe(c, ext));
	}
	return at_boundary(c, set);
}

outcome attack_generation(const settings &set)
{
	connection c(set);
	std::uint64_t random = set.seed * 0x9e3779b97f4a7c15 + 1;
	for (std::uint64_t i = 0; i < set.count_or(500); i++) {
		std::uint32_t gen = static_cast<std::uint32_t>(next_random(random));
		extension ext{5, 0, 8, 6};
		std::memcpy(ext.data() + 4, &gen, sizeof(gen));
		if (!c.send(probe(c, ext)))
			break;
	}
	return at_boundary(c, set);
}

/* Guessed RDMA keys, which TCP has no business with. */
outcome attack_rdma_keys(const settings &set)
{
	connection c(set);
	for (std::uint32_t key = 0; key < 500; key++) {
		header h;
		h.seq = c.next_seq();
		h.sport = 9;
		h.dport = set.port;
		h.ext = {2,
			 0,
			 0,
			 static_cast<std::uint8_t>(key >> 8),
			 static_cast<std::uint8_t>(key),
			 3,
			 0,
			 0,
			 static_cast<std::uint8_t>(key >> 8),
			 static_cast<std::uint8_t>(key),
			 0,
			 0,
			 0,
			 0};
		if (!c.send(h))
			break;
	}
	return at_boundary(c, set);
}

outcome attack_ping_flood(const settings &set)
{
	connection c(set);
	std::uint64_t count = set.count_or(20000);
	for (std::uint64_t i = 0; i < count; i++)
		if (!c.ping())
			break;
	/*
	 * Some may be dropped; wait until no more come, so that the last ping is told from the
	 * flood.
	 */
	c.await_pongs(count);
	return at_boundary(c, set);
}

/* Pings without end from a peer that takes no answer. */
outcome attack_ping_deaf(const settings &set)
{
	connection c(set, set.from, 4096);
	std::uint64_t count = set.count_or(20000);
	for (std::uint64_t i = 0; i < count; i++)
		if (!c.ping())
			break;
	hold(set);
	c.listen_again();
	/* those answers that were kept come now */
	c.await_pongs(count);
	return at_boundary(c, held_enough(set));
}

outcome attack_ping_sport0(const settings &set)
{
	connection c(set);
	for (int i = 0; i < 100; i++)
		c.ping(0);
	return at_boundary(c, set);
}

outcome attack_ping_payload(const settings &set)
{
	connection c(set);
	for (int i = 0; i < 8; i++)
		c.ping(ping_port, 1 << 20);
	return at_boundary(c, set);
}

/* Each of --count addresses, beginning with --from, sends nearly all of a large ping. */
outcome attack_ping_partial(const settings &set)
{
	header h;
	h.sport = ping_port;
	h.len = 1 << 20;
	packet whole = h.message(1);
	std::vector<std::unique_ptr<connection>> all;

	for (std::uint64_t i = 0; i < set.count_or(1); i++) {
		all.push_back(std::make_unique<connection>(set, neighbour(set.from, i)));
		all.back()->send({whole.data(), whole.size() - 1});
	}
	hold(set);
	unsigned answered = 0;
	for (auto &c : all)
		answered += c->send({whole.data(), 1}) && c->await_pongs(1);
	char note[60];
	std::snprintf(note, sizeof(note), "connections=%zu answered=%u", all.size(), answered);
	return {answered == all.size() ? "alive" : "silent", note};
}

/* Looks like the answer to a ping or to a probe, with a payload. */
outcome attack_false_pong(const settings &set)
{
	connection c(set);
	for (std::uint16_t dport : {set.port, probe_port, std::uint16_t{0}})
		for (std::uint32_t len : {0u, 100u, 1u << 20}) {
			header h;
			h.seq = c.next_seq();
			h.dport = dport;
			h.len = len;
			h.ext = {5, 0, 8, 6, 1, 2, 3, 4};
			c.send(h);
		}
	return at_boundary(c, set);
}

outcome attack_stall_header(const settings &set)
{
	connection c(set);
	packet whole = header{}.bytes();
	c.send({whole.data(), header_size / 2});
	return inside(c, set);
}

outcome attack_stall_payload(const settings &set)
{
	connection c(set);
	header h;
	h.sport = 9;
	h.dport = set.port;
	h.len = 100000;
	packet whole = h.message(1);
	c.send({whole.data(), 50000});
	return inside(c, set);
}

outcome attack_dribble(const settings &set)
{
	connection c(set);
	header h;
	h.seq = c.next_seq();
	h.sport = 9;
	h.dport = set.port;
	h.len = 100;
	packet whole = h.message(1);
	for (std::size_t i = 0; i < whole.size(); i++)
		if (!c.send({whole.data() + i, 1}))
			break;
	return at_boundary(c, set);
}

/*
 * A connection that ends at each byte of a header and the start of its payload, by FIN and by RST.
 */
outcome attack_close_at(const settings &set)
{
	header h;
	h.sport = 9;
	h.dport = set.port;
	h.len = 100;
	packet whole = h.message(1);
	unsigned refused = 0, done = 0;

	for (std::size_t bytes = 0; bytes <= 60; bytes++)
		for (bool by_reset : {false, true}) {
			connection c(set);
			refused += c.now() == state::refused;
			c.send({whole.data(), bytes});
			done++;
			if (by_reset)
				c.abort();
		}
	auto result = attack_ping(set);
	result.note += " connections=" + std::to_string(done) +
		       " refused=" + std::to_string(refused);
	return result;
}

outcome attack_sequence(const settings &set)
{
	connection c(set);
	constexpr std::uint64_t top = ~std::uint64_t{0};

	for (std::uint8_t flags : {std::uint8_t{0}, flag_retransmitted, std::uint8_t{0xfe}})
		for (std::uint64_t seq :
		     {top, std::uint64_t{0}, top - 1, std::uint64_t{1}, top / 2, top / 2 + 1,
		      std::uint64_t{5}, std::uint64_t{5}, std::uint64_t{4}}) {
			header h;
			h.seq = seq;
			h.flags = flags;
			h.sport = 9;
			h.dport = set.port;
			h.len = 8;
			c.send(h);
		}
	return at_boundary(c, set);
}

outcome attack_unbound(const settings &set)
{
	connection c(set);
	for (std::uint16_t dport : {1, 2, 64998, 65535}) {
		header h;
		h.seq = c.next_seq();
		h.sport = 9;
		h.dport = dport;
		h.len = 1000;
		c.send(h);
	}
	return at_boundary(c, set);
}

/* Frames of another kernel line: to be ignored, not answered. */
outcome attack_heartbeat(const settings &set)
{
	connection c(set);
	for (std::uint8_t flags : {0x08, 0x10}) {
		header h;
		h.seq = c.next_seq();
		h.flags = flags;
		c.send(h);
	}
	return at_boundary(c, set);
}

outcome attack_bad_checksum(const settings &set)
{
	connection c(set);
	header h;
	h.seq = c.next_seq();
	h.sport = 9;
	h.dport = set.port;
	h.csum = 0x1234;
	c.send(h);
	return at_boundary(c, set);
}

outcome attack_flood(const settings &set)
{
	connection c(set);
	for (std::uint64_t sent = 0; sent < set.bytes; sent += header_size + set.size) {
		header h;
		h.seq = c.next_seq();
		h.sport = 9;
		h.dport = set.port;
		h.len = set.size;
		if (!c.send(h))
			break;
	}
	return at_boundary(c, set);
}

outcome attack_empty_flood(const settings &set)
{
	connection c(set);
	for (std::uint64_t i = 0; i < set.count_or(100000); i++) {
		header h;
		h.seq = c.next_seq();
		h.sport = 9;
		h.dport = set.port;
		if (!c.send(h))
			break;
	}
	return at_boundary(c, set);
}

outcome hold_many(const settings &set, std::vector<std::unique_ptr<connection>> &all)
{
	unsigned by_state[4] = {};
	timer limit(set.wait_ms);

	for (auto &c : all) {
		c->ping();
		c->await_end(std::min(limit.left(), 50));
		by_state[static_cast<int>(c->now())]++;
	}
	char note[160];
	std::snprintf(note, sizeof(note), "connections=%zu open=%u reset=%u closed=%u refused=%u",
		      all.size(), by_state[0], by_state[1], by_state[2], by_state[3]);
	hold(set);
	all.clear();
	auto result = attack_ping(held_enough(set));
	return {result.verdict, note};
}

outcome attack_many_connections(const settings &set)
{
	std::vector<std::unique_ptr<connection>> all;
	for (std::uint64_t i = 0; i < set.count_or(200); i++)
		all.push_back(std::make_unique<connection>(set));
	return hold_many(set, all);
}

/* --from is the first of --count neighbouring IPv4 addresses, all of them local here. */
outcome attack_many_sources(const settings &set)
{
	std::vector<std::unique_ptr<connection>> all;
	if (set.from.family() != AF_INET)
		return {"refused", "IPv4 only"};
	for (std::uint64_t i = 0; i < set.count_or(1); i++)
		all.push_back(std::make_unique<connection>(set, neighbour(set.from, i)));
	return hold_many(set, all);
}

outcome attack_connect_close(const settings &set)
{
	for (std::uint64_t i = 0; i < set.count_or(200); i++) {
		connection c(set);
		if (i % 2)
			c.abort();
	}
	return attack_ping(set);
}

/* From the larger address: must be taken as a request to connect back, and refused. */
outcome attack_knock(const settings &set)
{
	connection c(set);
	c.ping();
	return inside(c, set);
}

struct attack {
	const char *name;
	outcome (*run)(const settings &);
	const char *expected;
	bool in_all;
};

constexpr attack attacks[] = {
	{"ping", attack_ping, "alive", false},
	{"random", attack_random, "reset,closed", true},
	{"random-headers", attack_random_headers, "alive,reset,closed", true},
	{"truncated-header", attack_truncated_header, "reset,closed", true},
	{"huge-length", attack_huge_length, "reset,closed", true},
	{"over-limit", attack_over_limit, "reset,closed", true},
	{"full-limit", attack_full_limit, "alive", true},
	{"map-sizes", attack_map_sizes, "alive,reset,closed", true},
	{"map-flags", attack_map_flags, "alive", true},
	{"map-ones", attack_map_ones, "alive", true},
	{"map-flood", attack_map_flood, "alive", true},
	{"extensions", attack_extensions, "alive,closed", true}, /* whose lane is its port? */
	{"npaths", attack_npaths, "alive", true},
	{"generation", attack_generation, "alive", true},
	{"rdma-keys", attack_rdma_keys, "alive", true},
	{"ping-flood", attack_ping_flood, "alive", true},
	{"ping-deaf", attack_ping_deaf, "alive,reset,closed", true},
	{"ping-partial", attack_ping_partial, "alive", true},
	{"ping-sport0", attack_ping_sport0, "alive", true},
	{"ping-payload", attack_ping_payload, "alive", true},
	{"false-pong", attack_false_pong, "alive", true},
	{"stall-header", attack_stall_header, "open", true},
	{"stall-payload", attack_stall_payload, "open", true},
	{"dribble", attack_dribble, "alive", true},
	{"close-at", attack_close_at, "alive", true},
	{"sequence", attack_sequence, "alive", true},
	{"unbound", attack_unbound, "alive", true},
	{"heartbeat", attack_heartbeat, "alive", true},
	{"bad-checksum", attack_bad_checksum, "reset,closed", true},
	{"flood", attack_flood, "alive,stalled,reset,closed", true},
	{"empty-flood", attack_empty_flood, "alive,stalled,reset,closed", true},
	{"many-connections", attack_many_connections, "alive", true},
	{"connect-close", attack_connect_close, "alive", true},
	{"many-sources", attack_many_sources, "alive", false},
	{"knock", attack_knock, "reset,closed", false},
};

bool contains(const std::string &list, const std::string &word)
{
	return ("," + list + ",").find("," + word + ",") != list.npos;
}

bool run(const attack &a, const settings &set, const std::string &expected)
{
	outcome result = a.run(set);
	bool good = expected.empty() || contains(expected, result.verdict);

	std::printf("hostile %s: peer=%s %s%s%s\n", a.name, result.verdict.c_str(),
		    result.note.c_str(), good ? "" : " UNEXPECTED, wanted ",
		    good ? "" : expected.c_str());
	std::fflush(stdout);
	return good;
}

} // namespace

int main(int argc, char **argv)
{
	arguments args(argc, argv, usage);
	std::string name = args.command();
	settings set;

	if (name == "list") {
		args.finish();
		for (const auto &a : attacks)
			std::printf("%s %s\n", a.name, a.expected);
		return 0;
	}
	auto from = args.address("--from"), to = args.address("--to");
	if (!from || !to || from->family() != to->family())
		args.fail("--from and --to are needed, of one family");
	set.from = *from;
	set.to = *to;
	set.port = static_cast<std::uint16_t>(args.number("--port", 4000, 65535));
	set.seed = args.number("--seed", 1);
	set.count = args.number("--count", 0);
	set.bytes = args.number("--bytes", set.bytes);
	set.size = static_cast<std::uint32_t>(args.number("--size", set.size, 1 << 20));
	set.wait_ms = static_cast<int>(args.number("--wait", 2000, 3600000));
	set.hold_ms = static_cast<int>(args.number("--hold", 0, 3600000));
	std::string expected = args.text("--expect", "");
	bool check = args.flag("--check"), rotate = args.flag("--rotate"), good = true,
	     known = false;
	args.finish();
	if (rotate && set.from.family() != AF_INET)
		args.fail("--rotate is for IPv4");

	sigset_t usr1;
	::sigemptyset(&usr1);
	::sigaddset(&usr1, SIGUSR1);
	::sigprocmask(SIG_BLOCK, &usr1, nullptr);

	for (const auto &a : attacks) {
		if (name != a.name && !(name == "all" && a.in_all))
			continue;
		known = true;
		good &= run(a, set, !expected.empty() ? expected : check ? a.expected : "");
		/* Whatever happened to that connection: the next honest one must be served. */
		if (name == "all" && attack_ping(set).verdict != "alive") {
			std::printf("hostile %s: no honest ping is answered any more\n", a.name);
			good = false;
		}
		if (rotate)
			set.from = neighbour(set.from, 1);
	}
	if (!known)
		args.fail("there is no attack " + name);
	return good ? 0 : 1;
}
