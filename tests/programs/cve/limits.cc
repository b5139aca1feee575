// SPDX-License-Identifier: GPL-2.0
/*
 * What one user can make the kernel keep, do or say has an end.
 */
#include <sys/klog.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <fstream>
#include <thread>

#include "hosts.h"
#include "memory.h"
#include "trial.h"

namespace {

std::uint64_t counter(const char *name)
{
	sock s;
	std::vector<std::uint8_t> buffer(1 << 16);
	socklen_t len = 1 << 16;
	if (::getsockopt(s.fd(), SOL_RDS, RDS_INFO_COUNTERS, buffer.data(), &len) < 0)
		return 0;
	for (std::size_t at = 0; at + 40 <= len; at += 40) {
		std::uint64_t value;
		std::memcpy(&value, buffer.data() + at + 32, sizeof(value));
		if (!std::strcmp(reinterpret_cast<char *>(buffer.data() + at), name))
			return value;
	}
	return 0;
}

/* One byte each for so many addresses where nobody answers. */
void peers(trial &t)
{
	netns ns;
	ns.run("ip addr add 10.79.0.1/16 dev lo && ip route add 10.80.0.0/12 dev lo");
	if (std::ofstream limit("/sys/module/rds/parameters/max_peers_user"); limit)
		limit << (t.set.slow() ? 500 : 4000);
	visit here(ns.fd());
	if (::setuid(65534))
		std::abort();
	std::vector<sock> all;
	all.emplace_back(ip("10.79.0.1"));
	long r = 1;
	int accepted = 0, most = t.set.slow() ? 1000 : 9000;
	for (int i = 0; i < most && r == 1; i++) {
		std::string to = "10.80." + std::to_string(i / 250) + "." +
				 std::to_string(i % 250 + 1);
		r = all.back().send(ip(to.c_str(), 4000), 1, MSG_DONTWAIT);
		if (r == -EAGAIN) {
			/* full: the next socket takes over */
			all.emplace_back(ip("10.79.0.1"));
			r = all.back().send(ip(to.c_str(), 4000), 1, MSG_DONTWAIT);
		}
		accepted += r == 1;
	}
	t.is("after " + std::to_string(accepted) + " peers, the next", r, {-ENOMEM});
	t.note(std::to_string(accepted) + " peers, then ENOMEM");
}

void empty_messages(trial &t)
{
	sock s(t.set.tcp);
	endpoint nobody = t.set.nobody();
	long r = 0;
	int accepted = 0;
	for (; accepted < 50000 && r == 0; accepted++)
		r = s.send(nobody, nullptr, 0, MSG_DONTWAIT);
	t.is("after " + std::to_string(accepted) + " empty messages, the next", r, {-EAGAIN});
	t.note(std::to_string(accepted) + " empty messages, then EAGAIN");
}

void send_buffer(trial &t)
{
	long most = 0;
	std::ifstream("/proc/sys/net/core/wmem_max") >> most;
	if (::setuid(65534))
		std::abort();
	sock s(t.set.tcp);
	s.set(SOL_SOCKET, SO_SNDBUF, 1 << 30);
	s.set(SOL_SOCKET, SO_SNDBUFFORCE, 1 << 30);
	t.is("SO_SNDBUF", s.get(SOL_SOCKET, SO_SNDBUF), {2 * most});
	long r, bytes = 0;
	while ((r = s.send(t.set.nobody(), 4096, MSG_DONTWAIT)) > 0)
		bytes += r;
	t.is("a full buffer", r, {-EAGAIN});
	t.expect(std::to_string(bytes) + " bytes fit into a buffer of " + std::to_string(most),
		 bytes < most + 4096);
}

/* A local receiver that never reads. */
void unread(trial &t)
{
	sock deaf(ip("127.0.0.1")), s(ip("127.0.0.1"));
	long r = 1, bytes = 0;
	while (r > 0 && bytes < (48 << 20)) {
		r = s.send(deaf.name(), 65536, MSG_DONTWAIT);
		bytes += std::max(r, 0L);
	}
	t.is("after " + std::to_string(bytes >> 10) + " kB unread, the next", r, {-ENOBUFS});
	t.note(std::to_string(bytes >> 10) + " kB, then ENOBUFS");
}

/* Congestion that comes and goes quickly is announced once a tick at most, not each time. */
void toggle(trial &t)
{
	two_hosts hosts;
	if (!hosts.good())
		t.skip("no veth");
	sock peer = hosts.b.bound(hosts.of_b(4000)), r = hosts.a.socket(),
	     s = hosts.a.bound(hosts.of_a());
	r.set(SOL_SOCKET, SO_RCVBUF, 1);
	r.bind(hosts.of_a(4001));
	/* there is somebody to be told */
	t.is("a message to the peer", s.send_text(hosts.of_b(4000), "x"), {1});
	t.expect("it does not arrive", peer.becomes(POLLIN, 20000));
	std::uint64_t before = counter("cong_update_received");
	stopwatch watch;
	std::string got;
	long toggles = 0;
	for (std::uint64_t i = 0; i < t.set.times(2000); i++) {
		long n = s.send(hosts.of_a(4001), 2000, MSG_DONTWAIT);
		toggles += n == 2000;
		r.receive(got, MSG_DONTWAIT);
	}
	long maps = static_cast<long>(counter("cong_update_received") - before);
	/* sixteen in each tick of four milliseconds; without a bound there is one for each change */
	long most = watch.ms() + 10;
	t.expect(std::to_string(maps) + " maps in " + std::to_string(most) + " ms, for " +
			 std::to_string(toggles) + " changes",
		 maps <= most * 4 || maps <= toggles / 10);
	t.note(std::to_string(maps) + " maps for " + std::to_string(toggles) + " changes");
}

/* Whatever fails, the log does not grow with it. */
void log_lines(trial &t)
{
	int log = ::open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	::lseek(log, 0, SEEK_END);
	sock s(t.set.tcp);
	std::uint64_t times = t.set.times(2000);
	for (std::uint64_t i = 0; i < times; i++) {
		sock fresh;
		fresh.bind(ip("198.51.100.1", 5));
		fresh.bind(ip("2001:db8::77", 5));
		fresh.set(SOL_RDS, SO_RDS_TRANSPORT, 1);
		s.send(t.set.tcp.with_port(60001), nullptr, 0, MSG_DONTWAIT);
		std::uint64_t key = 5;
		endpoint name = s.name();
		message m(&name, "x", 1);
		m.add_control(SOL_RDS, 99, &key, 8);
		m.send(s, MSG_DONTWAIT);
	}
	std::vector<char> line(8192);
	int lines = 0;
	ssize_t n;
	while ((n = ::read(log, line.data(), line.size())) > 0 || (n < 0 && errno == EPIPE))
		lines += n > 0 &&
			 std::string(line.data(), static_cast<std::size_t>(n)).find("ds") !=
				 std::string::npos;
	::close(log);
	t.expect(std::to_string(lines) + " lines in the log for " + std::to_string(times) +
			 " failures each",
		 lines <= 100);
	t.note(std::to_string(lines) + " lines in the log");
}

bool loaded(const char *module)
{
	return ::access((std::string("/sys/module/") + module).c_str(), F_OK) == 0;
}

void unload(const char *module)
{
	stopwatch watch;
	while (loaded(module) && watch.ms() < 20000)
		if (::syscall(SYS_delete_module, module, O_NONBLOCK))
			::usleep(20000);
}

/* A user without privileges cannot bring in a transport. Loads rds_tcp again at the end. */
void autoload(trial &t)
{
	unload("rds_tcp");
	if (loaded("rds_tcp"))
		t.skip("rds_tcp is in use");
	pid_t child = ::fork();
	if (!child) {
		long r = 1;
		if (!::setuid(65534))
			r = sock().set(SOL_RDS, SO_RDS_TRANSPORT, RDS_TRANS_TCP);
		::_exit(static_cast<int>(-r));
	}
	int status;
	::waitpid(child, &status, 0);
	t.is("SO_RDS_TRANSPORT of a user", -WEXITSTATUS(status), {-ENOPROTOOPT});
	t.expect("a user has loaded rds_tcp", !loaded("rds_tcp"));
	command("modprobe rds_tcp");
	t.expect("rds_tcp is not back", loaded("rds_tcp"));
}

/* The lists of a transport are read while it goes. */
void lists_while_unloading(trial &t)
{
	for (std::uint64_t i = 0; i < t.set.times(10); i++) {
		std::atomic<bool> done = false;
		std::atomic<int> looks = 0;
		auto look = [&] {
			sock s;
			std::vector<std::uint8_t> buffer(1 << 16);
			while (!done) {
				for (int list : {RDS_INFO_TCP_SOCKETS, RDS6_INFO_TCP_SOCKETS,
						 RDS_INFO_COUNTERS}) {
					socklen_t len = 1 << 16;
					long r = result_of(::getsockopt(s.fd(), SOL_RDS, list,
									buffer.data(), &len));
					t.is("list " + std::to_string(list), r,
					     {40, 41, 64, -ENOPROTOOPT});
				}
				looks++;
			}
		};
		std::jthread one(look), two(look);
		while (looks < 4)
			::usleep(100);
		unload("rds_tcp");
		done = true;
		one.join();
		two.join();
		command("modprobe rds_tcp");
		if (!t.expect("rds_tcp did not go and come back", loaded("rds_tcp")))
			return;
	}
}

/* Connections that are refused leave nothing: a TCP stream from one of the machine's own addresses. */
void refused(trial &t)
{
	std::uint64_t times = t.set.times(1000);
	auto knock = [&] {
		for (std::uint64_t i = 0; i < times; i++) {
			int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
			timeval limit{2, 0};
			::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
			endpoint from = t.set.tcp, to = t.set.tcp.with_port(16385);
			char byte;
			::bind(fd, from.sa(), from.length());
			t.is("connecting", result_of(::connect(fd, to.sa(), to.length())),
			     {0, -ECONNRESET});
			long r = result_of(::recv(fd, &byte, 1, 0));
			t.is("a connection to oneself", r, {0, -ECONNRESET, -ENOTCONN});
			::close(fd);
		}
	};
	comes_back(t, 4096, knock);
}

const listed these{
	{"peers", "S3.1.3, S2.5.1", "peers without end", peers, 90},
	{"empty-messages", "S3.1.4, K18.3", "empty messages without end", empty_messages},
	{"send-buffer", "S3.1.5", "send buffer without end", send_buffer},
	{"unread", "S3.1.6", "receiver on 127.0.0.1 that never reads", unread},
	{"toggle", "S3.1.16, S3.1.15", "congestion that comes and goes", toggle, 60},
	{"log-lines", "S3.1.21", "log without end", log_lines},
	{"autoload", "S3.1.1", "user loads a transport", autoload, 60},
	{"lists-unload", "S2.1.29, N6.5", "lists are read while their module goes",
	 lists_while_unloading, 90},
	{"refused", "CVE-2021-45480, S3.2.3", "refused connections leak", refused, 60},
};

} // namespace
