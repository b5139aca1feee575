// SPDX-License-Identifier: GPL-2.0
/*
 * Receive buffers that are too small or not there, and the name of the sender.
 */
#include <cstring>
#include <string>

#include "topics.h"

namespace {

void rows_truncation(tap &t, const place &p)
{
	t.section("truncation, " + p.name);
	sock r(p.at()), s(p.at());
	char buffer[64];

	auto receive = [&](std::size_t room, int flags, int &msg_flags) {
		message m(nullptr, buffer, room);
		long n = m.receive(r, flags);
		msg_flags = m.hdr.msg_flags;
		return n;
	};
	int flags = 0;

	s.send_text(r.name(), "0123456789");
	t.is("whole", 10, receive(64, 0, flags));
	t.is("... no flags", 0, flags);
	s.send_text(r.name(), "0123456789");
	t.is("short buffer", 4, receive(4, 0, flags));
	t.is("... MSG_TRUNC", MSG_TRUNC, flags);
	t.ok("... the rest is lost", r.empty());
	s.send_text(r.name(), "0123456789");
	t.is("short buffer, MSG_TRUNC", 10, receive(4, MSG_TRUNC, flags));
	t.is("... MSG_TRUNC", MSG_TRUNC, flags);
	s.send_text(r.name(), "0123456789");
	t.is("MSG_PEEK, MSG_TRUNC, no buffer", 10, receive(0, MSG_PEEK | MSG_TRUNC, flags));
	t.is("MSG_PEEK", 10, receive(64, MSG_PEEK, flags));
	t.is("MSG_PEEK again", 10, receive(64, MSG_PEEK, flags));
	t.is("then receive", 10, receive(64, 0, flags));
	t.ok("... the last of it", r.empty());
	s.send(r.name(), nullptr, 0);
	t.is("empty message", 0, receive(64, 0, flags));
	t.is("... no flags", 0, flags);

	half_mapped memory;
	s.send_text(r.name(), "0123456789");
	t.is("bad buffer", -EFAULT, result_of(::recv(r.fd(), bad_pointer, 10, 0)));
	t.is("buffer runs into a hole", -EFAULT,
	     result_of(::recv(r.fd(), memory.end() - 4, 10, 0)));
	t.ok("the message is still there", r.receives("0123456789"));
}

void rows_source_name(tap &t, const place &p)
{
	t.section("source name, " + p.name);
	sock r(p.at()), s(p.at());
	endpoint sender = s.name();
	raw_address name(0, 0);
	message m(nullptr, nullptr, 0);
	char buffer[8];

	m.iov = {buffer, sizeof(buffer)};
	name.bytes.fill(0xaa);
	m.hdr.msg_name = name.bytes.data();
	m.hdr.msg_namelen = 128;
	s.send_text(r.name(), "name");
	t.is("recvmsg", 4, m.receive(r));
	t.is("length", sender.length(), m.hdr.msg_namelen);
	raw_address want(sender, sender.length());
	t.ok("bytes", !std::memcmp(name.bytes.data(), want.bytes.data(), sender.length()));
	bool clean = true;
	for (std::size_t i = sender.length(); i < 128; i++)
		clean &= name.bytes[i] == 0xaa;
	t.ok("nothing behind it", clean);

	s.send_text(r.name(), "none");
	m.hdr.msg_name = nullptr;
	m.hdr.msg_namelen = 0;
	t.is("no room for a name", 4, m.receive(r));
	s.send_text(r.name(), "bad");
	m.hdr.msg_name = bad_pointer;
	m.hdr.msg_namelen = 16;
	t.is("bad name pointer", -EFAULT, m.receive(r));
}

/* A name that does not fit is cut; its whole length is told. */
void rows_short_name(tap &t, const place &p)
{
	t.section("source name, short, " + p.name);
	sock r(p.at()), s(p.at());
	raw_address name(0, 0);
	char buffer[8];

	for (socklen_t room : {0, 2, 15}) {
		message m(nullptr, buffer, sizeof(buffer));
		name.bytes.fill(0xaa);
		m.hdr.msg_name = name.bytes.data();
		m.hdr.msg_namelen = room;
		s.send_text(r.name(), "cut");
		std::string text = "room for " + std::to_string(room);
		t.is(text, 3, m.receive(r));
		t.is("... whole length", p.address.length(), m.hdr.msg_namelen);
		t.is("... nothing behind it", 0xaa, name.bytes[room]);
	}
}

} // namespace

void topic_truncation(tap &t, const world &w)
{
	on_each_place(t, w, [](tap &tt, const place &p) {
		rows_truncation(tt, p);
		rows_source_name(tt, p);
		rows_short_name(tt, p);
	});
}
