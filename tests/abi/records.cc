// SPDX-License-Identifier: GPL-2.0
/*
 * RDS_INFO_*: what is in the records of sockets, messages, connections and TCP sockets, field by field and byte by
 * byte, in the IPv4 and the IPv6 lists.
 */
#include <cstring>
#include <string>
#include <vector>

#include "topics.h"

namespace {

/* The records of a list, into a poisoned buffer. */
std::vector<std::vector<std::uint8_t>> read_list(const sock &s, int list)
{
	std::vector<std::uint8_t> buffer(1 << 20, 0xaa);
	std::vector<std::vector<std::uint8_t>> all;
	socklen_t len = 1 << 20;
	long stride = ::getsockopt(s.fd(), SOL_RDS, list, buffer.data(), &len);

	for (long at = 0; stride > 0 && at + stride <= long(len); at += stride)
		all.emplace_back(buffer.begin() + at, buffer.begin() + at + stride);
	return all;
}

using bytes = std::vector<std::uint8_t>;

/* A record whose @at has this port. */
bytes with_port(const sock &s, int list, std::size_t at, std::uint16_t port)
{
	std::uint16_t wanted = htons(port);
	for (bytes &record : read_list(s, list))
		if (!std::memcmp(record.data() + at, &wanted, 2))
			return record;
	return {};
}

/* Fields of a record as text. */
class fields {
public:
	explicit fields(const bytes &record) : record_(record) {}

