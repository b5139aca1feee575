// SPDX-License-Identifier: GPL-2.0
/*
 * What a peer may send on port 16385, as far as a socket sees it. A TCP stream from a namespace with the smaller
 * address, so that it is taken for the peer's own.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "hosts.h"
#include "trial.h"

namespace {

struct raw_header {
	std::uint64_t seq = 1;
	std::uint32_t len = 0;
	std::uint16_t sport = 4000, dport = 4000, csum = 0;
	std::uint8_t flags = 0;
	std::array<std::uint8_t, 16> ext{};

	std::vector<std::uint8_t> with(std::size_t payload) const
	{
		std::vector<std::uint8_t> out(48 + payload, 0x5a);
		std::fill_n(out.begin(), 48, 0);
		put(out, 0, seq, 8);
		put(out, 16, len, 4);
		put(out, 20, sport, 2);
		put(out, 22, dport, 2);
		out[24] = flags;
		put(out, 30, csum, 2);
		std::copy(ext.begin(), ext.end(), out.begin() + 32);
		return out;
	}

private:
	static void put(std::vector<std::uint8_t> &out, std::size_t at, std::uint64_t value,
			std::size_t size)
	{
		for (; size--; value >>= 8)
			out[at + size] = static_cast<std::uint8_t>(value);
	}
};

/* b has a socket on port 4000; a speaks by hand. */
struct stage {
	two_hosts hosts;
	sock victim;
	int fd = -1;

	explicit stage(trial &t) : victim(hosts.b.bound(hosts.of_b(4000)))
	{
		if (!hosts.good())
			t.skip("no veth");
		visit here(hosts.a.fd());
		fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		int one = 1;
		timeval limit{5, 0};
		::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
		endpoint from = hosts.of_a(), to = hosts.of_b(16385);
		::bind(fd, from.sa(), from.length());
		long r = -EAGAIN;
		/* the cable may just be coming up */
		for (stopwatch watch; r && watch.ms() < 5000;)
			r = result_of(::connect(fd, to.sa(), to.length()));
		t.is("connecting", r, {0});
	}
	stage(const stage &) = delete;
	~stage() { ::close(fd); }

	void send(const raw_header &h, std::size_t payload)
	{
		auto all = h.with(payload);
		if (::send(fd, all.data(), all.size(), MSG_NOSIGNAL) < 0)
			return;
	}
	/* The peer has ended the stream; whatever it sends before that is read. */
	bool ended(int ms = 5000)
	{
		std::array<std::uint8_t, 4096> junk;
		for (stopwatch watch; watch.ms() < ms;) {
			long n = result_of(::recv(fd, junk.data(), junk.size(), 0));
			if (n == 0 || (n < 0 && n != -EAGAIN))
				return true;
		}
		return false;
	}
	/* An honest message comes through; whatever was before it has been dealt with. */
	bool alive(std::uint64_t seq)
	{
		raw_header h;
		h.seq = seq;
		h.len = 3;
		send(h, 3);
		std::string got;
		victim.set_timeout(SO_RCVTIMEO, 5000);
		return victim.receive(got) == 3;
	}
};

void honest(trial &t)
{
	stage s(t);
	t.expect("an honest message does not come", s.alive(1));
}

void from_port_zero(trial &t)
{
	stage s(t);
	raw_header h;
	h.sport = 0;
	h.len = 10;
	s.send(h, 10);
	t.expect("the next message is not the honest one", s.alive(2));
}

/* The announcement of memory means nothing where there is no RDMA. */
void cookie(trial &t)
{
	stage s(t);
	raw_header h;
	h.len = 3;
	h.ext = {3, 0x11, 0x22, 0x33, 0x44, 0, 0, 0x10, 0};
	s.send(h, 3);
	std::array<std::uint8_t, 64> buffer;
	message m(nullptr, buffer.data(), buffer.size());
	s.victim.set_timeout(SO_RCVTIMEO, 5000);
	t.is("receiving", m.receive(s.victim), {3});
	t.expect("a cookie came over TCP", !m.find(SOL_RDS, RDS_CMSG_RDMA_DEST));
}

void long_header(trial &t)
{
	for (std::uint32_t len : {(1u << 20) + 1, 1u << 31, ~0u}) {
		stage s(t);
		raw_header h;
		h.len = len;
		s.send(h, 100);
		t.expect("a length of " + std::to_string(len) + " is waited for", s.ended());
	}
}

void checksum(trial &t)
{
	stage s(t);
	raw_header h;
	h.len = 3;
	h.csum = 0x1234;
	s.send(h, 3);
	t.expect("a wrong checksum is taken", s.ended());
	t.expect("its message came", s.victim.empty());
}

/* A map with every bit set: senders wait as long as they wanted to. */
void full_map(trial &t)
{
	stage s(t);
	raw_header h;
	h.flags = 1;
	h.sport = h.dport = 0;
	h.len = 8192;
	auto all = h.with(8192);
	std::fill(all.begin() + 48, all.end(), 0xff);
	t.is("a map", result_of(::send(s.fd, all.data(), all.size(), MSG_NOSIGNAL)), {8240});
	t.expect("no message after it", s.alive(2));
	t.is("a send to that peer", s.victim.send(s.hosts.of_a(77), 1, MSG_DONTWAIT), {-ENOBUFS});
	deadline guard(6000);
	stopwatch watch;
	s.victim.set_timeout(SO_SNDTIMEO, 300);
	long r = s.victim.send(s.hosts.of_a(77), 1);
	t.is("a blocking send to that peer", r, {-ETIMEDOUT});
	t.expect("it slept until a signal came", watch.ms() < 5900);
}

/* A map that is none: too short, too long; and numbers that jump. */
void strange(trial &t)
{
	for (std::uint32_t len : {0u, 1u, 8191u, 8193u}) {
		stage s(t);
		raw_header h;
		h.flags = 1;
		h.len = len;
		s.send(h, len);
		bool alive = s.alive(2);
		t.expect("a map of " + std::to_string(len) + " bytes", alive || s.ended());
		t.expect("it came as a message", s.victim.empty());
	}
	stage s(t);
	raw_header h;
	h.seq = ~0ull;
	h.len = 3;
	s.send(h, 3);
	std::string got;
	s.victim.receive(got);
	s.alive(5);
	t.expect("more came than was sent", s.victim.empty());
}

/* A ping with a large payload is answered, and costs no queue. */
void large_ping(trial &t)
{
	stage s(t);
	raw_header h;
	h.dport = 0;
	h.len = 1 << 20;
	s.send(h, 1 << 20);
	t.expect("no message after it", s.alive(2));
}

const listed these{
	{"raw-honest", "S3.2.20", "an honest stream of bytes", honest},
	{"raw-port-zero", "S3.2.20a", "payload from port 0", from_port_zero},
	{"raw-cookie", "S3.2.14, S3.2.15", "announced memory over TCP", cookie},
	{"raw-length", "S3.2.6", "length beyond 1 MiB", long_header, 60},
	{"raw-checksum", "S3.2.7", "wrong checksum", checksum},
	{"raw-full-map", "S3.2.9", "map with every bit set", full_map},
	{"raw-strange", "S3.2.11, S3.2.12", "maps and numbers that cannot be", strange, 60},
	{"raw-large-ping", "S3.2.19", "ping with a payload", large_ping},
};

} // namespace
