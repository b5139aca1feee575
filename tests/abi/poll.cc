// SPDX-License-Identifier: GPL-2.0
/*
 * poll, epoll and select: which bits when, and what wakes a poller.
 */
#include <sys/epoll.h>
#include <sys/select.h>

#include <cstdio>
#include <string>

#include "topics.h"

namespace {

void rows_poll(tap &t, const place &p)
{
	t.section("poll, " + p.name);
	sock fresh, r(p.at()), s(p.at());
	constexpr long writable = POLLOUT | POLLWRNORM;

	t.is("unbound", writable, fresh.poll() & ~(POLLIN | POLLRDNORM | POLLWRBAND));
	/* Any map update on the machine shows once as readable. */
	r.quiet();
	t.is("nothing to read", writable, r.poll());
	s.send_text(r.name(), "poll");
	t.ok("POLLIN after a message", r.becomes(POLLIN));
	t.is("all bits", writable | POLLIN | POLLRDNORM, r.poll() & ~POLLWRBAND);
	t.ok("the message is there", r.receives("poll"));
	r.quiet();
	t.is("nothing to read again", writable, r.poll());

	int ep = ::epoll_create1(0);
	epoll_event event{EPOLLIN, {}};
	t.is("epoll_ctl", 0, result_of(::epoll_ctl(ep, EPOLL_CTL_ADD, r.fd(), &event)));
	::epoll_wait(ep, &event, 1, 0);
	s.send_text(r.name(), "epoll");
	t.is("epoll_wait", 1, ::epoll_wait(ep, &event, 1, patience(5000)));
	t.ok("EPOLLIN", event.events & EPOLLIN);
	t.ok("the message is there", r.receives("epoll"));
	::close(ep);
}

constexpr short read_bits = POLLIN | POLLRDNORM;
constexpr short write_bits = POLLOUT | POLLWRNORM;

/* A poller that sleeps, and the event that should wake it: the bits that it gets. */
template <typename Event>
long woken_poll(sock &s, short events, Event event)
{
	s.quiet();
	background poller([&] { return s.poll(events, patience(5000)); });
	poller.await_sleep();
	event();
	return poller.result();
}

void cancel(sock &s, const endpoint &to)
{
	::setsockopt(s.fd(), SOL_RDS, RDS_CANCEL_SENT_TO, to.sa(), to.length());
}

void rows_woken(tap &t, const world &w)
{
	t.section("poll, woken");
	sock s(w.near), r(w.near), loop(w.loop.at());
	endpoint nobody = w.nobody.with_port(4000);
	std::string got;

	t.is("by a message", read_bits, woken_poll(r, read_bits, [&] { s.send(r.name(), 1); }));
	r.receive(got);
	t.is("by a message over loopback", read_bits,
	     woken_poll(loop, read_bits, [&] { s.send(loop.name(), 1); }));
	for (int i = 0; i < 13; i++)
		s.send(nobody, 8192);
	t.is("full", 0, s.poll(write_bits));
	t.is("by messages that are cancelled", write_bits,
	     woken_poll(s, write_bits, [&] { cancel(s, nobody); }));
	t.ok("then nothing is to be read", s.quiet());

	/* one byte below the limit is enough */
	s.send(nobody, 106495);
	t.is("one byte free", write_bits, s.poll(write_bits));
	s.send(nobody, 1);
	t.is("none", 0, s.poll(write_bits));
	cancel(s, nobody);
}

void rows_select(tap &t, const world &w)
{
	t.section("select");
	sock s(w.loop.at()), r(w.loop.at());
	fd_set readable, writable, other;
	timeval none{0, 0};
	auto all = [&] {
		for (fd_set *set : {&readable, &writable, &other}) {
			FD_ZERO(set);
			FD_SET(r.fd(), set);
		}
		return ::select(r.fd() + 1, &readable, &writable, &other, &none);
	};

	r.quiet();
	t.is("writable only", 1, all());
	t.ok("... writable", FD_ISSET(r.fd(), &writable));
	s.send(r.name(), 1);
	t.is("with a message", 2, all());
	t.ok("... readable", FD_ISSET(r.fd(), &readable));
	t.ok("... no exception", !FD_ISSET(r.fd(), &other));
}

void rows_edge(tap &t, const world &w)
{
	t.section("epoll, edge-triggered");
	sock s(w.loop.at()), r(w.loop.at());
	int ep = ::epoll_create1(0);
	epoll_event event{EPOLLIN | EPOLLET, {}};
	std::string got;

	r.quiet();
	::epoll_ctl(ep, EPOLL_CTL_ADD, r.fd(), &event);
	::epoll_wait(ep, &event, 1, 0);
	for (int i = 0; i < 2; i++) {
		s.send(r.name(), 1);
		t.is("each message is an event", 1, ::epoll_wait(ep, &event, 1, patience(5000)));
	}
	t.is("none without", 0, ::epoll_wait(ep, &event, 1, 0));
	::close(ep);
}

/* The receiver reads all while the sender sleeps in poll. */
long woken_poll_again(sock &s, sock &to, int count)
{
	background poller([&] { return s.poll(read_bits | POLLWRBAND, patience(5000)); });
	std::string got;

	poller.await_sleep();
	for (int i = 0; i < count; i++)
		to.receive(got, MSG_DONTWAIT);
	return poller.result();
}

/* A congested sender without the monitor: told once that some port somewhere became free. */
void rows_uncongested(tap &t, const std::string &where, sock &s, sock &to)
{
	t.section("poll, congestion, " + where);
	std::string got;
	int sent = fill(s, to.name());

	t.is("congested", -ENOBUFS, s.send(to.name(), 1));
	t.ok("POLLOUT stays", s.becomes(POLLOUT));
	s.quiet();
	/* asked again after the look, so that it waits for the next map */
	t.is("... still", -ENOBUFS, s.send(to.name(), 1));
	long bits = woken_poll_again(s, to, sent);
	t.is("woken when the queue was read", read_bits | POLLWRBAND, bits);
	t.is("... nothing to read", -EAGAIN, s.receive(got, MSG_DONTWAIT));
	t.ok("... does not stay", s.quiet());
	t.is("... then a send goes", 1, s.send(to.name(), 1));
	to.receive(got);
}

} // namespace

void topic_poll(tap &t, const world &w)
{
	on_each_place(t, w, rows_poll);
	rows_woken(t, w);
	rows_select(t, w);
	rows_edge(t, w);
	{
		sock s(w.near), to(w.near);
		rows_uncongested(t, "own machine", s, to);
	}
	t.section("poll");
	t.skip("first look of a socket", "tells of congestion maps that went by before");
	t.skip("SIGIO", "never promised");
}
