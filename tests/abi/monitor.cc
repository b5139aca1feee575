// SPDX-License-Identifier: GPL-2.0
/*
 * RDS_CONG_MONITOR: the mask that failing sends build, the notification, the buffer it needs, what switching it off
 * does.
 */
#include <cstring>
#include <string>

#include "topics.h"

namespace {

constexpr short readable = POLLIN | POLLRDNORM | POLLWRBAND;

void drain(sock &to)
{
	std::string got;
	while (to.receive(got, MSG_DONTWAIT) >= 0)
		;
}

/* A sender that was refused, a queue that was read, and a notification that waits. */
bool notified(sock &s, sock &to)
{
	fill(s, to.name());
	drain(s);
	s.send(to.name(), 1);
	drain(to);
	return s.becomes(POLLIN);
}

std::string notification(sock &s, std::size_t room, int flags = MSG_DONTWAIT)
{
	sockaddr_storage name;
	message m(nullptr, bad_pointer, 10);
	m.hdr.msg_name = &name;
	m.hdr.msg_namelen = sizeof(name);
	m.hdr.msg_controllen = room;
	long n = result_of(::recvmsg(s.fd(), &m.hdr, flags));
	if (n < 0)
		return result_text(n);
	return std::to_string(n) + ", name " + std::to_string(m.hdr.msg_namelen) + ", flags " +
	       std::to_string(m.hdr.msg_flags) + ", " + controls(m.hdr);
}

void rows_monitor(tap &t, const std::string &where, sock &s, sock &to)
{
	t.section("monitor, " + where);

	s.set(SOL_RDS, RDS_CONG_MONITOR, 1);
	t.is("not readable at first", 0, s.poll(readable));
	std::string got;
	int sent = fill(s, to.name());
	t.is("congested", -ENOBUFS, s.send(to.name(), 1));
	/* Any update may count: ask again until none is on its way. */
	while (s.receive(got, MSG_DONTWAIT) >= 0)
		s.send(to.name(), 0);
	for (int i = 0; i < sent; i++)
		to.receive(got);
	t.ok("POLLIN when it is over", s.becomes(POLLIN));
	message m(nullptr, nullptr, 0);
	sockaddr_storage name;
	m.hdr.msg_name = &name;
	m.hdr.msg_namelen = sizeof(name);
	t.is("recvmsg", 0, m.receive(s, MSG_DONTWAIT));
	t.is("... without a name", 0, m.hdr.msg_namelen);
	const cmsghdr *c = m.find(SOL_RDS, RDS_CMSG_CONG_UPDATE);
	t.ok("... as a control message", c && c->cmsg_len == CMSG_LEN(8));
	std::uint64_t mask = 0;
	if (c)
		std::memcpy(&mask, CMSG_DATA(c), sizeof(mask));
	t.ok("... with the bit of the port", mask & RDS_CONG_MONITOR_MASK(to.name().port()));
	t.ok("does not stay", s.quiet());
	t.is("send", 4, s.send_text(to.name(), "free"));
	t.ok("... arrives", to.receives("free"));
}

void rows_buffers(tap &t, const world &w)
{
	t.section("monitor, control buffer");
	sock to(w.near), s(w.near);

	s.set(SOL_RDS, RDS_CONG_MONITOR, 1);
	struct {
		std::size_t room;
		const char *expected;
	} rows[] = {{0, "0, name 0, flags 8, none"},
		    {15, "0, name 0, flags 8, none"},
		    {16, "0, name 0, flags 8, 276/5(16)"},
		    {20, "0, name 0, flags 8, 276/5(20)"},
		    {24, "0, name 0, flags 0, 276/5(24)"}};
	for (const auto &row : rows) {
		std::string text = "room " + std::to_string(row.room);
		t.ok(text + ", notified", notified(s, to));
		t.same(text, row.expected, notification(s, row.room));
		t.same("... is gone", "EAGAIN", notification(s, 64));
	}
	t.ok("MSG_PEEK, notified", notified(s, to));
	t.same("MSG_PEEK", "0, name 0, flags 0, 276/5(24)",
	       notification(s, 64, MSG_PEEK | MSG_DONTWAIT));
	t.same("... is gone", "EAGAIN", notification(s, 64));

	t.ok("with a message, notified", notified(s, to));
	to.send_text(s.name(), "after");
	t.same("the notification comes first", "0, name 0, flags 0, 276/5(24)",
	       notification(s, 64));
	t.ok("... then the message", s.receives("after"));
}

void rows_switch(tap &t, const world &w)
{
	t.section("monitor, off");
	sock to(w.near), s(w.near);
	std::string got;

	s.set(SOL_RDS, RDS_CONG_MONITOR, 1);
	t.ok("notified", notified(s, to));
	t.is("off", 0, s.set(SOL_RDS, RDS_CONG_MONITOR, 0));
	t.same("... the notification is gone", "EAGAIN", notification(s, 64));
	t.is("on again", 0, s.set(SOL_RDS, RDS_CONG_MONITOR, 1));
	t.same("... and stays gone", "EAGAIN", notification(s, 64));
	t.is("... not readable", 0, s.poll(readable));
	int sent = fill(s, to.name());
	t.ok("... congested again", sent >= 14);
	drain(s);
	t.is("... refused", -ENOBUFS, s.send(to.name(), 1));
	background reader([&] {
		std::string text = notification(s, 64, 0);
		return text == "0, name 0, flags 0, 276/5(24)";
	});
	reader.await_sleep();
	drain(to);
	t.is("a blocking reader is woken and gets it", 1, reader.result());
	/* a blocking sender that meets congestion does not ask to be told */
	fill(s, to.name());
	s.set(SOL_RDS, RDS_CONG_MONITOR, 0);
	s.set(SOL_RDS, RDS_CONG_MONITOR, 1);
	background sender([&] { return s.send(to.name(), 1, 0); });
	sender.await_sleep();
	drain(to);
	t.is("a blocking send is woken", 1, sender.result());
	t.same("... and leaves no notification", "EAGAIN", notification(s, 64));
}

} // namespace

void topic_monitor(tap &t, const world &w)
{
	{
		sock s(w.near), to(w.near);
		rows_monitor(t, "own machine", s, to);
	}
	{
		sock s(w.near), to = w.at_far(w.far);
		t.section("monitor");
		t.ok("connected", w.linked(s, to));
		rows_monitor(t, "other machine", s, to);
	}
	rows_buffers(t, w);
	rows_switch(t, w);
}
