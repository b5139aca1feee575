// SPDX-License-Identifier: GPL-2.0
/*
 * Back-pressure: the send buffer that is full, the port that is congested, what waits and what wakes it, the charges
 * of both sides.
 */
#include <fcntl.h>

#include <string>

#include "topics.h"

namespace {

constexpr long default_limit = 106496;

void rows_full(tap &t, const place &p, const endpoint &far)
{
	t.section("send buffer full");
	sock s(p.at());
	endpoint nobody = far.with_port(4000);
	if (s.get(SOL_SOCKET, SO_SNDBUF) != 2 * default_limit)
		return t.skip("all", "the default send buffer is another one");

	t.ok("POLLOUT at first", s.poll() & POLLOUT);
	bool filled = true;
	for (int i = 0; i < 13; i++)
		filled &= s.send(nobody, 8192, MSG_DONTWAIT) == 8192;
	t.ok("13 messages of 8192 bytes", filled);
	t.is("the 14th", -EAGAIN, s.send(nobody, 8192, MSG_DONTWAIT));
	t.is("an empty one", -EAGAIN, s.send(nobody, 0, MSG_DONTWAIT));
	t.is("to somebody else", -EAGAIN, s.send(p.at(4000), 1, MSG_DONTWAIT));
	t.is("POLLOUT and POLLWRNORM are gone", 0, s.poll(POLLOUT | POLLWRNORM));
	t.is("too long comes first", -EMSGSIZE, s.send(nobody, 2 * default_limit, MSG_DONTWAIT));

	long r = result_of(
		::setsockopt(s.fd(), SOL_RDS, RDS_CANCEL_SENT_TO, nobody.sa(), nobody.length()));
	t.is("RDS_CANCEL_SENT_TO", 0, r);
	t.ok("POLLOUT is back", s.becomes(POLLOUT));

	sock over(p.at());
	over.send(nobody, default_limit - 1, MSG_DONTWAIT);
	t.is("one byte is free: a message may overshoot", 8192,
	     over.send(nobody, 8192, MSG_DONTWAIT));
	t.is("then it is full", -EAGAIN, over.send(nobody, 1, MSG_DONTWAIT));
}

/* Sends until the port is known to be congested, or something else is wrong; what was accepted. */
long until_congested(sock &s, const endpoint &to, std::size_t size, int &sent)
{
	stopwatch watch;
	sent = 0;
	while (watch.ms() < patience(10000)) {
		long r = s.send(to, size);
		if (r == -EAGAIN)
			s.poll(POLLOUT, 100);
		else if (r < 0)
			return r;
		else if (++sent == 4000)
			break;
	}
	return 0;
}

/* A send that waits, in another process; @event is what should wake it. */
template <typename Event>
long woken_send(sock &s, const endpoint &to, Event event)
{
	background sender([&] { return s.send(to, 1, 0); });
	sender.await_sleep();
	event();
	return sender.result();
}

void cancel(sock &s, const endpoint &to)
{
	::setsockopt(s.fd(), SOL_RDS, RDS_CANCEL_SENT_TO, to.sa(), to.length());
}

/* Waiting for send space, with a peer that is connected and acknowledges nothing. */
void rows_waiting(tap &t, const world &w)
{
	t.section("send buffer full, waiting");
	sock s(w.near), to = w.at_far(w.far);
	endpoint name = to.name();
	t.ok("connected", w.linked(s, to));
	world::cut cut(w);

	for (int i = 0; i < 13; i++)
		s.send(name, 8192);
	t.is("non-blocking", -EAGAIN, s.send(name, 1));
	::fcntl(s.fd(), F_SETFL, O_NONBLOCK);
	t.is("O_NONBLOCK", -EAGAIN, s.send(name, 1, 0));
	::fcntl(s.fd(), F_SETFL, 0);
	{
		stopwatch watch;
		s.set_timeout(SO_SNDTIMEO, 200);
		t.is("SO_SNDTIMEO", -ETIMEDOUT, s.send(name, 1, 0));
		t.ok("... not before", watch.ms() >= 190);
	}
	{
		deadline guard(50, true);
		stopwatch watch;
		s.set_timeout(SO_SNDTIMEO, 80);
		t.is("signal, SA_RESTART", -ETIMEDOUT, s.send(name, 1, 0));
		t.ok("... starts again with the whole time", watch.ms() >= 120);
	}
	s.set_timeout(SO_SNDTIMEO, 0);
	{
		deadline guard(200);
		t.is("signal", -EINTR, s.send(name, 1, 0));
	}
	t.is("woken when the messages are cancelled", 1,
	     woken_send(s, name, [&] { cancel(s, name); }));
}

void rows_acknowledged(tap &t, const world &w)
{
	t.section("send buffer, freed");
	sock s(w.near), to = w.at_far(w.far);
	endpoint name = to.name();

	t.ok("connected", w.linked(s, to));
	{
		world::cut cut(w);
		for (int i = 0; i < 13; i++)
			s.send(name, 8192);
		t.is("full", 0, s.poll(POLLOUT));
	}
	t.ok("the peer's acknowledgement makes it writable", s.becomes(POLLOUT));
	std::string got;
	bool whole = true;
	for (int i = 0; i < 13; i++)
		whole &= to.receive(got) == 8192;
	t.ok("every message arrives", whole);
	s.set(SOL_SOCKET, SO_SNDBUF, 1);
	world::cut cut(w);
	t.is("a small buffer, a message as large", 2304, s.send(name, 2304));
	t.is("... is full", -EAGAIN, s.send(name, 1));
	t.is("... one byte too long", -EMSGSIZE, s.send(name, 2305));
	s.set(SOL_SOCKET, SO_SNDBUF, 10000);
	t.is("enlarged, there is room at once", 1, s.send(name, 1));
	s.set(SOL_SOCKET, SO_SNDBUF, 1);
	t.is("made smaller than the charge", -EAGAIN, s.send(name, 1));
	cancel(s, name);
}

/* A blocking send to somebody who never answers, from one of many sockets: does it come back at once? */
void rows_unknown_lanes(tap &t, const world &w)
{
	t.section("unreachable");
	bool waited = false;
	for (int i = 0; i < 24 && !waited; i++) {
		sock s(w.near);
		deadline guard(patience(2000), false);
		stopwatch watch;
		if (s.send(w.nobody.with_port(4000), 1, 0) != 1)
			waited = true;
		waited |= watch.ms() >= patience(2000) - 10;
	}
	t.ok("blocking sends of many sockets return at once", !waited);
}

void rows_congestion(tap &t, const std::string &where, sock &s, sock &to, sock &other)
{
	t.section("congestion, " + where);
	endpoint name = to.name();
	int sent = 0;

	t.is("to a port whose queue is full", -ENOBUFS, until_congested(s, name, 8192, sent));
	t.ok("... not before 14 messages of 8192 bytes", sent >= 14);
	t.is("an empty message", -ENOBUFS, s.send(name, 0));
	t.is("to another port", 1, s.send(other.name(), 1));
	t.ok("POLLOUT stays", s.becomes(POLLOUT));
	{
		deadline guard(200);
		t.is("blocking, signal", -EINTR, s.send(name, 1, 0));
	}
	{
		deadline guard(patience(2000));
		stopwatch watch;
		s.set_timeout(SO_SNDTIMEO, 200);
		t.is("blocking, SO_SNDTIMEO", -ETIMEDOUT, s.send(name, 1, 0));
		t.ok("... not before", watch.ms() >= 190);
		s.set_timeout(SO_SNDTIMEO, 0);
	}
	::fcntl(s.fd(), F_SETFL, O_NONBLOCK);
	t.is("O_NONBLOCK", -ENOBUFS, s.send(name, 1, 0));
	::fcntl(s.fd(), F_SETFL, 0);

	std::string got;
	bool whole = true;
	for (int i = 0; i < 2; i++)
		whole &= to.receive(got) == 8192;
	t.is("two messages less", -ENOBUFS, s.send(name, 1));
	long woken = woken_send(s, name, [&] {
		for (int i = 2; i < sent; i++)
			whole &= to.receive(got) == 8192;
	});
	t.is("a waiting send is woken when they are read", 1, woken);
	t.ok("every accepted message arrives", whole);
	t.is("... and the one that waited", 1, to.receive(got));
}

void rows_small_receive_buffer(tap &t, const world &w)
{
	t.section("receive buffer");
	sock to(w.near), s(w.near);
	std::string got;
	int sent = 0;

	to.set(SOL_SOCKET, SO_RCVBUF, 1);
	t.is("the smallest congests", -ENOBUFS, until_congested(s, to.name(), 1000, sent));
	t.ok("... not before it is exceeded", sent >= 2);
	t.ok("... what was accepted was not dropped", to.holds_message());
	bool whole = true;
	for (int i = 0; i < sent; i++)
		whole &= to.receive(got) == 1000;
	t.ok("... and arrives", whole);
	t.is("... then a waiting send goes", 1, woken_send(s, to.name(), [] {}));
	t.is("... and arrives", 1, to.receive(got));
}

/* Receivers on the loopback transport. */
void rows_loopback_queue(tap &t, const world &w)
{
	t.section("congestion, loopback");
	sock to(w.loop.at()), s(w.loop.at());
	std::string got;
	int accepted = 0;
	long r = 0;

	for (; accepted < 100 && r >= 0; accepted += r == 8192)
		r = s.send(to.name(), 8192);
	t.is("100 messages of 8192 bytes that nobody reads", 8192, r);
	/* far beyond what any limit of a socket is: 24 MB, ours ends at about 16 MiB */
	for (; accepted < 3000 && r >= 0; accepted += r == 8192)
		r = s.send(to.name(), 8192);
	t.is("3000 of them", -ENOBUFS, r);
	bool whole = true;
	for (int i = 0; i < accepted; i++)
		whole &= to.receive(got, MSG_DONTWAIT) == 8192;
	t.ok("every accepted message arrives", whole);
}

} // namespace

void topic_pressure(tap &t, const world &w)
{
	sock fresh;
	if (fresh.get(SOL_SOCKET, SO_SNDBUF) != 2 * default_limit ||
	    fresh.get(SOL_SOCKET, SO_RCVBUF) != 2 * default_limit)
		return t.skip("back-pressure", "the buffers' defaults are others");

	rows_full(t, w.tcp, w.nobody);
	rows_waiting(t, w);
	rows_acknowledged(t, w);
	rows_unknown_lanes(t, w);
	{
		sock s(w.near), to(w.near), other(w.near);
		rows_congestion(t, "own machine", s, to, other);
	}
	{
		sock s(w.near), to = w.at_far(w.far), other = w.at_far(w.far);
		t.section("congestion");
		t.ok("connected", w.linked(s, to) && w.linked(s, other));
		rows_congestion(t, "other machine", s, to, other);
	}
	rows_small_receive_buffer(t, w);
	rows_loopback_queue(t, w);
}