	std::string number(std::size_t at, std::size_t size) const
	{
		std::uint64_t value = 0;
		std::memcpy(&value, record_.data() + at, size);
		return std::to_string(value);
	}
	std::string port(std::size_t at) const
	{
		return std::to_string(record_[at] * 256 + record_[at + 1]);
	}
	std::string address(std::size_t at, bool six) const
	{
		char text[INET6_ADDRSTRLEN] = "?";
		::inet_ntop(six ? AF_INET6 : AF_INET, record_.data() + at, text, sizeof(text));
		return text;
	}
	/* A name, and whether all behind it is zero. */
	std::string name(std::size_t at, std::size_t size) const
	{
		std::string text;
		std::size_t i = at;
		for (; i < at + size && record_[i]; i++)
			text += static_cast<char>(record_[i]);
		for (; i < at + size; i++)
			if (record_[i])
				return text + " and rubbish";
		return text;
	}

private:
	const bytes &record_;
};

std::string mapped(const std::string &v4)
{
	return "::ffff:" + v4;
}

/* sndbuf, bound, connected, ports, rcvbuf, inode */
std::string socket_text(const bytes &r, bool six)
{
	if (r.empty())
		return "not listed";
	fields f(r);
	std::size_t a = six ? 16 : 4;
	return f.number(0, 4) + " " + f.address(4, six) + " " + f.address(4 + a, six) + " " +
	       f.port(4 + 2 * a) + " " + f.port(6 + 2 * a) + " " + f.number(8 + 2 * a, 4);
}

std::string inode_of(const sock &s)
{
	char link[64] = "";
	std::string path = "/proc/self/fd/" + std::to_string(s.fd());
	if (::readlink(path.c_str(), link, sizeof(link) - 1) < 0)
		return "none";
	std::string text(link);
	return text.substr(8, text.size() - 9);
}

void rows_sockets(tap &t, const world &w)
{
	t.section("records, sockets");
	sock s(ip("127.0.0.1", 4321)), six(ip("::1", 4322)), fresh, small(w.near.with_port(4323));
	auto four_at = [&](std::uint16_t port) { return with_port(s, RDS_INFO_SOCKETS, 12, port); };
	auto six_at = [&](std::uint16_t port) { return with_port(s, RDS6_INFO_SOCKETS, 36, port); };

	small.set(SOL_SOCKET, SO_SNDBUF, 10000);
	small.set(SOL_SOCKET, SO_RCVBUF, 20000);
	t.same("IPv4", "106496 127.0.0.1 0.0.0.0 4321 0 106496", socket_text(four_at(4321), false));
	t.same("IPv4 in the IPv6 list", "106496 ::ffff:127.0.0.1 :: 4321 0 106496",
	       socket_text(six_at(4321), true));
	s.connect(ip("127.0.0.3", 1234));
	t.same("connected", "106496 127.0.0.1 127.0.0.3 4321 1234 106496",
	       socket_text(four_at(4321), false));
	t.same("connected, in the IPv6 list",
	       "106496 ::ffff:127.0.0.1 ::ffff:127.0.0.3 4321 1234 106496",
	       socket_text(six_at(4321), true));
	bytes four_record = four_at(4321), six_record = six_at(4321);
	t.ok("its inode", inode_of(s) == fields(four_record).number(20, 8));
	t.ok("its inode, in the IPv6 list", inode_of(s) == fields(six_record).number(44, 8));
	t.same("IPv6 in the IPv4 list", "not listed", socket_text(four_at(4322), false));
	t.same("IPv6", "106496 ::1 :: 4322 0 106496", socket_text(six_at(4322), true));
	t.same("other buffers", "10000 10.44.0.1 0.0.0.0 4323 0 20000",
	       socket_text(four_at(4323), false));
	fresh.connect(ip("127.0.0.9", 77));
	auto connected_only = with_port(s, RDS6_INFO_SOCKETS, 38, 77);
	t.same("unbound, connected", "106496 :: ::ffff:127.0.0.9 0 77 106496",
	       socket_text(connected_only, true));
}

/* len, addresses, ports, flags, tos; the sequence is the connection's */
std::string message_text(const bytes &r, bool six)
{
	if (r.empty())
		return "not listed";
	fields f(r);
	std::size_t a = six ? 16 : 4;
	return f.number(8, 4) + " " + f.address(12, six) + " " + f.address(12 + a, six) + " " +
	       f.port(12 + 2 * a) + " " + f.port(14 + 2 * a) + " " + f.number(16 + 2 * a, 1) + " " +
	       f.number(17 + 2 * a, 1);
}

void rows_received(tap &t, const world &w)
{
	t.section("records, received");
	sock r(ip("127.0.0.1", 4321)), s(ip("127.0.0.3", 1234)), r6(ip("::1", 4322)),
		far = w.at_far(w.far.with_port(4324)), near(w.near.with_port(4323));

	s.send_text(r.name(), "queued");
	r.holds_message();
	t.same("IPv4", "6 127.0.0.1 127.0.0.3 4321 1234 0 0",
	       message_text(with_port(s, RDS_INFO_RECV_MESSAGES, 20, 4321), false));
	t.same("IPv4 in the IPv6 list", "6 ::ffff:127.0.0.1 ::ffff:127.0.0.3 4321 1234 0 0",
	       message_text(with_port(s, RDS6_INFO_RECV_MESSAGES, 44, 4321), true));
	r6.send_text(r6.name(), "six");
	r6.holds_message();
	t.same("IPv6", "3 ::1 ::1 4322 4322 0 0",
	       message_text(with_port(s, RDS6_INFO_RECV_MESSAGES, 44, 4322), true));
	t.same("IPv6 in the IPv4 list", "not listed",
	       message_text(with_port(s, RDS_INFO_RECV_MESSAGES, 20, 4322), false));
	t.ok("connected", w.linked(near, far));
	far.send_text(near.name(), "far");
	near.holds_message();
	t.same("from another machine", "3 10.44.0.1 10.44.0.2 4323 4324 0 0",
	       message_text(with_port(s, RDS_INFO_RECV_MESSAGES, 20, 4323), false));
	std::string got;
	near.receive(got);
	t.same("taken", "not listed",
	       message_text(with_port(s, RDS_INFO_RECV_MESSAGES, 20, 4323), false));
}

void rows_sent(tap &t, const world &w)
{
	t.section("records, sent");
	sock s(w.near.with_port(4323)), far = w.at_far(w.far.with_port(4324));
	endpoint alone = ip("10.44.0.77", 4325);
	auto both = [&](int list, int list6, std::uint16_t port, const std::string &name,
			const std::string &four, const std::string &six) {
		t.same(name + ", IPv4 list", four,
		       message_text(with_port(s, list, 22, port), false));
		t.same(name + ", IPv6 list", six,
		       message_text(with_port(s, list6, 46, port), true));
	};

	s.send(alone, 5);
	both(RDS_INFO_SEND_MESSAGES, RDS6_INFO_SEND_MESSAGES, 4325, "not transmitted",
	     "5 10.44.0.1 10.44.0.77 4323 4325 0 0",
	     "5 " + mapped("10.44.0.1") + " " + mapped("10.44.0.77") + " 4323 4325 0 0");
	both(RDS_INFO_RETRANS_MESSAGES, RDS6_INFO_RETRANS_MESSAGES, 4325,
	     "not transmitted, among the transmitted", "not listed", "not listed");
	::setsockopt(s.fd(), SOL_RDS, RDS_CANCEL_SENT_TO, alone.sa(), alone.length());
	both(RDS_INFO_SEND_MESSAGES, RDS6_INFO_SEND_MESSAGES, 4325, "cancelled", "not listed",
	     "not listed");
	t.ok("connected", w.linked(s, far));
	world::cut cut(w);
	s.send(far.name(), 7);
	for (stopwatch watch; watch.ms() < patience(5000); ::poll(nullptr, 0, 10))
		if (!with_port(s, RDS6_INFO_RETRANS_MESSAGES, 46, 4324).empty())
			break;
	both(RDS_INFO_RETRANS_MESSAGES, RDS6_INFO_RETRANS_MESSAGES, 4324, "transmitted",
	     "7 10.44.0.1 10.44.0.2 4323 4324 0 0",
	     "7 " + mapped("10.44.0.1") + " " + mapped("10.44.0.2") + " 4323 4324 0 0");
	both(RDS_INFO_SEND_MESSAGES, RDS6_INFO_SEND_MESSAGES, 4324, "transmitted, among the others",
	     "not listed", "not listed");
}

/* The record of the connection between two addresses. */
bytes connection(const sock &s, int list, const endpoint &local, const endpoint &peer)
{
	bool six = list == RDS6_INFO_CONNECTIONS;
	auto raw = [&](const endpoint &ep) {
		bytes all(16);
		std::string text = ep.address_text();
		if (ep.family() == AF_INET && six)
			text = mapped(text);
		::inet_pton(six ? AF_INET6 : AF_INET, text.c_str(), all.data());
		return all;
	};
	std::size_t a = six ? 16 : 4;
	for (bytes &record : read_list(s, list))
		if (!std::memcmp(record.data() + 16, raw(local).data(), a) &&
		    !std::memcmp(record.data() + 16 + a, raw(peer).data(), a))
			return record;
	return {};
}

/* transport, connected, tos */
std::string connection_text(const bytes &r, bool six)
{
	if (r.empty())
		return "not listed";
	fields f(r);
	std::size_t at = six ? 48 : 24;
	int flags = r[at + 16];
	std::string text = f.name(at, 16) + (flags & 4 ? " connected" : "") +
			   (flags & ~7 ? " unknown flags" : "");
	return six ? text : text + " tos " + f.number(41, 1);
}

void rows_connections(tap &t, const world &w)
{
	t.section("records, connections");
	sock s(w.near), far = w.at_far(w.far), s6(w.near6), far6 = w.at_far(w.far6),
			loop(ip("127.0.0.1")), loop6(ip("::1"));
	auto text = [&](int list, const endpoint &from, const endpoint &to) {
		return connection_text(connection(s, list, from, to),
				       list == RDS6_INFO_CONNECTIONS);
	};

	t.ok("connected", w.linked(s, far) && w.linked(s6, far6));
	t.same("IPv4", "tcp connected tos 0", text(RDS_INFO_CONNECTIONS, w.near, w.far));
	t.same("IPv4 in the IPv6 list", "tcp connected",
	       text(RDS6_INFO_CONNECTIONS, w.near, w.far));
	t.same("IPv6", "tcp connected", text(RDS6_INFO_CONNECTIONS, w.near6, w.far6));
	loop.send(loop.name(), 1);
	loop6.send(loop6.name(), 1);
	t.same("loopback", "loopback connected tos 0",
	       text(RDS_INFO_CONNECTIONS, loop.name(), loop.name()));
	t.same("loopback in the IPv6 list", "loopback connected",
	       text(RDS6_INFO_CONNECTIONS, loop.name(), loop.name()));
	t.same("IPv6 loopback", "loopback connected",
	       text(RDS6_INFO_CONNECTIONS, loop6.name(), loop6.name()));
	s.send(w.nobody.with_port(9), 1);
	t.same("nobody there", "tcp tos 0", text(RDS_INFO_CONNECTIONS, w.near, w.nobody));

	auto next_tx = [&] {
		bytes r = connection(s, RDS_INFO_CONNECTIONS, loop.name(), loop.name());
		std::uint64_t value = 0;
		if (!r.empty())
			std::memcpy(&value, r.data(), 8);
		return long(value);
	};
	long before = next_tx();
	for (int i = 0; i < 5; i++)
		loop.send(loop.name(), 1);
	t.is("5 messages more, next_tx_seq", 5, next_tx() - before);
	int lanes = 0, other = 0;
	for (const bytes &record : read_list(s, RDS_INFO_CONNECTIONS)) {
		lanes += fields(record).address(16, false) == "10.44.0.1" &&
			 fields(record).address(20, false) == "10.44.0.2";
		other += record[39] != 0;
	}
	t.is("records of one peer", 1, lanes);
	t.is("transports that fill all 16 bytes", 0, other);
}

/* local, local port, peer, peer port, header and data that are missing */
void rows_tcp_sockets(tap &t, const world &w)
{
	t.section("records, TCP sockets");
	sock s(w.near), far = w.at_far(w.far);
	t.ok("connected", w.linked(s, far));

	for (int list : {RDS_INFO_TCP_SOCKETS, RDS6_INFO_TCP_SOCKETS}) {
		bool six = list == RDS6_INFO_TCP_SOCKETS;
		std::size_t a = six ? 16 : 4;
		std::string here = six ? mapped("10.44.0.1") : "10.44.0.1",
			    there = six ? mapped("10.44.0.2") : "10.44.0.2";
		int count = 0, idle = 0, numbered = 0, right = 0, tos = 0;
		for (const bytes &record : read_list(s, list)) {
			fields f(record);
			if (f.address(0, six) != here || f.address(a + 2, six) != there)
				continue;
			std::string ports = f.port(a) + " " + f.port(2 * a + 2);
			std::size_t at = 2 * a + 4;
			count++;
			right += ports.find("16385") != ports.npos;
			idle += f.number(at, 8) == "48" && f.number(at + 8, 8) == "0";
			numbered += f.number(at + 20, 4) == f.number(at + 24, 4);
			tos += !six && record[40];
		}
		std::string name = six ? "IPv6 list" : "IPv4 list";
		t.ok(name + ", one for each lane of the peer", count >= 1 && count <= 8);
		t.ok("... each has port 16385", right == count);
		t.ok("... each waits for a header", idle == count);
		t.ok("... each waits for no acknowledgement", numbered == count);
		t.ok("... each has TOS 0", !tos);
	}
}

} // namespace

void topic_records(tap &t, const world &w)
{
	rows_sockets(t, w);
	rows_received(t, w);
	rows_sent(t, w);
	rows_connections(t, w);
	rows_tcp_sockets(t, w);
	t.section("records");
	t.skip("InfiniBand", "no RDMA device here");
}
