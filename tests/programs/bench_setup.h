// SPDX-License-Identifier: GPL-2.0
/*
 * How long the first message to a peer takes, whom nobody has met before; and a ping. One thread, and
 * a process that waits for the message.
 */
#ifndef TESTS_PROGRAMS_BENCH_SETUP_H
#define TESTS_PROGRAMS_BENCH_SETUP_H

#include "bench_traffic.h"

/* A process that tells twice: when it is ready, and when it has got what it waits for. */
class waiter {
public:
	explicit waiter(const std::function<void(const std::function<void()> &)> &what)
	{
		int pipe[2];
		if (::pipe(pipe))
			die("pipe");
		pid_ = ::fork();
		if (pid_ < 0)
			die("fork");
		if (!pid_) {
			auto tell = [&] {
				std::uint64_t t = now_ns();
				if (::write(pipe[1], &t, sizeof(t)) != sizeof(t))
					::_exit(1);
			};
			what(tell);
			tell();
			::_exit(0);
		}
		::close(pipe[1]);
		reports_ = pipe[0];
		wait();
		/* it is asleep before anybody sends */
		::usleep(20000);
	}
	waiter(const waiter &) = delete;
	~waiter()
	{
		::kill(pid_, SIGKILL);
		::waitpid(pid_, nullptr, 0);
		::close(reports_);
	}

	/* When, or 0: not at all. */
	std::uint64_t wait() const
	{
		std::uint64_t t = 0;
		pollfd p{reports_, POLLIN, 0};
		if (::poll(&p, 1, crew::patience_ms) != 1 ||
		    ::read(reports_, &t, sizeof(t)) != sizeof(t))
			return 0;
		return t;
	}

private:
	pid_t pid_;
	int reports_;
};

struct samples {
	std::vector<double> ns, connect_ns;
	unsigned lost = 0;

	static double part(std::vector<double> of, unsigned percent)
	{
		if (of.empty())
			return 0;
		std::ranges::sort(of);
		return of[std::min(of.size() - 1, of.size() * percent / 100)];
	}
};

inline std::uint64_t first_rds_message(const place &p, std::uint64_t &begun)
{
	waiter w([&](const std::function<void()> &ready) {
		enter_host(p.right_host);
		wire_end e(rds_bound(p.right), p.left);
		e.reserve(64);
		ready();
		e.receive(1);
	});
	enter_host(p.left_host);
	wire_end e(rds_bound(p.left), p.right);
	e.reserve(64);
	begun = now_ns();
	if (!e.send(1))
		die("first message");
	std::uint64_t done = w.wait();
	::close(e.fd());
	return done;
}

inline std::uint64_t first_tcp_message(const place &p, std::uint64_t &begun,
				       std::uint64_t &connected)
{
	waiter w([&](const std::function<void()> &ready) {
		enter_host(p.right_host);
		int listener = tcp_listener(p.right);
		ready();
		wire_end e(carrier::tcp, tcp_accept(listener));
		e.reserve(64);
		e.receive(1);
	});
	enter_host(p.left_host);
	begun = now_ns();
	wire_end e(carrier::tcp, tcp_connect(p.left, p.right));
	connected = now_ns();
	e.reserve(64);
	e.send(1);
	std::uint64_t done = w.wait();
	::close(e.fd());
	return done;
}

/* The first two, which find nothing in its place yet, do not count. */
inline samples measure_setup(carrier over, bool downhill, unsigned nth, unsigned count)
{
	samples s;
	for (unsigned i = 0; i < count + 2; i++) {
		place p = downhill ? place::downhill(nth + i, 4000) : place::net(nth + i, 4000);
		std::uint64_t begun = 0, connected = 0;
		std::uint64_t done = over == carrier::tcp ? first_tcp_message(p, begun, connected)
							  : first_rds_message(p, begun);
		if (i < 2)
			continue;
		if (!done) {
			s.lost++;
			continue;
		}
		s.ns.push_back(static_cast<double>(done - begun));
		if (connected)
			s.connect_ns.push_back(static_cast<double>(connected - begun));
	}
	return s;
}

/* One now and then, as rds-ping does. */
inline samples now_and_then(unsigned count, const std::function<bool(unsigned)> &round_trip)
{
	samples s;
	for (unsigned i = 0; i < count; i++) {
		::usleep(50000);
		std::uint64_t begun = now_ns();
		if (round_trip(i))
			s.ns.push_back(static_cast<double>(now_ns() - begun));
		else
			s.lost++;
	}
	return s;
}

/* An empty message to port 0 comes back; and one of 64 bytes to a process that sends it back. */
inline samples measure_pings(unsigned nth, unsigned count, samples &data)
{
	place p = place::net(nth, 4000);
	std::vector<wire> wires(1);
	wires[0] = make_wire(carrier::rds, p, 64);
	acquaint(wires);
	wire_end &left = wires[0].left;
	set_patience(left.fd(), 900000);
	{
		waiter echo([&](const std::function<void()> &ready) {
			ready();
			answer(wires[0].right, 0, count);
		});
		data = now_and_then(count, [&](unsigned i) { return ask(left, i, 1); });
	}
	endpoint kernel = p.right.with_port(0);
	return now_and_then(count, [&](unsigned) {
		char byte;
		return !::sendto(left.fd(), nullptr, 0, 0, kernel.sa(), kernel.length()) &&
		       !::recv(left.fd(), &byte, 1, 0);
	});
}

#endif
