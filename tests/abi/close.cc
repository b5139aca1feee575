// SPDX-License-Identifier: GPL-2.0
/*
 * close and exit: the port, the messages of both directions, descriptors that are shared.
 */
#include <string>

#include "topics.h"

namespace {

void rows_close(tap &t, const place &p)
{
	t.section("close, " + p.name);
	sock r(p.at()), s(p.at());
	endpoint name = r.name();

	s.send_text(name, "unread");
	r.close();
	sock again;
	t.is("port is free at once", 0, again.bind(name));
	t.ok("unread messages are gone", again.empty());
	t.is("send to the new owner", 3, s.send_text(name, "new"));
	t.ok("... and arrives", again.receives("new"));

	int copy = ::dup(s.fd());
	s.close();
	t.is("a duplicate keeps the socket alive", 3,
	     result_of(::sendto(copy, "dup", 3, 0, name.sa(), name.length())));
	t.ok("... and arrives", again.receives("dup"));
	::close(copy);
}

/* Between machines: what was handed to the other is not taken back, what was not is gone. */
void rows_remote(tap &t, const world &w)
{
	t.section("close, other machine");
	sock to = w.at_far(w.far);
	endpoint name = to.name();
	{
		sock s(w.near);
		t.ok("connected", w.linked(s, to));
		t.is("send", 4, s.send_text(name, "sent"));
		/* acknowledged by the answer to what follows it */
		t.ok("... is there", to.holds_message());
	}
	t.ok("sent and closed, arrives", to.receives("sent"));
	endpoint port;
	{
		sock s(w.near);
		port = s.name();
		world::cut cut(w);
		s.send_text(name, "never");
		s.close();
		t.is("the port is free at once", 0, sock().bind(port));
	}
	{
		sock s(w.near);
		to.send_text(port, "nobody");
		t.ok("messages to a closed socket disturb nobody", w.linked(s, to));
	}
}

/* A congested socket that is closed congests nobody any more. */
void rows_congested(tap &t, const world &w)
{
	t.section("close, congested");
	sock to(w.near), s(w.near);
	endpoint name = to.name();

	fill(s, name);
	t.is("congested", -ENOBUFS, s.send(name, 1));
	to.close();
	long r = -ENOBUFS;
	for (stopwatch watch; r == -ENOBUFS && watch.ms() < patience(5000); ::poll(nullptr, 0, 10))
		r = s.send(name, 1);
	t.is("closed", 1, r);
	sock again(name);
	t.ok("the new owner has none of it", again.empty());
}

/* Only the last descriptor counts, and an exit closes. */
void rows_shared(tap &t, const world &w)
{
	t.section("close, shared");
	sock r(w.loop.at()), s(w.loop.at());
	endpoint name = r.name();
	{
		background child([&] { return s.send_text(name, "child"); });
		t.is("a child sends", 5, child.result());
	}
	t.ok("... arrives at the parent", r.receives("child"));
	t.ok("... its exit closed nothing", s.send_text(name, "on") == 2 && r.receives("on"));
	{
		background child([&] {
			sock own(w.loop.at(4567));
			return long(own.name().port());
		});
		t.is("a child's own socket", 4567, child.result());
	}
	t.is("... its port is free after its exit", 0, sock().bind(w.loop.at(4567)));
}

} // namespace

void topic_close(tap &t, const world &w)
{
	on_each_place(t, w, rows_close);
	rows_remote(t, w);
	rows_congested(t, w);
	rows_shared(t, w);
}
