// SPDX-License-Identifier: GPL-2.0
/*
 * Who sleeps in the kernel can be ended, woken, and has the patience that he asked for.
 */
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#include <functional>
#include <thread>

#include "hosts.h"
#include "trial.h"

namespace {

/* SO_SNDTIMEO is kept: the call ends by itself, before a signal has to end it. */
long patient_send(sock &s, const endpoint &to, std::size_t len, int ms, bool &interrupted)
{
	deadline guard(5000);
	stopwatch watch;
	s.set_timeout(SO_SNDTIMEO, ms);
	long r = s.send(to, len);
	interrupted = watch.ms() >= 4900;
	return r;
}

void lane_wait(trial &t)
{
	/* most sockets belong to a lane other than the first */
	for (int i = 0; i < 4; i++) {
		sock s(t.set.tcp);
		bool interrupted;
		endpoint to = t.set.far.with_port(static_cast<std::uint16_t>(4100 + i));
		long r = patient_send(s, to, 10, 500, interrupted);
		t.is("a first send to a peer that does not answer", r, {10});
		if (!t.expect("it slept until a signal came", !interrupted))
			return;
	}
}

/* Fills a receiver until its port is congested. */
long congest(sock &s, const endpoint &to)
{
	long r = 0;
	for (int i = 0; i < 2000 && r != -ENOBUFS; i++)
		r = s.send(to, 2000, MSG_DONTWAIT);
	return r;
}

struct crowd {
	sock deaf, s;
	explicit crowd(trial &t) : s(t.set.tcp)
	{
		deaf.set(SOL_SOCKET, SO_RCVBUF, 1);
		deaf.bind(t.set.tcp);
		t.is("the way to congestion", congest(s, deaf.name()), {-ENOBUFS});
	}
	void relieve()
	{
		while (!deaf.empty())
			;
	}
};

void congestion_timeout(trial &t)
{
	crowd c(t);
	bool interrupted;
	long r = patient_send(c.s, c.deaf.name(), 10, 500, interrupted);
	t.is("a blocking send to a congested port", r, {-ETIMEDOUT});
	t.expect("it slept until a signal came", !interrupted);
	c.relieve();
	t.is("after that", c.s.send(c.deaf.name(), 10), {10});
}

/* Everybody who sleeps dies when killed. */
void killed(trial &t)
{
	struct {
		const char *name;
		std::function<void()> sleep;
	} kinds[] = {
		{"recvmsg",
		 [&] {
			 sock s(t.set.tcp);
			 char byte;
			 s.set_timeout(SO_RCVTIMEO, 0);
			 ::recv(s.fd(), &byte, 1, 0);
		 }},
		{"recvmsg, unbound",
		 [&] {
			 sock s;
			 char byte;
			 s.set_timeout(SO_RCVTIMEO, 0);
			 ::recv(s.fd(), &byte, 1, 0);
		 }},
		{"a full send buffer",
		 [&] {
			 sock s(t.set.tcp);
			 for (;;)
				 s.send(t.set.nobody(), 8192);
		 }},
		{"a congested port",
		 [&] {
			 crowd c(t);
			 for (;;)
				 c.s.send(c.deaf.name(), 2000);
		 }},
		{"a peer that does not answer",
		 [&] {
			 for (std::uint16_t port = 5000; port < 5008; port++) {
				 sock s(t.set.tcp);
				 s.send(t.set.far.with_port(port), 8);
			 }
			 ::pause();
		 }},
		{"poll",
		 [&] {
			 sock s(t.set.tcp);
			 for (;;)
				 s.poll(POLLIN, -1);
		 }},
	};
	for (auto &kind : kinds) {
		pid_t child = ::fork();
		if (!child) {
			kind.sleep();
			::_exit(0);
		}
		/* asleep when it waits somewhere for the second time one looks */
		int asleep = 0;
		for (stopwatch watch; asleep < 3 && watch.ms() < 5000; ::usleep(20000)) {
			std::string text(256, '\0');
			int fd = ::open(("/proc/" + std::to_string(child) + "/stat").c_str(),
					O_RDONLY);
			ssize_t n = ::read(fd, text.data(), text.size());
			::close(fd);
			auto at = text.rfind(") ");
			asleep = n > 0 && at != text.npos &&
						 (text[at + 2] == 'S' || text[at + 2] == 'D')
					 ? asleep + 1
					 : 0;
		}
		t.expect(std::string(kind.name) + ": does not sleep", asleep >= 3);
		::kill(child, SIGKILL);
		pid_t gone = 0;
		for (stopwatch watch; !gone && watch.ms() < 10000; ::usleep(1000))
			gone = ::waitpid(child, nullptr, WNOHANG);
		t.expect(std::string(kind.name) + ": cannot be killed", gone == child);
	}
}

/* Waits with epoll since before there was congestion, the monitor off. */
void epoll_misses(trial &t)
{
	sock deaf, s(t.set.tcp);
	deaf.set(SOL_SOCKET, SO_RCVBUF, 1);
	deaf.bind(t.set.tcp);
	int ep = ::epoll_create1(EPOLL_CLOEXEC);
	epoll_event event{EPOLLIN, {}};
	::epoll_ctl(ep, EPOLL_CTL_ADD, s.fd(), &event);
	t.is("the way to congestion", congest(s, deaf.name()), {-ENOBUFS});
	/* each look takes what happened until then */
	for (int i = 0; i < 50 && ::epoll_wait(ep, &event, 1, 100) == 1; i++)
		;
	t.is("still congested", s.send(deaf.name(), 2000, MSG_DONTWAIT), {-ENOBUFS});
	std::jthread reader([&] {
		while (!deaf.empty())
			;
	});
	int n = ::epoll_wait(ep, &event, 1, 5000);
	::close(ep);
	t.is("events when the port is free", n, {1});
}

/* A pollster wakes up too, and not for maps that are none of his business. */
void poll_wakes(trial &t)
{
	crowd c(t);
	while (c.s.poll(POLLIN) & POLLIN)
		;
	t.is("still congested", c.s.send(c.deaf.name(), 2000, MSG_DONTWAIT), {-ENOBUFS});
	std::jthread reader([&] { c.relieve(); });
	t.is("poll when the port is free", c.s.poll(POLLIN, 5000) & POLLIN, {POLLIN});
	reader.join();
	t.is("a send", c.s.send(c.deaf.name(), 10, MSG_DONTWAIT), {10});
}

int signals_seen;

void sigio(trial &t)
{
	sock r(ip("127.0.0.1")), s(ip("127.0.0.1"));
	::signal(SIGIO, [](int) { signals_seen++; });
	::fcntl(r.fd(), F_SETOWN, ::getpid());
	::fcntl(r.fd(), F_SETFL, O_ASYNC);
	t.is("a message", s.send_text(r.name(), "x"), {1});
	t.expect("it does not come", r.receives("x"));
	t.note(signals_seen ? "SIGIO is sent" : "SIGIO is not sent");
}

/* Switching the monitor off changes nothing for those who send here. */
void monitor_off(trial &t)
{
	crowd c(t);
	c.deaf.set(SOL_RDS, RDS_CONG_MONITOR, 1);
	c.deaf.set(SOL_RDS, RDS_CONG_MONITOR, 0);
	t.is("a send to the port that is still congested", c.s.send(c.deaf.name(), 1, MSG_DONTWAIT),
	     {-ENOBUFS});
	for (int i = 0; i < 5; i++)
		c.s.send(c.deaf.name(), 2000, MSG_DONTWAIT);
	t.is("and again", c.s.send(c.deaf.name(), 1, MSG_DONTWAIT), {-ENOBUFS});
}

/* Between two local addresses the mark belongs to the receiver's. */
void two_addresses(trial &t)
{
	netns ns;
	ns.run("ip addr add 10.81.0.1/32 dev lo && ip addr add 10.81.0.2/32 dev lo");
	sock deaf = ns.socket(), s = ns.bound(ip("10.81.0.1"));
	deaf.set(SOL_SOCKET, SO_RCVBUF, 1);
	deaf.bind(ip("10.81.0.2", 4000));
	sock same_port = ns.bound(ip("10.81.0.1", 4000));
	t.is("a send to the full queue of the other address", congest(s, deaf.name()), {-ENOBUFS});
	t.is("a send to that port of the own address", s.send(same_port.name(), 1, MSG_DONTWAIT),
	     {1});
	while (!deaf.empty())
		;
	t.is("after it was read", s.send(deaf.name(), 1, MSG_DONTWAIT), {1});
}

/* Many small messages through a tiny buffer: marks, maps and wake-ups on loopback. */
void tiny_buffer(trial &t)
{
	for (const endpoint &place : {ip("127.0.0.1"), t.set.tcp}) {
		sock r, s(place);
		r.set(SOL_SOCKET, SO_RCVBUF, 1);
		r.bind(place);
		std::uint64_t times = t.set.times(3000);
		std::uint64_t got = 0;
		std::jthread reader([&] {
			std::string text;
			while (got < times && r.receive(text) >= 0)
				got++;
		});
		deadline guard(20000);
		for (std::uint64_t i = 0; i < times; i++)
			t.is("a send", s.send(r.name(), 700), {700});
		reader.join();
		t.expect(std::to_string(got) + " of " + std::to_string(times) + " messages came",
			 got == times);
	}
}

/* To each kind of local address. */
void ping_self(trial &t)
{
	for (const endpoint &place : {ip("127.0.0.1"), ip("127.9.9.9"), ip("::1"), t.set.tcp}) {
		sock s(place);
		raw_address name(0, 128);
		char byte;
		t.is("a ping to " + place.address_text(), s.send(place.with_port(0), nullptr, 0),
		     {0});
		socklen_t len = 128;
		long r = result_of(
			::recvfrom(s.fd(), &byte, 1, 0, const_cast<sockaddr *>(name.sa()), &len));
		t.is("the answer of " + place.address_text(), r, {0});
		t.is("the length of its name", len, {place.length()});
	}
}

/* Sends, cancels and closes from several threads, and nobody ever reads. */
void storm(trial &t)
{
	sock to(t.set.tcp), loop(ip("127.0.0.1"));
	endpoint places[] = {to.name(), loop.name(), t.set.nobody(), t.set.tcp.with_port(0)};
	std::uint64_t times = t.set.times(400);
	auto work = [&](unsigned seed) {
		for (std::uint64_t i = 0; i < times; i++) {
			sock s((seed + i) % 3 ? t.set.tcp : ip("127.0.0.1"));
			for (const endpoint &where : places) {
				long r = s.send(where, 500 * (seed + i) % 9000, MSG_DONTWAIT);
				t.expect("a send gave " + result_text(r),
					 r >= 0 || r == -EAGAIN || r == -ENOBUFS);
				if ((i + seed) % 2)
					t.is("a cancel",
					     result_of(::setsockopt(s.fd(), SOL_RDS,
								    RDS_CANCEL_SENT_TO, where.sa(),
								    where.length())),
					     {0});
			}
		}
	};
	std::jthread drain([&] {
		std::string got;
		for (std::uint64_t i = 0; i < times; i++) {
			to.receive(got, MSG_DONTWAIT);
			loop.receive(got, MSG_DONTWAIT);
		}
	});
	std::jthread one([&] { work(1); }), two([&] { work(2); }), three([&] { work(3); });
}

const listed these{
	{"lane-wait", "K18.1, K6.4", "first send waits for the handshake", lane_wait, 60},
	{"congestion-timeout", "K18.2, K17.3", "congestion wait without SO_SNDTIMEO",
	 congestion_timeout},
	{"killed", "S2.5.2, S3.1.19", "sleepers that cannot be killed", killed, 90},
	{"epoll", "K18.9, K10.2", "epoll misses the end of congestion", epoll_misses},
	{"poll-wakes", "K17.8", "poll at the end of congestion", poll_wakes},
	{"sigio", "K18.10", "SIGIO", sigio},
	{"monitor-off", "K10.3", "switching the monitor off frees the port", monitor_off},
	{"two-addresses", "K13.3a", "congestion between two local addresses", two_addresses},
	{"tiny-buffer", "CVE-2011-1023", "loopback through a tiny receive buffer", tiny_buffer, 60},
	{"ping-self", "CVE-2012-2372", "ping to oneself", ping_self},
	{"storm", "S2.2.7, S2.5.3, S2.5.6", "sends, cancels and closes at once", storm, 90},
};

} // namespace
