// SPDX-License-Identifier: GPL-2.0
/*
 * sending: which calls and flags work, what the generic layer refuses, the order of the checks, sizes, special
 * destinations, order of delivery.
 */
#include <sys/uio.h>

#include <cstdio>
#include <string>
#include <vector>

#include "topics.h"

namespace {

void rows_send_calls(tap &t, const place &p)
{
	t.section("send calls, " + p.name);
	sock to(p.at()), s(p.at());
	s.connect(to.name());
	iovec iov{const_cast<char *>("gather"), 6};

	t.is("send", 4, s.send("send", 0));
	t.ok("... and arrives", to.receives("send"));
	t.is("sendto, MSG_DONTWAIT", 6, s.send(to.name(), "sendto", 6, MSG_DONTWAIT));
	t.ok("... and arrives", to.receives("sendto"));
	t.is("write", -EOPNOTSUPP, result_of(::write(s.fd(), "x", 1)));
	t.is("writev", -EOPNOTSUPP, result_of(::writev(s.fd(), &iov, 1)));
	t.is("pwritev2", -EOPNOTSUPP, result_of(::pwritev2(s.fd(), &iov, 1, -1, 0)));

	mmsghdr two[2]{};
	for (auto &m : two) {
		m.msg_hdr.msg_iov = &iov;
		m.msg_hdr.msg_iovlen = 1;
	}
	t.is("sendmmsg of 1", 1, result_of(::sendmmsg(s.fd(), two, 1, 0)));
	t.is("... its length", 6, two[0].msg_len);
	t.ok("... and arrives", to.receives("gather"));
	t.is("sendmmsg of 2", -EOPNOTSUPP, result_of(::sendmmsg(s.fd(), two, 2, 0)));

	message m(nullptr, "flags", 5);
	m.hdr.msg_flags = MSG_EOR | MSG_NOSIGNAL | MSG_OOB;
	t.is("msg_flags of the caller are ignored", 5, m.send(s));
	t.ok("... and arrives", to.receives("flags"));
	two[0].msg_hdr.msg_flags = MSG_EOR;
	t.is("sendmmsg of 1, MSG_EOR in its header", -EOPNOTSUPP,
	     result_of(::sendmmsg(s.fd(), two, 1, 0)));
	t.ok("nothing else arrived", to.empty());
}

void rows_send_flags(tap &t)
{
	t.section("send flags");
	sock to(ip("127.0.0.1")), s(ip("127.0.0.1")), fresh;
	raw_address wrong(AF_UNIX, 3);
	constexpr unsigned allowed = MSG_DONTWAIT | MSG_ZEROCOPY;
	/*
	 * Internal to the kernel: the system call strips it, or refuses it, depending on the
	 * version.
	 */
	constexpr unsigned internal = MSG_CMSG_CLOEXEC | 0x80000000u | 0x8000000u | 0x80000u |
				      0x200000u | 0x100000u | MSG_WAITFORONE;

	for (unsigned bit = 1; bit; bit <<= 1) {
		if (bit & (allowed | internal))
			continue;
		char text[40];
		std::snprintf(text, sizeof(text), "flag 0x%x", bit);
		t.is(text, -EOPNOTSUPP, s.send(to.name(), 1, static_cast<int>(bit)));
	}
	t.is("before the check for being bound", -EOPNOTSUPP,
	     fresh.send(to.name(), 1, MSG_NOSIGNAL));
	t.is("before the check of the name", -EOPNOTSUPP,
	     result_of(::sendto(s.fd(), "x", 1, MSG_NOSIGNAL, wrong.sa(), wrong.len)));
	t.is("before the check of the length", -EOPNOTSUPP,
	     s.send(to.name(), 1 << 21, MSG_NOSIGNAL));
}

void rows_send_generic(tap &t)
{
	t.section("send, generic checks");
	sock to(ip("127.0.0.1")), s(ip("127.0.0.1"));
	endpoint name = to.name();
	std::vector<iovec> many(1025, {const_cast<char *>("a"), 1});

	message m(&name, "x", 1);
	m.hdr.msg_iov = many.data();
	m.hdr.msg_iovlen = 1025;
	t.is("1025 pieces", -EMSGSIZE, m.send(s));
	m.hdr.msg_iovlen = 1024;
	t.is("1024 pieces", 1024, m.send(s));
	t.ok("... and arrive as one", to.receives(std::string(1024, 'a')));

	iovec pieces[] = {{nullptr, 0},
			  {const_cast<char *>("ab"), 2},
			  {nullptr, 0},
			  {const_cast<char *>("c"), 1},
			  {nullptr, 0}};
	m.hdr.msg_iov = pieces;
	m.hdr.msg_iovlen = 5;
	t.is("pieces of length 0 between", 3, m.send(s));
	t.ok("... and arrive as one", to.receives("abc"));
	m.hdr.msg_iovlen = 0;
	t.is("no piece", 0, m.send(s));
	t.ok("... and arrives empty", to.receives(""));

	m.hdr.msg_iov = static_cast<iovec *>(bad_pointer);
	m.hdr.msg_iovlen = 1;
	t.is("bad vector", -EFAULT, m.send(s));
	iovec negative{const_cast<char *>("x"), static_cast<std::size_t>(-1)};
	m.hdr.msg_iov = &negative;
	t.is("piece of negative length", -EINVAL, m.send(s));

	message c(&name, "x", 1);
	c.hdr.msg_controllen = std::size_t{1} << 31;
	t.is("control length beyond int", -ENOBUFS, c.send(s));
	c.hdr.msg_control = bad_pointer;
	c.hdr.msg_controllen = 64;
	t.is("bad control pointer", -EFAULT, c.send(s));
	t.is("bad payload pointer", -EFAULT, s.send(name, bad_pointer, 1));
	half_mapped memory;
	t.is("payload runs into a hole", -EFAULT, s.send(name, memory.end() - 100, 200));
	t.ok("nothing arrived", to.empty());
}

void rows_send_order(tap &t, const place &p)
{
	t.section("send, order of checks, " + p.name);
	sock to(p.at()), s(p.at()), fresh;
	endpoint name = to.name(), zero = ip("0.0.0.0", 1), cross = p.other_family.with_port(4000);
	std::vector<std::uint8_t> huge((1 << 20) + 1);

	t.is("unbound", -ENOTCONN, fresh.send(name, 1));
	t.is("no name, not connected", -ENOTCONN, s.send("x"));
	t.is("unbound, bad name", -EINVAL, fresh.send(zero, 1));
	t.is("other family", -EOPNOTSUPP, s.send(cross, 1));
	t.is("unbound, other family", -ENOTCONN, fresh.send(cross, 1));

	message broken(&name, huge.data(), huge.size());
	broken.break_control();
	t.is("broken control header, too long", -EINVAL, broken.send(s));
	t.is("unbound, broken control header", -ENOTCONN, broken.send(fresh));
	message beyond(&name, "x", 1);
	beyond.add_control(SOL_IP, 1, "abcdefgh", 8);
	beyond.control[0] = 200;
	t.is("control header that overruns", -EINVAL, beyond.send(s));

	long limit = s.get(SOL_SOCKET, SO_SNDBUF) / 2;
	t.is("one byte beyond the send buffer", -EMSGSIZE,
	     s.send(name, static_cast<std::size_t>(limit) + 1));
	t.is("exactly the send buffer", limit, s.send(name, static_cast<std::size_t>(limit), 0));
	std::string got;
	t.is("... and arrives", limit, to.receive(got, 0, 1 << 20));
	t.is("more than 1 MiB", -EMSGSIZE, s.send(name, huge.data(), huge.size()));
	t.is("more than 1 MiB, bad pointer", -EMSGSIZE, s.send(name, bad_pointer, huge.size()));

	message unknown(&name, "x", 1);
	message unknown_huge(&name, huge.data(), huge.size());
	for (int type : {4, 5, 10, 11, 13, 14, 99}) {
		message m(&name, "x", 1);
		m.add_control(SOL_RDS, type, "01234567", 8);
		t.is("control type " + std::to_string(type), -EINVAL, m.send(s));
	}
	unknown_huge.add_control(SOL_RDS, 99, "01234567", 8);
	t.is("unknown control type, too long", -EMSGSIZE, unknown_huge.send(s));
	message bad_data(&name, bad_pointer, 1);
	bad_data.add_control(SOL_RDS, 99, "01234567", 8);
	t.is("unknown control type, bad payload", -EINVAL, bad_data.send(s));
	message zcopy(&name, bad_pointer, 1);
	t.is("MSG_ZEROCOPY without a cookie, bad payload", -EINVAL, zcopy.send(s, MSG_ZEROCOPY));
	unknown.add_control(SOL_RDS, RDS_CMSG_ZCOPY_COOKIE, "0123", 4);
	t.is("a cookie without MSG_ZEROCOPY", -EINVAL, unknown.send(s));

	message other_level(&name, "level", 5);
	other_level.add_control(SOL_IP, 8, "0123456789ab", 12);
	other_level.add_control(SOL_SOCKET, 99, "x", 1);
	t.is("control messages of other levels", 5, other_level.send(s));
	t.ok("... and arrives", to.receives("level"));
	t.ok("nothing else arrived", to.empty());
}

void rows_send_big(tap &t, const place &p)
{
	t.section("send, large, " + p.name);
	sock to(p.at()), s(p.at());
	int wish = 4 << 20;
	std::string got;

	if (::setsockopt(s.fd(), SOL_SOCKET, SO_SNDBUFFORCE, &wish, sizeof(wish)))
		return t.skip("1 MiB", "not root");
	t.is("1 MiB", 1 << 20, s.send(to.name(), 1 << 20));
	t.is("... and arrives", 1 << 20, to.receive(got, 0, 1 << 21));
	t.is("1 MiB and a byte", -EMSGSIZE, s.send(to.name(), (1 << 20) + 1));
}

void rows_special_destinations(tap &t, const place &p)
{
	t.section("destinations, " + p.name);
	sock s(p.at());
	endpoint from;
	char byte;
	socklen_t len;

	for (std::size_t size : {0, 1, 8192}) {
		len = endpoint::capacity();
		std::string text = " of " + std::to_string(size) + " bytes";
		t.is("ping" + text, static_cast<long>(size), s.send(p.at(0), size));
		t.is("... is answered with nothing", 0,
		     result_of(::recvfrom(s.fd(), &byte, 1, 0, from.sa(), &len)));
		t.is("... has a name", p.address.length(), len);
		t.ok("... from port 0 of the address", from == p.at(0));
	}
	t.is("NULL buffer, length 0", 0, s.send(p.at(0), nullptr, 0));
	t.is("... is answered", 0, result_of(::recv(s.fd(), nullptr, 0, 0)));
	t.is("port 1", 3, s.send_text(p.at(1), "one"));
	t.is("nobody bound", 6, s.send_text(p.at(64999), "nobody"));
	t.is("to itself", 4, s.send_text(s.name(), "self"));
	t.ok("... and arrives", s.receives("self"));
	t.is("127.0.0.1 or another local address", 5,
	     s.send_text(p.address.family() == AF_INET ? ip("127.0.0.9", 1) : p.at(1), "local"));
	t.ok("nothing else arrived", s.empty());
}

void rows_send_order_kept(tap &t, const place &p)
{
	t.section("order, " + p.name);
	sock to(p.at()), s(p.at());
	bool good = true;

	for (int i = 0; i < 1000; i++) {
		std::uint32_t value = static_cast<std::uint32_t>(i);
		good &= s.send(to.name(), &value, sizeof(value)) == 4;
	}
	for (int i = 0; i < 1000; i++) {
		std::uint32_t value = 0;
		good &= ::recv(to.fd(), &value, sizeof(value), 0) == 4 && value == std::uint32_t(i);
	}
	t.ok("1000 messages arrive in order", good);
	t.ok("and no more", to.empty());
}

/* A socket to everybody whom its transport reaches. */
void rows_carried(tap &t, const world &w)
{
	t.section("carried by");
	sock loop(w.loop.at()), tcp(w.near), on_tcp(w.near), on_loop(w.loop.at());
	sock far = w.at_far(w.far);

	t.is("loopback to loopback", 1, loop.send_text(on_loop.name(), "a"));
	t.ok("... arrives", on_loop.receives("a"));
	t.is("loopback to an address of TCP", 1, loop.send_text(on_tcp.name(), "b"));
	t.ok("... arrives", on_tcp.receives("b"));
	t.is("TCP to an address of TCP", 1, tcp.send_text(on_tcp.name(), "c"));
	t.ok("... arrives", on_tcp.receives("c"));
	t.is("TCP to loopback", 1, tcp.send_text(on_loop.name(), "d"));
	t.ok("... arrives", on_loop.receives("d"));
	t.ok("TCP to the other machine, and back", w.linked(tcp, far));
	/* it is lost: nobody is told */
	t.is("loopback to the other machine", 1, loop.send_text(far.name(), "e"));
	t.is("loopback to nobody", 1, loop.send_text(w.nobody.with_port(4000), "f"));
	t.ok("nothing else arrived", far.empty() && on_loop.empty() && on_tcp.empty());
}

void rows_wire(tap &t, const world &w, const endpoint &here, const endpoint &there,
	       const std::string &name)
{
	t.section("wire, " + name);
	sock s(here), to = w.at_far(there);
	endpoint from = to.name().with_port(0), got;
	socklen_t len = endpoint::capacity();
	std::string text;
	bool good = true;

	t.ok("both ways", w.linked(s, to));
	for (std::uint32_t i = 0; i < 100; i++)
		good &= s.send(to.name(), &i, 4) == 4;
	for (std::uint32_t i = 0, value = 0; i < 100; i++)
		good &= ::recv(to.fd(), &value, 4, 0) == 4 && value == i;
	t.ok("100 messages arrive in order", good);
	std::string large(100000, 'w');
	t.is("a large one", 100000, s.send(to.name(), large.data(), large.size(), 0));
	t.is("... arrives", 100000, to.receive(text, 0, 1 << 20));
	t.ok("... as it was sent", text == large);
	t.is("an empty one", 0, s.send(to.name(), 0));
	t.is("... arrives", 0, to.receive(text));
	t.is("ping", 3, s.send(from, "abc", 3));
	t.is("... is answered with nothing", 0,
	     result_of(::recvfrom(s.fd(), nullptr, 0, 0, got.sa(), &len)));
	t.ok("... from port 0", got == from);
	t.is("nobody bound", 1, s.send(there.with_port(64999), 1));
	t.is("port 1", 1, s.send(there.with_port(1), 1));
	t.is("to somebody after that", 4, s.send_text(to.name(), "last"));
	t.ok("... arrives", to.receives("last"));
}

} // namespace

void topic_send(tap &t, const world &w)
{
	rows_send_flags(t);
	rows_send_generic(t);
	on_each_place(t, w, [](tap &tt, const place &p) {
		rows_send_calls(tt, p);
		rows_send_order(tt, p);
		rows_send_big(tt, p);
		rows_special_destinations(tt, p);
		rows_send_order_kept(tt, p);
	});
	rows_carried(t, w);
	rows_wire(t, w, w.near, w.far, "IPv4");
	rows_wire(t, w, w.near6, w.far6, "IPv6");
}
