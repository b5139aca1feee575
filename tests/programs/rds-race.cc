// SPDX-License-Identifier: GPL-2.0
/*
 * rds-race: threads that bind, send, connect, ask and set options on one fresh socket, all at once, round by round.
 * A socket is fresh or bound, with address, port and transport together; nobody may ever see something in between.
 * Prints what each call came to; the rounds are kept together by a barrier.
 */
#include <arpa/inet.h>
#include <netinet/in.h>

#include <atomic>
#include <barrier>
#include <cerrno>
#include <cinttypes>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "arguments.h"
#include "rds_socket.h"
#include "tap.h"

namespace {

constexpr char usage[] = "usage: rds-race --tcp ADDRESS [--rounds N]\n"
			 "  --tcp ADDRESS  a local IPv4 address that the TCP transport serves\n"
			 "  --rounds N     sockets that are raced for (1000)\n"
			 "exit:  0 if every call did what it may do, 1 if not\n";

/* The socket of the round, and what the round has shown of it. */
struct arena {
	endpoint tcp, target;
	int fd = -1;
	std::atomic<int> bound{0};
	std::mutex lock;
	std::map<std::string, std::uint64_t> seen;
	std::atomic<std::uint64_t> wrong{0};

	void note(const char *call, long result, const std::set<long> &allowed)
	{
		bool good = allowed.contains(result);
		std::string key = std::string(good ? "" : "WRONG ") + call + " " +
				  result_text(result);
		std::lock_guard guard(lock);
		seen[key]++;
		wrong += !good;
	}
	void claim(const char *what, bool holds) { note(what, holds, {1}); }
};

long call(long result)
{
	return result_of(result);
}

endpoint address(const char *text, std::uint16_t port)
{
	return *endpoint::parse_address(text, port);
}

long bind_to(const arena &a, const endpoint &where)
{
	return call(::bind(a.fd, where.sa(), where.length()));
}

/* One of two that both could win. */
void bind_good(arena &a, const endpoint &where)
{
	long r = bind_to(a, where);
	a.bound += !r;
	a.note("bind", r, {0, -EINVAL});
}

void bind_bad(arena &a)
{
	/* the port is taken, the address is nobody's */
	a.note("bind in use", bind_to(a, a.target), {-EADDRINUSE, -EINVAL});
	a.note("bind foreign", bind_to(a, address("198.51.100.1", 0)),
	       {-EADDRNOTAVAIL, -ENOPROTOOPT, -EINVAL});
}

int transport_of(int fd)
{
	int value = -2;
	socklen_t len = sizeof(value);
	::getsockopt(fd, SOL_RDS, SO_RDS_TRANSPORT, &value, &len);
	return value;
}

/* Return: the name says that the socket is bound. */
bool look(arena &a)
{
	sockaddr_in name{};
	socklen_t len = sizeof(name);
	a.note("getsockname", call(::getsockname(a.fd, reinterpret_cast<sockaddr *>(&name), &len)),
	       {0});
	bool has_address = name.sin_addr.s_addr, has_port = name.sin_port;
	a.claim("address and port come together", has_address == has_port);
	return has_address;
}

/* What was seen as bound has a transport, and sends. */
void ask(arena &a)
{
	if (!look(a))
		return;
	int transport = transport_of(a.fd);
	a.claim("what is bound has a transport", transport == 2 || transport == 3);
	a.note("sendto, bound",
	       call(::sendto(a.fd, "x", 1, MSG_DONTWAIT, a.target.sa(), a.target.length())),
	       {1, -EAGAIN, -ENOBUFS});
}

void send_named(arena &a)
{
	long r = call(::sendto(a.fd, "x", 1, MSG_DONTWAIT, a.target.sa(), a.target.length()));
	a.note("sendto", r, {1, -ENOTCONN, -EAGAIN, -ENOBUFS});
	if (r == 1)
		a.claim("who can send is bound", look(a));
}

void connect_and_send(arena &a)
{
	a.note("connect", call(::connect(a.fd, a.target.sa(), a.target.length())), {0});
	a.note("send", call(::send(a.fd, "y", 1, MSG_DONTWAIT)), {1, -ENOTCONN, -EAGAIN, -ENOBUFS});
}

void options(arena &a)
{
	int one = 1, tcp = RDS_TRANS_TCP;
	char byte;
	a.note("cancel",
	       call(::setsockopt(a.fd, SOL_RDS, RDS_CANCEL_SENT_TO, a.target.sa(),
				 a.target.length())),
	       {0, -ENOTCONN});
	a.note("preset", call(::setsockopt(a.fd, SOL_RDS, SO_RDS_TRANSPORT, &tcp, sizeof(tcp))),
	       {0, -EOPNOTSUPP});
	a.note("monitor", call(::setsockopt(a.fd, SOL_RDS, RDS_CONG_MONITOR, &one, sizeof(one))),
	       {0});
	a.note("recv", call(::recv(a.fd, &byte, 1, MSG_DONTWAIT)), {-EAGAIN});
}

/* After the round: it was bound once, by one of the two. */
void settle(arena &a)
{
	a.claim("one bind wins", a.bound == 1);
	a.claim("it is bound", look(a));
}

} // namespace

int main(int argc, char **argv)
{
	arguments args(argc, argv, usage);
	auto tcp = args.address("--tcp");
	std::uint64_t rounds = args.number("--rounds", 1000);
	args.finish();
	if (!tcp || tcp->family() != AF_INET)
		args.fail("--tcp with an IPv4 address is needed");

	/* a receiver that nobody empties: sends may meet congestion, too */
	rds_socket target;
	target.bind(*tcp);
	arena a;
	socklen_t len = endpoint::capacity();
	::getsockname(target.fd(), a.target.sa(), &len);
	a.tcp = *tcp;

	const std::function<void()> parts[] = {
		[&] { bind_good(a, address("127.0.0.1", 0)); },
		[&] { bind_good(a, a.tcp); },
		[&] { bind_bad(a); },
		[&] { ask(a); },
		[&] { send_named(a); },
		[&] { connect_and_send(a); },
		[&] { options(a); },
	};
	std::barrier gate(std::size(parts) + 1);
	std::vector<std::jthread> threads;
	for (const auto &part : parts)
		threads.emplace_back([&] {
			for (std::uint64_t i = 0; i < rounds; i++) {
				gate.arrive_and_wait();
				part();
				gate.arrive_and_wait();
			}
		});
	for (std::uint64_t i = 0; i < rounds; i++) {
		rds_socket fresh;
		a.fd = fresh.fd();
		a.bound = 0;
		gate.arrive_and_wait();
		gate.arrive_and_wait();
		settle(a);
	}
	for (const auto &[what, times] : a.seen)
		std::printf("race %8" PRIu64 " %s\n", times, what.c_str());
	return a.wrong || !rounds ? 1 : 0;
}
