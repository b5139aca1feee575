// SPDX-License-Identifier: GPL-2.0
/*
 * Network namespaces: what is in one cannot be met, seen or guessed from another, and one can go at any moment.
 */
#include <sys/stat.h>
#include <sys/wait.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "hosts.h"
#include "trial.h"

namespace {

endpoint loopback(std::uint16_t port = 0)
{
	return ip("127.0.0.1", port);
}

void rdma_elsewhere(trial &t)
{
	netns ns;
	sock s = ns.socket();
	t.is("transport 0", s.set(SOL_RDS, SO_RDS_TRANSPORT, RDS_TRANS_IB), {-EPROTOTYPE});
	t.is("transport 1", s.set(SOL_RDS, SO_RDS_TRANSPORT, 1), {-EPROTOTYPE});
	t.is("transport 2", s.set(SOL_RDS, SO_RDS_TRANSPORT, RDS_TRANS_TCP), {0});
}

/* The same address and port in two namespaces; one of them dies while its message waits to be read. */
void delivery(trial &t)
{
	for (std::uint64_t i = 0; i < t.set.times(6); i++) {
		netns one, two;
		sock r = two.socket(), same = one.socket();
		auto port = static_cast<std::uint16_t>(41000 + i);
		long bound = r.bind(loopback(port));
		t.is("bind", bound, {0});
		sock s = one.bound(loopback());
		s.send_text(loopback(port), "from one");
		sock again = two.bound(loopback());
		again.send_text(loopback(port), "from two");
		t.expect("nothing came from the own namespace", r.becomes(POLLIN));
		std::string got;
		r.receive(got, MSG_PEEK | MSG_DONTWAIT);
		/* the sender's namespace goes first */
		s.close();
		same.close();
		one.leave();
		while (r.receive(got, MSG_DONTWAIT) >= 0)
			t.expect("received \"" + got + "\"", got == "from two");
	}
}

/* Ports and congestion of one are no business of the other. */
void oracles(trial &t)
{
	netns one, two;
	sock a = one.bound(loopback(42000)), b = two.socket();
	t.is("the same port elsewhere", b.bind(loopback(42000)), {0});

	/* TCP-bound, so that the port can be congested */
	sock deaf = one.socket(), talker = one.socket(), free = two.socket(), other = two.socket();
	for (sock *s : {&deaf, &talker, &free, &other})
		s->set(SOL_RDS, SO_RDS_TRANSPORT, RDS_TRANS_TCP);
	deaf.set(SOL_SOCKET, SO_RCVBUF, 1);
	deaf.bind(loopback(42001));
	talker.bind(loopback());
	other.bind(loopback());
	long r = 0;
	for (int i = 0; i < 1000 && r != -ENOBUFS; i++)
		r = talker.send(loopback(42001), 1000, MSG_DONTWAIT);
	t.is("the way to congestion", r, {-ENOBUFS});
	t.is("a send to that address and port elsewhere",
	     other.send(loopback(42001), 1, MSG_DONTWAIT), {1});
}

void lists(trial &t)
{
	sock r(loopback()), s(t.set.tcp);
	s.send(t.set.nobody(), 6, MSG_DONTWAIT);
	s.send_text(r.name(), "x");
	netns ns;
	sock look = ns.socket();
	std::vector<std::uint8_t> buffer(1 << 20);
	for (int list = RDS_INFO_CONNECTIONS; list <= RDS6_INFO_TCP_SOCKETS; list++) {
		socklen_t len = 1 << 20;
		long stride = result_of(
			::getsockopt(look.fd(), SOL_RDS, list, buffer.data(), &len));
		if (stride <= 0)
			continue;
		/* it sees itself in 10015 */
		long most = list == RDS6_INFO_SOCKETS ? stride : 0;
		t.expect("list " + std::to_string(list) + " shows " +
				 std::to_string(long(len) / stride) + " records of others",
			 long(len) <= most);
	}
	::setsockopt(s.fd(), SOL_RDS, RDS_CANCEL_SENT_TO, t.set.nobody().sa(), 16);
}

/* A file belongs to the namespace where it was opened, whoever writes to it. */
void sysctl_owner(trial &t)
{
	const char *file = "/proc/sys/net/rds/tcp/rds_tcp_sndbuf";
	netns ns;
	int fd;
	auto value = [&] {
		long number = -1;
		std::ifstream(file) >> number;
		return number;
	};
	{
		visit here(ns.fd());
		fd = ::open(file, O_RDWR | O_CLOEXEC);
	}
	long ours = value();
	t.is("writing from another namespace", result_of(::pwrite(fd, "50000", 5, 0)), {5});
	t.is("our own value", value(), {ours});
	visit here(ns.fd());
	t.is("the value of the file's namespace", value(), {50000});
	::close(fd);

	/* a process that accounts to it writes when it has no namespace any more */
	pid_t child = ::fork();
	if (!child) {
		long r = result_of(::acct(file));
		::_exit(r == 0 ? 0 : 1);
	}
	int status = 0;
	::waitpid(child, &status, 0);
	::acct(nullptr);
	t.note(WIFEXITED(status) && !WEXITSTATUS(status) ? "accounting to it works"
							 : "accounting to it is refused");
}

void sysctl_while_dying(trial &t)
{
	for (std::uint64_t i = 0; i < t.set.times(8); i++) {
		netns ns;
		int fd;
		{
			visit here(ns.fd());
			fd = ::open("/proc/sys/net/rds/tcp/rds_tcp_rcvbuf", O_RDWR | O_CLOEXEC);
		}
		std::atomic<bool> gone = false;
		std::atomic<int> wrong = 0, writes = 0;
		std::jthread writer([&] {
			for (int j = 0; !gone || j < 100; j++) {
				long r = result_of(::pwrite(fd, j % 2 ? "50000" : "60000", 5, 0));
				/* the file's table is gone */
				wrong += r != 5 && r != -ENOENT;
				writes += r == 5;
				if (r == -ENOENT)
					break;
			}
		});
		while (writes < 3 && !wrong)
			::usleep(100);
		ns.leave();
		gone = true;
		writer.join();
		::close(fd);
		t.is("writes that failed strangely", wrong, {0});
	}
}

/* Connections in each state, and then the namespace is not there any more. */
void death(trial &t)
{
	for (std::uint64_t i = 0; i < t.set.times(4); i++) {
		two_hosts hosts;
		if (!hosts.good())
			t.skip("no veth");
		sock r = hosts.b.bound(hosts.of_b(4000)), s = hosts.a.bound(hosts.of_a());
		t.is("a send", s.send_text(hosts.of_b(4000), "x"), {1});
		for (int host = 10; host < 20; host++)
			s.send(ip(("10.78.0." + std::to_string(host)).c_str(), 4000), 100,
			       MSG_DONTWAIT);
		if (i % 2)
			t.expect("a message did not arrive", r.becomes(POLLIN, 20000));
		/* sockets and namespaces go in every order */
		if (i & 2)
			hosts.a.leave();
		s.close();
		r.close();
	}
}

/* Two threads of one socket, two destinations, and a namespace that goes. */
void two_destinations(trial &t)
{
	for (std::uint64_t i = 0; i < t.set.times(3); i++) {
		auto hosts = std::make_unique<two_hosts>();
		if (!hosts->good())
			t.skip("no veth");
		sock r1 = hosts->a.bound(hosts->of_a(4000)), r2 = hosts->b.bound(hosts->of_b(4000));
		sock s = hosts->a.bound(hosts->of_a());
		endpoint near = hosts->of_a(4000), away = hosts->of_b(4000);
		auto loop = [&](const endpoint &to) {
			for (int j = 0; j < 200; j++)
				t.is("a send", s.send(to, 10, MSG_DONTWAIT),
				     {10, -EAGAIN, -ENOBUFS});
		};
		std::jthread one([&] { loop(near); }), two([&] { loop(away); });
		std::jthread three([&] {
			hosts->b.leave();
			r2.close();
		});
	}
}

/* Every connection of the sender's namespace is dropped again and again. */
void send_while_dropped(trial &t)
{
	two_hosts hosts;
	if (!hosts.good())
		t.skip("no veth");
	sock r = hosts.b.bound(hosts.of_b(4000)), s = hosts.a.bound(hosts.of_a());
	std::atomic<bool> done = false;
	std::jthread reader([&] {
		std::string got;
		r.set_timeout(SO_RCVTIMEO, 100);
		while (!done)
			r.receive(got);
	});
	std::jthread dropper([&] {
		visit here(hosts.a.fd());
		for (int i = 0; !done; i++) {
			std::ofstream("/proc/sys/net/rds/tcp/rds_tcp_sndbuf") << 60000 + i % 1000;
			::usleep(2000);
		}
	});
	std::uint64_t times = t.set.times(3000);
	for (std::uint64_t i = 0; i < times; i++)
		t.is("a send of 100 bytes", s.send(hosts.of_b(4000), 100, MSG_DONTWAIT),
		     {100, -EAGAIN, -ENOBUFS});
	done = true;
	t.note(std::to_string(times) + " sends during drops");
}

const listed these{
	{"netns-rdma", "CVE-2026-53077", "RDMA in another namespace", rdma_elsewhere},
	{"netns-delivery", "CVE-2026-68335", "message to a socket of another namespace", delivery,
	 60},
	{"netns-oracle", "S3.1.22, K18.5, K13.3, K14", "ports and congestion of another namespace",
	 oracles},
	{"netns-lists", "CVE-2026-97476, S3.1.13", "lists show another namespace", lists},
	{"sysctl-owner", "CVE-2025-21635, S3.1.20", "setting of the writer's namespace",
	 sysctl_owner},
	{"sysctl-dying", "CVE-2026-68290", "setting written while the namespace goes",
	 sysctl_while_dying, 60},
	{"netns-death", "CVE-2019-11815, S3.1.18", "namespace goes with connections in each state",
	 death, 90},
	{"two-destinations", "S2.5.7", "one socket, two destinations at once", two_destinations,
	 90},
	{"send-dropped", "S2.2.17, K6.2", "send while the connection is dropped",
	 send_while_dropped, 60},
};

} // namespace
