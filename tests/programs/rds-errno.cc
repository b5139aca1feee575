// SPDX-License-Identifier: GPL-2.0
/*
 * rds-errno: goes through what the AF_RDS socket interface promises, row by row: return values,
 * errnos, their order, lengths, names, flags. Prints TAP. Needs the loopback transport, and a
 * local address that the TCP transport serves. Single-threaded; every call that may block has a
 * deadline.
 *
 * Rows in which this implementation improves on the stock modules have a second value, which is
 * accepted with --stock, so that the expectations themselves can be proved against those.
 */
#include <fcntl.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "arguments.h"
#include "errno_socket.h"
#include "tap.h"

namespace {

constexpr char usage[] =
	"usage: rds-errno --tcp ADDRESS [--tcp6 ADDRESS] [--far ADDRESS] [--stock] [--planned]\n"
	"  --tcp ADDRESS   a local IPv4 address other than 127.0.0.0/8\n"
	"  --tcp6 ADDRESS  a local IPv6 address other than ::1\n"
	"  --far ADDRESS   an IPv4 address on the same network where nobody answers\n"
	"  --stock         also accept what the stock modules do where we do better\n"
	"  --planned       also what the README calls not yet there: RDMA requests, zero copy, TOS\n"
	"exit:  0 if every row is ok, 1 if not, 2 for a bad command line\n";

constexpr int transport_loop = 3;
constexpr std::size_t default_limit = 106496;

/* An address to run the rows on, with the transport that serves it. */
struct place {
	std::string name;
	endpoint address, other_family;
	int transport;

	endpoint at(std::uint16_t port = 0) const { return address.with_port(port); }
};

long default_buffer(const char *name)
{
	long value = 212992;
	std::ifstream(std::string("/proc/sys/net/core/") + name) >> value;
	return value;
}

/* ---------------------------------------------------------------- creation */

void rows_socket(tap &t)
{
	t.section("socket");
	auto open = [](int type, int protocol) {
		long fd = result_of(::socket(AF_RDS, type, protocol));
		if (fd >= 0)
			::close(static_cast<int>(fd));
		return fd < 0 ? fd : 0;
	};

	t.is("SEQPACKET", 0, open(SOCK_SEQPACKET, 0));
	t.is("SEQPACKET, NONBLOCK and CLOEXEC", 0,
	     open(SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
	t.is("STREAM", -ESOCKTNOSUPPORT, open(SOCK_STREAM, 0));
	t.is("DGRAM", -ESOCKTNOSUPPORT, open(SOCK_DGRAM, 0));
	t.is("RAW", -ESOCKTNOSUPPORT, open(SOCK_RAW, 0));
	t.is("RDM", -ESOCKTNOSUPPORT, open(SOCK_RDM, 0));
	t.is("PACKET", -ESOCKTNOSUPPORT, open(SOCK_PACKET, 0));
	t.is("type 11", -EINVAL, open(11, 0));
	t.is("type -1", -EINVAL, open(-1, 0));
	t.is("protocol 1", -ESOCKTNOSUPPORT, open(SOCK_SEQPACKET, 1));
	t.is("protocol -1", -ESOCKTNOSUPPORT, open(SOCK_SEQPACKET, -1));

	sock s;
	t.is("SO_DOMAIN", AF_RDS, s.get(SOL_SOCKET, SO_DOMAIN));
	t.is("SO_TYPE", SOCK_SEQPACKET, s.get(SOL_SOCKET, SO_TYPE));
	t.is("SO_PROTOCOL", 0, s.get(SOL_SOCKET, SO_PROTOCOL));
	t.is("SO_ACCEPTCONN", 0, s.get(SOL_SOCKET, SO_ACCEPTCONN));
	t.is("SO_ERROR", 0, s.get(SOL_SOCKET, SO_ERROR));
	t.is("SO_SNDBUF", default_buffer("wmem_default"), s.get(SOL_SOCKET, SO_SNDBUF));
	t.is("SO_RCVBUF", default_buffer("rmem_default"), s.get(SOL_SOCKET, SO_RCVBUF));
	t.is("no transport yet", -1, s.transport());
	t.is("RDS_RECVERR is off", 0, s.get(SOL_RDS, RDS_RECVERR));

	std::ifstream protocols("/proc/net/protocols");
	bool listed = false;
	for (std::string line; std::getline(protocols, line);)
		listed |= line.starts_with("RDS ");
	t.ok("listed in /proc/net/protocols", listed);
}

void rows_absent(tap &t)
{
	t.section("absent operations");
	sock s(ip("127.0.0.1"));
	int pair[2];

	t.is("listen", -EOPNOTSUPP, result_of(::listen(s.fd(), 5)));
	t.is("accept", -EOPNOTSUPP, result_of(::accept(s.fd(), nullptr, nullptr)));
	t.is("accept4", -EOPNOTSUPP, result_of(::accept4(s.fd(), nullptr, nullptr, SOCK_NONBLOCK)));
	t.is("socketpair", -EOPNOTSUPP, result_of(::socketpair(AF_RDS, SOCK_SEQPACKET, 0, pair)));
	for (int how : {SHUT_RD, SHUT_WR, SHUT_RDWR})
		t.is("shutdown " + std::to_string(how), -EOPNOTSUPP,
		     result_of(::shutdown(s.fd(), how)));
	bool mapped = ::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, s.fd(), 0) != MAP_FAILED;
	t.is("mmap", -ENODEV, mapped ? 0 : -errno);
}

/* --------------------------------------------------------------- addresses */

struct address_row {
	const char *name;
	raw_address address;
	long bind, connect, send;
};

std::vector<address_row> address_rows()
{
	endpoint v4 = ip("127.0.0.1", 4000), v6 = ip("::1", 4000);
	auto four = [](const char *text) { return raw_address(ip(text, 4000), 16); };
	auto six = [](const char *text) { return raw_address(ip(text, 4000), 28); };

	return {
		{"length 1", raw_address(v4, 1), -EINVAL, -EINVAL, -EINVAL},
		{"AF_INET, length 15", raw_address(v4, 15), -EINVAL, -EINVAL, -EINVAL},
		{"AF_INET, length 2", raw_address(v4, 2), -EINVAL, -EINVAL, -EINVAL},
		{"0.0.0.0", four("0.0.0.0"), -EINVAL, -EDESTADDRREQ, -EINVAL},
		{"255.255.255.255", four("255.255.255.255"), -EINVAL, -EINVAL, -EINVAL},
		{"224.0.0.1", four("224.0.0.1"), -EINVAL, -EINVAL, -EINVAL},
		{"239.255.255.255", four("239.255.255.255"), -EINVAL, -EINVAL, -EINVAL},
		{"AF_INET6, length 27", raw_address(v6, 27), -EINVAL, -EINVAL, -EINVAL},
		{"AF_INET6, length 15", raw_address(v6, 15), -EINVAL, -EINVAL, -EINVAL},
		{"::", six("::"), -EINVAL, -EPROTOTYPE, -EINVAL},
		{"ff02::1", six("ff02::1"), -EINVAL, -EPROTOTYPE, -EINVAL},
		{"mapped 0.0.0.0", six("::ffff:0.0.0.0"), -EINVAL, -EPROTOTYPE, -EINVAL},
		{"mapped broadcast", six("::ffff:255.255.255.255"), -EINVAL, -EPROTOTYPE, -EINVAL},
		{"mapped multicast", six("::ffff:224.0.0.1"), -EINVAL, -EPROTOTYPE, -EINVAL},
		{"link-local without scope", six("fe80::1"), -EINVAL, -EINVAL, -EINVAL},
		{"AF_UNSPEC", raw_address(AF_UNSPEC, 16), -EINVAL, -EAFNOSUPPORT, -EINVAL},
		{"AF_UNSPEC, length 28", raw_address(AF_UNSPEC, 28), -EINVAL, -EAFNOSUPPORT,
		 -EINVAL},
		{"AF_RDS", raw_address(AF_RDS, 16), -EINVAL, -EAFNOSUPPORT, -EINVAL},
		{"AF_UNIX, length 110", raw_address(AF_UNIX, 110), -EINVAL, -EAFNOSUPPORT, -EINVAL},
	};
}

void rows_address_shapes(tap &t)
{
	for (const auto &row : address_rows()) {
		const raw_address &a = row.address;
		sock fresh, bound(ip("127.0.0.1"));

		t.section(std::string("address ") + row.name);
		t.is("bind", row.bind, result_of(::bind(fresh.fd(), a.sa(), a.len)));
		t.is("connect", row.connect, result_of(::connect(fresh.fd(), a.sa(), a.len)));
		t.is("sendto", row.send, result_of(::sendto(bound.fd(), "x", 1, 0, a.sa(), a.len)));
		t.is("sendto from an unbound socket", row.send,
		     result_of(::sendto(fresh.fd(), "x", 1, 0, a.sa(), a.len)));
	}
}

void rows_address_generic(tap &t)
{
	t.section("address");
	endpoint v4 = ip("127.0.0.1", 0), there = ip("127.0.0.1", 4000);
	raw_address plain(v4, 16);
	sock fresh, bound(v4), peer(there);
	auto length = [&](int value) { return static_cast<socklen_t>(value); };

	for (int len : {-1, 0, 129}) {
		std::string text = ", length " + std::to_string(len);
		t.is("bind" + text, -EINVAL,
		     result_of(::bind(fresh.fd(), plain.sa(), length(len))));
		t.is("connect" + text, -EINVAL,
		     result_of(::connect(fresh.fd(), plain.sa(), length(len))));
	}
	for (int len : {-1, 129})
		t.is("sendto, length " + std::to_string(len), -EINVAL,
		     result_of(::sendto(bound.fd(), "x", 1, 0, plain.sa(), length(len))));
	t.is("sendto, length 0, not connected", -ENOTCONN,
	     result_of(::sendto(bound.fd(), "x", 1, 0, plain.sa(), 0)));

	t.is("bind, bad pointer", -EFAULT,
	     result_of(::bind(fresh.fd(), static_cast<sockaddr *>(bad_pointer), 16)));
	t.is("bind, NULL", -EFAULT, result_of(::bind(fresh.fd(), nullptr, 16)));
	t.is("connect, bad pointer", -EFAULT,
	     result_of(::connect(fresh.fd(), static_cast<sockaddr *>(bad_pointer), 16)));
	t.is("sendto, bad pointer", -EFAULT,
	     result_of(::sendto(bound.fd(), "x", 1, 0, static_cast<sockaddr *>(bad_pointer), 16)));

	raw_address to(there, 128);
	message negative(&there, "x", 1), large(&there, "large", 5);
	negative.hdr.msg_namelen = length(-1);
	t.is("sendmsg, name length -1", -EINVAL, negative.send(bound));
	large.hdr.msg_name = to.bytes.data();
	large.hdr.msg_namelen = 200;
	t.is("sendmsg, name length 200 is cut", 5, large.send(bound));
	t.ok("... and arrives", peer.receives("large"));
	t.is("sendto, length 128", 1, result_of(::sendto(bound.fd(), "y", 1, 0, to.sa(), 128)));
	t.ok("... and arrives", peer.receives("y"));

	std::memset(to.bytes.data() + 8, 0xff, 8);
	t.is("sendto, sin_zero is ignored", 1,
	     result_of(::sendto(bound.fd(), "z", 1, 0, to.sa(), 16)));
	t.ok("... and arrives", peer.receives("z"));
	t.is("bind, length 128", 0, result_of(::bind(fresh.fd(), plain.sa(), 128)));
	t.is("bind, foreign subnet broadcast", -EADDRNOTAVAIL, sock().bind(ip("198.51.100.255")));
	t.is("connect, foreign subnet broadcast", 0, sock().connect(ip("198.51.100.255", 1)));
}

/* -------------------------------------------------------------------- bind */

void rows_bind(tap &t, const place &p)
{
	t.section("bind, " + p.name);
	sock first;

	t.is("port 0", 0, first.bind(p.at()));
	endpoint name = first.name();
	t.ok("chosen port is 2 or more", name.port() >= 2);
	t.ok("name has the address", name.same_address(p.address));
	t.is("transport", p.transport, first.transport());
	t.is("again, same address", -EINVAL, first.bind(name));
	t.is("again, port 0", -EINVAL, first.bind(p.at()));
	t.is("again, foreign address", -EINVAL, first.bind(ip("198.51.100.1")));
	t.is("again, port 1", -EINVAL, first.bind(p.at(1)));

	sock second;
	t.is("port in use", -EADDRINUSE, second.bind(name));
	second.set(SOL_SOCKET, SO_REUSEADDR, 1);
	t.is("port in use, SO_REUSEADDR", -EADDRINUSE, second.bind(name));
	t.is("port 1", -EINVAL, second.bind(p.at(1)));
	t.is("foreign address", -EADDRNOTAVAIL, second.bind(ip("198.51.100.1", 5)));
	t.is("foreign address, port 1", -EADDRNOTAVAIL, second.bind(ip("198.51.100.1", 1)));
	t.is("foreign IPv6 address", -EADDRNOTAVAIL, second.bind(ip("2001:db8:dead::1", 5)));
	t.is("unbound after all that", -1, second.transport());
	t.is("sends nothing either", -ENOTCONN, second.send(name, 1));
	t.is("can be bound still", 0, second.bind(p.at()));

	for (std::uint16_t port : {2, 65535}) {
		sock s;
		t.is("port " + std::to_string(port), 0, s.bind(p.at(port)));
		t.is("port " + std::to_string(port) + " is kept", port, s.name().port());
	}

	sock other_address(ip("127.0.0.77", name.port()));
	t.is("same port, other address", name.port(), other_address.name().port());
	first.close();
	t.is("port is free after close", 0, sock().bind(name));
}

void rows_bind_many(tap &t, const place &p)
{
	t.section("bind, many, " + p.name);
	std::vector<sock> all;
	std::vector<bool> seen(65536);
	bool unique = true;

	for (int i = 0; i < 300; i++) {
		all.emplace_back(p.at());
		std::uint16_t port = all.back().name().port();
		unique &= port >= 2 && !seen[port];
		seen[port] = true;
	}
	t.ok("300 automatic ports differ", unique);
}

void rows_bind_mapped(tap &t, const place &p)
{
	t.section("bind, mapped, " + p.name);
	std::string mapped = "::ffff:" + p.address.address_text();
	sock s, peer(p.at());

	t.is("bind", 0, s.bind(ip(mapped.c_str())));
	endpoint name = s.name();
	t.is("getsockname has AF_INET", AF_INET, name.family());
	t.ok("getsockname has the address", name.same_address(p.address));
	t.is("send to a mapped address", 6,
	     s.send_text(ip(mapped.c_str(), peer.name().port()), "mapped"));
	t.ok("... and arrives", peer.receives("mapped"));
}

/* ---------------------------------------------------- connect and the names */

void rows_connect(tap &t, const place &p)
{
	t.section("connect, " + p.name);
	sock a(p.at()), b(p.at()), s;

	t.is("unbound", 0, s.connect(a.name()));
	t.is("send while unbound", -ENOTCONN, s.send("x"));
	t.is("bind afterwards", 0, s.bind(p.at()));
	t.is("send", 5, s.send("hello"));
	t.ok("... and arrives", a.receives("hello"));
	t.is("again", 0, s.connect(b.name()));
	t.is("send", 5, s.send("there"));
	t.ok("... and arrives at the second", b.receives("there"));
	t.ok("... and not at the first", a.empty());
	t.is("a name wins over the peer", 5, s.send_text(a.name(), "named"));
	t.ok("... and arrives", a.receives("named"));
	a.send_text(s.name(), "other");
	t.ok("receives from others too", s.receives("other"));

	raw_address unspec(AF_UNSPEC, 16);
	t.is("AF_UNSPEC", -EAFNOSUPPORT, result_of(::connect(s.fd(), unspec.sa(), unspec.len)));
	endpoint peer;
	socklen_t len = endpoint::capacity();
	t.is("getpeername after that", 0, result_of(::getpeername(s.fd(), peer.sa(), &len)));
	t.ok("... still the last peer", peer == b.name());
	t.is("port 0", 0, s.connect(p.at(0)));
	t.is("foreign address", 0, s.connect(ip("198.51.100.1", 9)));

	sock mixed(p.at());
	t.is("to the other family", 0, mixed.connect(p.other_family.with_port(4000)));
	t.is("then send without a name", -EOPNOTSUPP, mixed.send("x"), 1);
}

void rows_names(tap &t)
{
	struct {
		const char *name;
		const char *local, *peer;
		socklen_t local_len;
		int local_family;
		long peer_result;
		socklen_t peer_len;
	} rows[] = {
		{"fresh", nullptr, nullptr, 16, AF_UNSPEC, -ENOTCONN, 0},
		{"connected, IPv4", nullptr, "127.0.0.1", 16, AF_INET, 0, 16},
		{"connected, IPv6", nullptr, "::1", 28, AF_INET6, 0, 28},
		{"bound, IPv4", "127.0.0.1", nullptr, 16, AF_INET, -ENOTCONN, 0},
		{"bound, IPv6", "::1", nullptr, 28, AF_INET6, -ENOTCONN, 0},
		{"both, IPv4", "127.0.0.1", "127.0.0.2", 16, AF_INET, 0, 16},
		{"both, IPv6", "::1", "2001:db8::7", 28, AF_INET6, 0, 28},
	};

	for (const auto &row : rows) {
		t.section(std::string("names, ") + row.name);
		sock s;
		if (row.local)
			s.bind(ip(row.local, 4100));
		if (row.peer)
			s.connect(ip(row.peer, 4200));

		raw_address name(0, 0);
		name.bytes.fill(0xaa);
		socklen_t len = 128;
		auto *sa = const_cast<sockaddr *>(name.sa());
		t.is("getsockname", 0, result_of(::getsockname(s.fd(), sa, &len)));
		t.is("its length", row.local_len, len);
		t.is("its family", row.local_family, sa->sa_family);
		raw_address want = row.local ? raw_address(ip(row.local, 4100), row.local_len)
					     : raw_address(row.local_family, row.local_len);
		t.ok("its bytes",
		     !std::memcmp(want.bytes.data(), name.bytes.data(), row.local_len));
		t.is("nothing behind it", 0xaa, name.bytes[row.local_len]);

		name.bytes.fill(0xaa);
		len = 128;
		t.is("getpeername", row.peer_result, result_of(::getpeername(s.fd(), sa, &len)));
		if (!row.peer)
			continue;
		raw_address peer(ip(row.peer, 4200), row.peer_len);
		t.is("its length", row.peer_len, len);
		t.ok("its bytes", !std::memcmp(peer.bytes.data(), name.bytes.data(), row.peer_len));
	}

	t.section("names");
	sock s(ip("127.0.0.1"));
	raw_address name(0, 0);
	auto *sa = const_cast<sockaddr *>(name.sa());
	socklen_t len = 2;
	name.bytes.fill(0xaa);
	t.is("getsockname, short buffer", 0, result_of(::getsockname(s.fd(), sa, &len)));
	t.is("... tells the whole length", 16, len);
	t.is("... and fills what there is", AF_INET, sa->sa_family);
	t.is("... and no more", 0xaa, name.bytes[2]);
	len = static_cast<socklen_t>(-1);
	t.is("getsockname, length -1", -EINVAL, result_of(::getsockname(s.fd(), sa, &len)));
	len = 16;
	t.is("getsockname, bad pointer", -EFAULT,
	     result_of(::getsockname(s.fd(), static_cast<sockaddr *>(bad_pointer), &len)));
	t.is("getsockname, bad length pointer", -EFAULT,
	     result_of(::getsockname(s.fd(), sa, static_cast<socklen_t *>(bad_pointer))));
}

/* -------------------------------------------------------------------- send */

void rows_send_calls(tap &t, const place &p)
{
	t.section("send calls, " + p.name);
	sock to(p.at()), s(p.at());
	s.connect(to.name());
	iovec iov{const_cast<char *>("gather"), 6};

	t.is("send", 4, s.send("send"));
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
	t.is("exactly the send buffer", limit, s.send(name, static_cast<std::size_t>(limit)));
	std::string got;
	t.is("... and arrives", limit, to.receive(got, 0, 1 << 20));
	t.is("more than 1 MiB", -EMSGSIZE, s.send(name, huge.data(), huge.size()));
	t.is("more than 1 MiB, bad pointer", -EMSGSIZE, s.send(name, bad_pointer, huge.size()));

	message unknown(&name, "x", 1), unknown_huge(&name, huge.data(), huge.size());
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

void rows_full(tap &t, const place &p, const endpoint &far)
{
	t.section("send buffer full");
	sock s(p.at());
	endpoint nobody = far.with_port(4000);
	if (s.get(SOL_SOCKET, SO_SNDBUF) != 2 * long(default_limit))
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

	if (t.stock())
		t.skip("blocking send", "stock modules sleep in another place");
	else {
		deadline guard(4000);
		stopwatch watch;
		s.set_timeout(SO_SNDTIMEO, 300);
		t.is("blocking, SO_SNDTIMEO", -ETIMEDOUT, s.send(nobody, 1));
		t.ok("... after that time", watch.ms() >= 250 && watch.ms() < 3000);
		s.set_timeout(SO_SNDTIMEO, 0);
	}
	if (!t.stock()) {
		deadline guard(300);
		t.is("blocking, signal", -EINTR, s.send(nobody, 1));
	}

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

void rows_congestion(tap &t, const place &p)
{
	t.section("congestion, " + p.name);
	sock to(p.at()), other(p.at()), s(p.at());
	if (to.get(SOL_SOCKET, SO_RCVBUF) != 2 * long(default_limit))
		return t.skip("all", "the default receive buffer is another one");

	int sent = 0;
	long r;
	/* The mark may be set a moment after the message that overfills the queue was sent. */
	while ((r = s.send(to.name(), 8192, MSG_DONTWAIT)) == 8192 && sent < 500)
		sent++;
	t.is("to a port whose queue is full", -ENOBUFS, r);
	t.ok("not before 14 messages of 8192 bytes", sent >= 14);
	t.is("an empty message", -ENOBUFS, s.send(to.name(), 0, MSG_DONTWAIT));
	t.is("to another port", 1, s.send(other.name(), 1, MSG_DONTWAIT));
	t.ok("POLLOUT stays", s.poll() & POLLOUT);

	{
		deadline guard(300);
		t.is("blocking, signal", -EINTR, s.send(to.name(), 1));
	}
	if (t.stock())
		t.skip("blocking, SO_SNDTIMEO", "stock modules ignore it here");
	else {
		deadline guard(4000);
		stopwatch watch;
		s.set_timeout(SO_SNDTIMEO, 300);
		t.is("blocking, SO_SNDTIMEO", -ETIMEDOUT, s.send(to.name(), 1));
		t.ok("... after that time", watch.ms() >= 250 && watch.ms() < 3000);
		s.set_timeout(SO_SNDTIMEO, 0);
	}

	std::string got;
	bool whole = true;
	for (int i = 0; i < sent; i++)
		whole &= to.receive(got) == 8192;
	t.ok("every accepted message arrives", whole);
	deadline guard(3000);
	t.is("blocking send after that", 4, s.send_text(to.name(), "free"));
	t.ok("... and arrives", to.receives("free"));
}

/* ----------------------------------------------------------------- receive */

void rows_receive(tap &t, const place &p)
{
	t.section("receive, " + p.name);
	sock r(p.at()), s(p.at()), fresh;
	std::string got;

	t.is("unbound, MSG_DONTWAIT", -EAGAIN, fresh.receive(got, MSG_DONTWAIT));
	t.is("bound, MSG_DONTWAIT", -EAGAIN, r.receive(got, MSG_DONTWAIT));
	{
		stopwatch watch;
		r.set_timeout(SO_RCVTIMEO, 200);
		t.is("SO_RCVTIMEO", -ETIMEDOUT, r.receive(got));
		t.ok("... after that time", watch.ms() >= 150 && watch.ms() < 3000);
		fresh.set_timeout(SO_RCVTIMEO, 50);
		t.is("SO_RCVTIMEO, unbound", -ETIMEDOUT, fresh.receive(got));
		r.set_timeout(SO_RCVTIMEO, 3000);
	}
	{
		deadline guard(200);
		t.is("signal", -EINTR, r.receive(got));
	}
	{
		deadline guard(50, true);
		stopwatch watch;
		r.set_timeout(SO_RCVTIMEO, 80);
		/* The timer's period is longer than the timeout, so one restart ends in silence. */
		t.is("signal, SA_RESTART", -ETIMEDOUT, r.receive(got));
		t.ok("... starts again with the whole time", watch.ms() >= 120);
		r.set_timeout(SO_RCVTIMEO, 3000);
	}
	int flags = ::fcntl(r.fd(), F_GETFL);
	::fcntl(r.fd(), F_SETFL, flags | O_NONBLOCK);
	t.is("O_NONBLOCK", -EAGAIN, r.receive(got));
	::fcntl(r.fd(), F_SETFL, flags);

	raw_address name(0, 0);
	message oob(nullptr, bad_pointer, 1);
	oob.hdr.msg_name = name.bytes.data();
	oob.hdr.msg_namelen = 128;
	t.is("MSG_OOB", 0, oob.receive(r, MSG_OOB));
	t.is("... without a name", 0, oob.hdr.msg_namelen);
	t.is("MSG_ERRQUEUE", -EAGAIN, r.receive(got, MSG_ERRQUEUE));

	s.send_text(r.name(), "waitall");
	t.is("MSG_WAITALL, NOSIGNAL, CMSG_CLOEXEC are ignored", 7,
	     r.receive(got, MSG_WAITALL | MSG_NOSIGNAL | MSG_CMSG_CLOEXEC));
	s.send_text(r.name(), "read");
	char buffer[16];
	t.is("read of length 0", 0, result_of(::read(r.fd(), buffer, 0)));
	t.is("read", 4, result_of(::read(r.fd(), buffer, sizeof(buffer))));
	s.send_text(r.name(), "readv");
	iovec iov[2] = {{buffer, 2}, {buffer + 2, 14}};
	t.is("readv", 5, result_of(::readv(r.fd(), iov, 2)));
	t.ok("... in order", !std::memcmp(buffer, "readv", 5));
	s.send_text(r.name(), "zero");
	t.is("recv of length 0", 0, result_of(::recv(r.fd(), buffer, 0, 0)));
	t.ok("... takes the message", r.empty());

	s.send_text(r.name(), "one");
	s.send_text(r.name(), "second");
	mmsghdr two[3]{};
	iovec space[3];
	char rooms[3][8];
	for (int i = 0; i < 3; i++) {
		space[i] = {rooms[i], 8};
		two[i].msg_hdr.msg_iov = &space[i];
		two[i].msg_hdr.msg_iovlen = 1;
	}
	/* The second may still be on its way: one call or two. */
	int n = ::recvmmsg(r.fd(), two, 3, MSG_WAITFORONE, nullptr);
	if (n == 1)
		n += ::recvmmsg(r.fd(), two + 1, 2, MSG_WAITFORONE, nullptr);
	t.is("recvmmsg", 2, n);
	t.is("... first length", 3, two[0].msg_len);
	t.is("... second length", 6, two[1].msg_len);

	int pipes[2];
	if (::pipe(pipes))
		return t.skip("splice", "no pipe");
	s.send_text(r.name(), "splice");
	t.is("splice from the socket", 6,
	     result_of(::splice(r.fd(), nullptr, pipes[1], nullptr, 100, 0)));
	::close(pipes[0]);
	::close(pipes[1]);
}

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
	t.is("... no flags", 0, flags & ~MSG_CMSG_CLOEXEC);
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

void rows_timestamp(tap &t, const place &p)
{
	t.section("timestamp, " + p.name);
	sock r(p.at()), s(p.at());
	char buffer[8];

	t.is("SO_TIMESTAMP", 0, r.set(SOL_SOCKET, SO_TIMESTAMP, 1));
	s.send_text(r.name(), "time");
	message m(nullptr, buffer, sizeof(buffer));
	timeval before, after;
	t.is("recvmsg", 4, m.receive(r));
	::gettimeofday(&after, nullptr);
	const cmsghdr *c = m.find(SOL_SOCKET, SO_TIMESTAMP);
	t.ok("comes as a control message", c && c->cmsg_len == CMSG_LEN(sizeof(timeval)));
	if (c) {
		std::memcpy(&before, CMSG_DATA(c), sizeof(before));
		long age = (after.tv_sec - before.tv_sec) * 1000000 + after.tv_usec -
			   before.tv_usec;
		t.ok("is the time of arrival", age >= 0 && age < 30000000);
	}

	s.send_text(r.name(), "cut");
	message cut(nullptr, buffer, sizeof(buffer));
	cut.hdr.msg_controllen = 4;
	long n = result_of(::recvmsg(r.fd(), &cut.hdr, 0));
	t.is("control buffer too small", 3, n);
	t.ok("... MSG_CTRUNC", cut.hdr.msg_flags & MSG_CTRUNC);
	s.send_text(r.name(), "bad");
	cut.hdr.msg_control = bad_pointer;
	cut.hdr.msg_controllen = 64;
	t.is("bad control pointer", -EFAULT, result_of(::recvmsg(r.fd(), &cut.hdr, 0)));
	t.ok("... keeps the message", t.stock() || r.receives("bad"));

	t.is("off again", 0, r.set(SOL_SOCKET, SO_TIMESTAMP, 0));
	s.send_text(r.name(), "off");
	message off(nullptr, buffer, sizeof(buffer));
	t.is("recvmsg", 3, off.receive(r));
	t.is("no control message", 0, static_cast<long>(off.hdr.msg_controllen));
}

/* -------------------------------------------------------------------- poll */

void rows_poll(tap &t, const place &p)
{
	t.section("poll, " + p.name);
	sock fresh, r(p.at()), s(p.at());
	constexpr long writable = POLLOUT | POLLWRNORM;

	t.is("unbound", writable, fresh.poll() & ~(POLLIN | POLLRDNORM | POLLWRBAND));
	/* Any map update on the machine shows once as readable; the second look is the truth. */
	r.poll();
	t.is("nothing to read", writable, r.poll());
	s.send_text(r.name(), "poll");
	t.ok("POLLIN after a message", r.becomes(POLLIN));
	t.is("all bits", writable | POLLIN | POLLRDNORM, r.poll() & ~POLLWRBAND);
	t.ok("the message is there", r.receives("poll"));
	r.poll();
	t.is("nothing to read again", writable, r.poll());

	int ep = ::epoll_create1(0);
	epoll_event event{EPOLLIN, {}};
	t.is("epoll_ctl", 0, result_of(::epoll_ctl(ep, EPOLL_CTL_ADD, r.fd(), &event)));
	::epoll_wait(ep, &event, 1, 0);
	s.send_text(r.name(), "epoll");
	t.is("epoll_wait", 1, ::epoll_wait(ep, &event, 1, 3000));
	t.ok("EPOLLIN", event.events & EPOLLIN);
	t.ok("the message is there", r.receives("epoll"));
	::close(ep);
}

/* ----------------------------------------------------------------- options */

void rows_getsockopt(tap &t)
{
	t.section("getsockopt");
	sock s;
	int value = 77;
	socklen_t len;
	auto get = [&](int level, int option, socklen_t length) {
		len = length;
		return result_of(::getsockopt(s.fd(), level, option, &value, &len));
	};

	t.is("RDS_RECVERR", 0, get(SOL_RDS, RDS_RECVERR, 4));
	t.is("... length", 4, len);
	t.is("RDS_RECVERR, length 3", -EINVAL, get(SOL_RDS, RDS_RECVERR, 3));
	t.is("RDS_RECVERR, length 100", 0, get(SOL_RDS, RDS_RECVERR, 100));
	t.is("... length", 4, len);
	t.is("SO_RDS_TRANSPORT", 0, get(SOL_RDS, SO_RDS_TRANSPORT, 4));
	t.is("... none", -1, value);
	t.is("... length", 4, len);
	t.is("SO_RDS_TRANSPORT, length 3", -EINVAL, get(SOL_RDS, SO_RDS_TRANSPORT, 3));
	for (int option : {0, 1, 2, 3, 4, RDS_CONG_MONITOR, 7, 9, SO_RDS_MSG_RXPATH_LATENCY, 11, 29,
			   63, 9999, 10018})
		t.is("option " + std::to_string(option), -ENOPROTOOPT, get(SOL_RDS, option, 4));
	t.is("level IPPROTO_IP", -ENOPROTOOPT, get(IPPROTO_IP, 1, 4));
	t.is("level IPPROTO_TCP", -ENOPROTOOPT, get(IPPROTO_TCP, 1, 4));
	auto *bad_len = static_cast<socklen_t *>(bad_pointer);
	t.is("bad length pointer", -EFAULT,
	     result_of(::getsockopt(s.fd(), SOL_RDS, RDS_RECVERR, &value, bad_len)));
	t.is("bad length pointer, unknown option", -EFAULT,
	     result_of(::getsockopt(s.fd(), SOL_RDS, 9, &value, bad_len)));
	len = 4;
	t.is("bad value pointer", -EFAULT,
	     result_of(::getsockopt(s.fd(), SOL_RDS, RDS_RECVERR, bad_pointer, &len)));
	t.is("setsockopt, level IPPROTO_IP", -ENOPROTOOPT, s.set(IPPROTO_IP, 1, 1));
	for (int option : {0, 4, 9, 11, 10000, 10006})
		t.is("setsockopt " + std::to_string(option), -ENOPROTOOPT,
		     s.set(SOL_RDS, option, 1));
}

void rows_sol_socket(tap &t)
{
	t.section("SOL_SOCKET");
	sock s;

	t.is("SO_REUSEADDR", 0, s.set(SOL_SOCKET, SO_REUSEADDR, 1));
	t.is("SO_REUSEPORT", -EOPNOTSUPP, s.set(SOL_SOCKET, SO_REUSEPORT, 1));
	t.is("SO_PEEK_OFF", -EOPNOTSUPP, s.set(SOL_SOCKET, SO_PEEK_OFF, 1));
	t.is("SO_SNDBUF 1", 0, s.set(SOL_SOCKET, SO_SNDBUF, 1));
	t.is("... gives the minimum", 4608, s.get(SOL_SOCKET, SO_SNDBUF));
	t.is("SO_RCVBUF 1", 0, s.set(SOL_SOCKET, SO_RCVBUF, 1));
	t.is("... gives the minimum", 2304, s.get(SOL_SOCKET, SO_RCVBUF));
	t.is("SO_SNDBUF 10000", 0, s.set(SOL_SOCKET, SO_SNDBUF, 10000));
	t.is("... is doubled", 20000, s.get(SOL_SOCKET, SO_SNDBUF));
	t.is("SO_ZEROCOPY 2", -EINVAL, s.set(SOL_SOCKET, SO_ZEROCOPY, 2));
}

void rows_ioctl(tap &t)
{
	t.section("ioctl");
	sock s(ip("127.0.0.1"));
	int value = 0, one = 1;
	ifreq ifr{};

	t.is("FIONREAD", -ENOTTY, result_of(::ioctl(s.fd(), FIONREAD, &value)));
	t.is("SIOCOUTQ", -ENOTTY, result_of(::ioctl(s.fd(), SIOCOUTQ, &value)));
	t.is("SIOCATMARK", -ENOTTY, result_of(::ioctl(s.fd(), SIOCATMARK, &value)));
	ifr.ifr_ifindex = 0;
	std::strcpy(ifr.ifr_name, "lo");
	t.is("SIOCGIFADDR", -ENOTTY, result_of(::ioctl(s.fd(), SIOCGIFADDR, &ifr)));
	t.is("SIOCGIFINDEX", 0, result_of(::ioctl(s.fd(), SIOCGIFINDEX, &ifr)));
	t.is("FIONBIO", 0, result_of(::ioctl(s.fd(), FIONBIO, &one)));
	t.ok("... sets O_NONBLOCK", ::fcntl(s.fd(), F_GETFL) & O_NONBLOCK);
	t.is("private ioctl 2", -ENOTTY, result_of(::ioctl(s.fd(), SIOCPROTOPRIVATE + 2, &ifr)));
}

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

/* -------------------------------------------------------------------- info */

struct info_row {
	int option;
	long size;
};

constexpr info_row info_rows[] = {
	{RDS_INFO_COUNTERS, 40},       {RDS_INFO_CONNECTIONS, 42},
	{RDS_INFO_SEND_MESSAGES, 26},  {RDS_INFO_RETRANS_MESSAGES, 26},
	{RDS_INFO_RECV_MESSAGES, 26},  {RDS_INFO_SOCKETS, 28},
	{RDS_INFO_TCP_SOCKETS, 41},    {RDS6_INFO_CONNECTIONS, 65},
	{RDS6_INFO_SEND_MESSAGES, 50}, {RDS6_INFO_RETRANS_MESSAGES, 50},
	{RDS6_INFO_RECV_MESSAGES, 50}, {RDS6_INFO_SOCKETS, 52},
	{RDS6_INFO_TCP_SOCKETS, 64},
};

void rows_info(tap &t)
{
	t.section("info");
	sock s, bound(ip("127.0.0.1"));
	std::vector<std::uint8_t> buffer(1 << 20);
	socklen_t len;
	auto get = [&](int option, void *where, socklen_t length) {
		len = length;
		return result_of(::getsockopt(s.fd(), SOL_RDS, option, where, &len));
	};
	constexpr socklen_t plenty = 1 << 20;

	for (const auto &row : info_rows) {
		std::string name = std::to_string(row.option);
		t.is(name + ", record size", row.size, get(row.option, buffer.data(), plenty));
		t.is(name + ", whole records", 0, len % row.size);
		long r = get(row.option, nullptr, 0);
		t.ok(name + ", probe",
		     r == row.size ? len == 0 : r == -ENOSPC && len && len % row.size == 0);
	}
	for (int option : {10002, 10009, 10010})
		t.is(std::to_string(option), -ENOPROTOOPT, get(option, buffer.data(), plenty));
	for (int option : {9999, 10018})
		t.is(std::to_string(option), -ENOPROTOOPT, get(option, buffer.data(), plenty));

	t.is("negative length", -EINVAL, get(RDS_INFO_COUNTERS, buffer.data(), socklen_t(-1)));
	t.is("length beyond the largest", -EINVAL,
	     get(RDS_INFO_COUNTERS, buffer.data(), 0x7fffffff));
	t.is("buffer wraps", -EINVAL,
	     get(RDS_INFO_COUNTERS, reinterpret_cast<void *>(~std::uintptr_t{0} - 100), 4096));
	t.is("NULL with a length", -EAGAIN, get(RDS_INFO_COUNTERS, nullptr, 4096));
	t.is("NULL with a length, nobody's number", -EAGAIN, get(10002, nullptr, 4096));
	t.is("bad length pointer", -EFAULT,
	     result_of(::getsockopt(s.fd(), SOL_RDS, RDS_INFO_COUNTERS, buffer.data(),
				    static_cast<socklen_t *>(bad_pointer))));
	t.is("other level", -ENOPROTOOPT,
	     result_of(::getsockopt(s.fd(), 275, RDS_INFO_COUNTERS, buffer.data(),
				    (len = 4096, &len))));

	half_mapped memory;
	t.is("buffer runs into a hole", -EAGAIN,
	     get(RDS_INFO_COUNTERS, memory.start(), static_cast<socklen_t>(memory.size() + 1)));
	memory.read_only();
	t.is("read-only buffer", -EAGAIN,
	     get(RDS_INFO_COUNTERS, memory.start(), static_cast<socklen_t>(memory.size())));

	get(RDS_INFO_COUNTERS, nullptr, 0);
	socklen_t need = len;
	t.ok("counters: at least the 36 of the core", need >= 36 * 40);
	t.is("one byte short", -ENOSPC, get(RDS_INFO_COUNTERS, buffer.data(), need - 1));
	t.is("... tells the need", need, len);
	buffer.assign(buffer.size(), 0xaa);
	t.is("exactly enough, odd address, across a page", 40,
	     get(RDS_INFO_COUNTERS, buffer.data() + 4001, need));
	t.ok("... first counter",
	     !std::strcmp(reinterpret_cast<char *>(buffer.data() + 4001), "conn_reset"));
	t.ok("... nothing before and behind", buffer[4000] == 0xaa && buffer[4001 + need] == 0xaa);

	/* Unbound sockets are in the IPv6 list only. */
	auto records = [&](int option) {
		long size = get(option, buffer.data(), plenty);
		return size > 0 ? long(len) / size : size;
	};
	long four = records(RDS_INFO_SOCKETS), six = records(RDS6_INFO_SOCKETS);
	sock one_more;
	t.is("an unbound socket is not in 10006", four, records(RDS_INFO_SOCKETS));
	t.is("an unbound socket is in 10015", six + 1, records(RDS6_INFO_SOCKETS));
	one_more.bind(ip("127.0.0.1"));
	t.is("a bound one is in 10006", four + 1, records(RDS_INFO_SOCKETS));
	t.is("a bound one is in 10015", six + 1, records(RDS6_INFO_SOCKETS));
}

/* The record of a socket and of a message, field by field. */
void rows_info_fields(tap &t)
{
	t.section("info fields");
	endpoint here = ip("127.0.0.1", 4321), there = ip("127.0.0.3", 1234);
	sock r(here), s(there);
	std::vector<std::uint8_t> buffer(1 << 20, 0xaa);
	socklen_t len = 1 << 20;

	r.connect(there);
	::getsockopt(r.fd(), SOL_RDS, RDS_INFO_SOCKETS, buffer.data(), &len);
	bool found = false;
	for (std::size_t at = 0; at + sizeof(rds_info_socket) <= len;
	     at += sizeof(rds_info_socket)) {
		rds_info_socket info;
		std::memcpy(static_cast<void *>(&info), buffer.data() + at, sizeof(info));
		if (ntohs(info.bound_port) != 4321)
			continue;
		found = true;
		t.ok("socket: addresses",
		     ntohl(info.bound_addr) == INADDR_LOOPBACK &&
			     ntohl(info.connected_addr) == INADDR_LOOPBACK + 2);
		t.is("socket: connected port", 1234, ntohs(info.connected_port));
		t.is("socket: send buffer", r.get(SOL_SOCKET, SO_SNDBUF) / 2, info.sndbuf);
		t.is("socket: receive buffer", r.get(SOL_SOCKET, SO_RCVBUF) / 2, info.rcvbuf);
		char link[64] = "", want[64];
		std::string path = "/proc/self/fd/" + std::to_string(r.fd());
		if (::readlink(path.c_str(), link, sizeof(link) - 1) < 0)
			link[0] = 0;
		std::snprintf(want, sizeof(want), "socket:[%llu]",
			      static_cast<unsigned long long>(info.inum));
		t.ok("socket: inode", !std::strcmp(link, want));
	}
	t.ok("socket: found", found);

	s.send_text(here, "queued");
	r.becomes(POLLIN);
	std::string got;
	r.receive(got, MSG_PEEK);
	found = false;
	len = 1 << 20;
	::getsockopt(r.fd(), SOL_RDS, RDS_INFO_RECV_MESSAGES, buffer.data(), &len);
	for (std::size_t at = 0; at + sizeof(rds_info_message) <= len;
	     at += sizeof(rds_info_message)) {
		rds_info_message info;
		std::memcpy(static_cast<void *>(&info), buffer.data() + at, sizeof(info));
		if (ntohs(info.lport) != 4321)
			continue;
		found = true;
		t.is("message: length", 6, info.len);
		t.ok("message: addresses", ntohl(info.laddr) == INADDR_LOOPBACK &&
						   ntohl(info.faddr) == INADDR_LOOPBACK + 2);
		t.is("message: remote port", 1234, ntohs(info.fport));
		t.is("message: flags", 0, info.flags);
		t.is("message: tos", 0, info.tos);
	}
	t.ok("message: found", found);
}

/* ------------------------------------------------------------- SOL_RDS */

void rows_options(tap &t)
{
	t.section("setsockopt");
	sock s, bound(ip("127.0.0.1"));
	int one = 1;
	auto set = [&](int option, const void *value, socklen_t len) {
		return result_of(::setsockopt(s.fd(), SOL_RDS, option, value, len));
	};

	for (int option : {RDS_RECVERR, RDS_CONG_MONITOR}) {
		std::string name = option == RDS_RECVERR ? "RDS_RECVERR" : "RDS_CONG_MONITOR";
		t.is(name + " 1", 0, set(option, &one, 4));
		t.is(name + ", length 3", -EINVAL, set(option, &one, 3));
		t.is(name + ", length 0", -EINVAL, set(option, &one, 0));
		t.is(name + ", bad pointer", -EFAULT, set(option, bad_pointer, 4));
	}
	std::uint64_t wide = 1;
	t.is("RDS_CONG_MONITOR, length 8", 0, set(RDS_CONG_MONITOR, &wide, 8));
	t.is("RDS_RECVERR reads back", 1, s.get(SOL_RDS, RDS_RECVERR));
	s.set(SOL_RDS, RDS_RECVERR, 55);
	t.is("RDS_RECVERR is a boolean", 1, s.get(SOL_RDS, RDS_RECVERR));

	sockaddr_storage address{};
	endpoint there = ip("127.0.0.1", 4000);
	std::memcpy(&address, there.sa(), there.length());
	t.is("RDS_CANCEL_SENT_TO, unbound", -ENOTCONN, set(RDS_CANCEL_SENT_TO, &address, 16));
	auto cancel = [&](const void *where, socklen_t len) {
		return result_of(::setsockopt(bound.fd(), SOL_RDS, RDS_CANCEL_SENT_TO, where, len));
	};
	for (socklen_t len : {0, 15})
		t.is("RDS_CANCEL_SENT_TO, length " + std::to_string(len), -EINVAL,
		     cancel(&address, len));
	for (socklen_t len : {16, 27, 28, 128})
		t.is("RDS_CANCEL_SENT_TO, length " + std::to_string(len), 0, cancel(&address, len));
	t.is("RDS_CANCEL_SENT_TO, bad pointer", -EFAULT, cancel(bad_pointer, 16));
}

void rows_transport(tap &t, const place &tcp)
{
	t.section("SO_RDS_TRANSPORT");
	sock s;
	int number = RDS_TRANS_TCP;
	auto set = [](sock &on, const void *value, socklen_t len) {
		return result_of(::setsockopt(on.fd(), SOL_RDS, SO_RDS_TRANSPORT, value, len));
	};

	for (socklen_t len : {0, 3, 5, 8})
		t.is("length " + std::to_string(len), -EINVAL, set(s, &number, len));
	t.is("bad pointer", -EFAULT, set(s, bad_pointer, 4));
	for (int wrong : {-1, 3, 4, 1000})
		t.is("number " + std::to_string(wrong), -EINVAL, set(s, &wrong, 4));
	int gap = 1;
	t.is("number 1", -ENOPROTOOPT, set(s, &gap, 4));
	t.is("TCP", 0, set(s, &number, 4));
	t.is("... reads back", RDS_TRANS_TCP, s.transport());
	t.is("again", -EOPNOTSUPP, set(s, &number, 4));
	t.is("foreign address", -ENOPROTOOPT, s.bind(ip("198.51.100.1")));

	sock in_use(tcp.at()), preset;
	set(preset, &number, 4);
	t.is("port in use", -EADDRINUSE, preset.bind(in_use.name()));
	t.is("the choice is kept", RDS_TRANS_TCP, preset.transport(), -1);

	sock local;
	set(local, &number, 4);
	t.is("127.0.0.1 with TCP", 0, local.bind(ip("127.0.0.1")));
	t.is("... is TCP", RDS_TRANS_TCP, local.transport());
	t.is("after bind", -EOPNOTSUPP, set(local, &number, 4));
	t.is("after bind, wrong length", -EOPNOTSUPP, set(local, &number, 3));
}

/* What is not there yet is refused in whatever form it comes, and leaves nothing behind. */
void rows_refused(tap &t, const place &p)
{
	t.section("refused, " + p.name);
	sock to(p.at()), s(p.at());
	endpoint name = to.name();
	std::array<std::uint8_t, 160> data{};

	for (int type = RDS_CMSG_RDMA_ARGS; type <= RDS_CMSG_ZCOPY_COMPLETION + 1; type++)
		for (std::size_t len : {0, 1, 4, 8, 32, 56, 72, 160}) {
			message m(&name, "x", 1);
			m.add_control(SOL_RDS, type, data.data(), len);
			t.ok("control type " + std::to_string(type) + " of " + std::to_string(len) +
				     " bytes",
			     m.send(s) < 0);
		}
	s.set(SOL_SOCKET, SO_ZEROCOPY, 1);
	t.ok("MSG_ZEROCOPY without a cookie", s.send(name, 1, MSG_ZEROCOPY) < 0);
	for (int option : {RDS_GET_MR, RDS_FREE_MR, RDS_GET_MR_FOR_DEST})
		for (socklen_t len : {0, 16, 32, 160})
			t.ok("option " + std::to_string(option) + " of " + std::to_string(len) +
				     " bytes",
			     ::setsockopt(s.fd(), SOL_RDS, option, data.data(), len) < 0);
	t.is("send", 4, s.send_text(name, "last"));
	t.ok("nothing arrived but this", to.receives("last") && to.empty());
}

void rows_arrival_options(tap &t)
{
	t.section("setsockopt");
	sock s;
	int one = 1;
	std::uint64_t wide = 1;
	rds_rx_trace_so trace{};
	auto set = [&](int option, const void *value, socklen_t len) {
		return result_of(::setsockopt(s.fd(), SOL_RDS, option, value, len));
	};

	t.is("RXPATH_LATENCY, length 3", -EFAULT, set(SO_RDS_MSG_RXPATH_LATENCY, &trace, 3));
	t.is("RXPATH_LATENCY, none", 0, set(SO_RDS_MSG_RXPATH_LATENCY, &trace, 4));
	trace.rx_traces = 4;
	t.is("RXPATH_LATENCY, 4 positions", -EFAULT, set(SO_RDS_MSG_RXPATH_LATENCY, &trace, 4));
	trace = {3, {0, 1, 2}};
	t.is("RXPATH_LATENCY, 3 positions", 0, set(SO_RDS_MSG_RXPATH_LATENCY, &trace, 4));
	trace = {1, {3, 0, 0}};
	t.is("RXPATH_LATENCY, position 3", -EFAULT, set(SO_RDS_MSG_RXPATH_LATENCY, &trace, 4));
	for (int option : {29, 63}) {
		t.is("timestamp option " + std::to_string(option), 0, set(option, &one, 4));
		t.is("timestamp option " + std::to_string(option) + ", length 8", -EFAULT,
		     set(option, &wide, 8));
	}
}

void rows_tos(tap &t, const place &tcp)
{
	t.section("TOS");
	sock fresh, loop(ip("127.0.0.1")), s(tcp.at()), to(tcp.at());
	std::uint8_t tos = 5, got = 99;
	auto set = [](sock &on, void *value) {
		return result_of(::ioctl(on.fd(), SIOCRDSSETTOS, value));
	};
	auto get = [](sock &on, void *value) {
		return result_of(::ioctl(on.fd(), SIOCRDSGETTOS, value));
	};
	/* In the refusing case the generic layer looks at more than one byte. */
	std::uint8_t space[64] = {5};

	t.is("get", 0, get(s, &got));
	t.is("... is 0", 0, got);
	t.is("get, unbound", 0, get(fresh, &got));
	t.is("get, bad pointer", -EFAULT, get(s, bad_pointer));
	t.is("set, unbound", -ENOTTY, set(fresh, space));
	t.is("set, loopback", -ENOTTY, set(loop, space));
	t.is("set, bad pointer", -EFAULT, set(s, bad_pointer));
	t.is("set, TCP", 0, set(s, &tos));
	t.is("get after that", 0, get(s, &got));
	t.is("... is 0 on TCP", 0, got);
	t.is("set again", 0, set(s, &tos));
	s.send_text(to.name(), "x");
	t.is("set after a send", -EINVAL, set(s, &tos));
}

void rows_rdma(tap &t, const place &p)
{
	t.section("RDMA requests, " + p.name);
	sock to(p.at()), s(p.at()), fresh;
	endpoint name = to.name();
	std::array<std::uint64_t, 512> memory{};
	std::uint64_t cookie = 0;

	auto send = [&](int type, const void *data, std::size_t len) {
		message m(&name, "x", 1);
		m.add_control(SOL_RDS, type, data, len);
		return m.send(s);
	};
	rds_iovec vec{reinterpret_cast<std::uint64_t>(memory.data()), 64};
	rds_rdma_args args{};
	args.remote_vec.bytes = 64;
	args.local_vec_addr = reinterpret_cast<std::uint64_t>(&vec);
	args.nr_local = 1;

	t.is("ARGS, short", -EINVAL, send(RDS_CMSG_RDMA_ARGS, &args, sizeof(args) - 1));
	t.is("ARGS", -EOPNOTSUPP, send(RDS_CMSG_RDMA_ARGS, &args, sizeof(args)));
	args.nr_local = 0;
	t.is("ARGS, no local vector", -EINVAL, send(RDS_CMSG_RDMA_ARGS, &args, sizeof(args)));
	for (std::uint64_t count :
	     {std::uint64_t{1025}, std::uint64_t{1} << 32, (std::uint64_t{1} << 60) + 1}) {
		args.nr_local = count;
		t.is("ARGS, " + std::to_string(count) + " local vectors", -EMSGSIZE,
		     send(RDS_CMSG_RDMA_ARGS, &args, sizeof(args)));
	}
	args.nr_local = 1;
	args.local_vec_addr = 1;
	t.is("ARGS, bad local vector", -EFAULT, send(RDS_CMSG_RDMA_ARGS, &args, sizeof(args)));
	args.local_vec_addr = reinterpret_cast<std::uint64_t>(&vec);
	vec.bytes = 0;
	t.is("ARGS, empty local vector", -EINVAL, send(RDS_CMSG_RDMA_ARGS, &args, sizeof(args)));
	vec = {~std::uint64_t{0} - 10, 64};
	t.is("ARGS, local vector wraps", -EINVAL, send(RDS_CMSG_RDMA_ARGS, &args, sizeof(args)));
	vec = {reinterpret_cast<std::uint64_t>(memory.data()), 65};
	t.is("ARGS, more local than remote", -EINVAL,
	     send(RDS_CMSG_RDMA_ARGS, &args, sizeof(args)));
	args.remote_vec.bytes = (1 << 20) + 1;
	t.is("ARGS, more than 1 MiB", -EMSGSIZE, send(RDS_CMSG_RDMA_ARGS, &args, sizeof(args)));

	t.is("DEST, short", -EINVAL, send(RDS_CMSG_RDMA_DEST, &cookie, 7));
	t.is("DEST, unknown key", -EINVAL, send(RDS_CMSG_RDMA_DEST, &cookie, 8));
	rds_get_mr_args mr{{reinterpret_cast<std::uint64_t>(memory.data()), 4096},
			   reinterpret_cast<std::uint64_t>(&cookie),
			   0};
	t.is("MAP, short", -EINVAL, send(RDS_CMSG_RDMA_MAP, &mr, sizeof(mr) - 1));
	t.is("MAP", -EOPNOTSUPP, send(RDS_CMSG_RDMA_MAP, &mr, sizeof(mr)));

	rds_atomic_args atomic{};
	atomic.local_addr = reinterpret_cast<std::uint64_t>(memory.data());
	for (int type : {RDS_CMSG_ATOMIC_FADD, RDS_CMSG_ATOMIC_CSWP, RDS_CMSG_MASKED_ATOMIC_FADD,
			 RDS_CMSG_MASKED_ATOMIC_CSWP}) {
		std::string text = "atomic " + std::to_string(type);
		t.is(text + ", short", -EINVAL, send(type, &atomic, sizeof(atomic) - 1));
		t.is(text, -EOPNOTSUPP, send(type, &atomic, sizeof(atomic)));
	}
	atomic.local_addr += 4;
	t.is("atomic, unaligned", -EFAULT, send(RDS_CMSG_ATOMIC_FADD, &atomic, sizeof(atomic)));

	auto set = [](sock &on, int option, const void *value, socklen_t len) {
		return result_of(::setsockopt(on.fd(), SOL_RDS, option, value, len));
	};
	t.is("GET_MR, length 31", -EINVAL, set(s, RDS_GET_MR, &mr, 31));
	t.is("GET_MR, bad pointer", -EFAULT, set(s, RDS_GET_MR, bad_pointer, 32));
	t.is("GET_MR, unbound", -ENOTCONN, set(fresh, RDS_GET_MR, &mr, 32));
	t.is("GET_MR", -EOPNOTSUPP, set(s, RDS_GET_MR, &mr, 32));
	rds_get_mr_for_dest_args dest{};
	dest.vec = mr.vec;
	dest.cookie_addr = mr.cookie_addr;
	t.is("GET_MR_FOR_DEST, length 159", -EINVAL, set(s, RDS_GET_MR_FOR_DEST, &dest, 159));
	t.is("GET_MR_FOR_DEST", -EOPNOTSUPP, set(s, RDS_GET_MR_FOR_DEST, &dest, 160));
	rds_free_mr_args release{};
	t.is("FREE_MR, length 15", -EINVAL, set(s, RDS_FREE_MR, &release, 15));
	t.is("FREE_MR, bad pointer", -EFAULT, set(s, RDS_FREE_MR, bad_pointer, 16));
	t.is("FREE_MR, 0", -EINVAL, set(s, RDS_FREE_MR, &release, 16));
	release.cookie = 12345;
	t.is("FREE_MR, unknown", -EINVAL, set(s, RDS_FREE_MR, &release, 16));
	t.ok("nothing arrived", to.empty());
}

void rows_zerocopy(tap &t, const place &tcp)
{
	t.section("zero copy");
	sock to(tcp.at()), s(tcp.at()), loop(ip("127.0.0.1"));
	endpoint name = to.name(), loop_name = loop.name();
	std::vector<std::uint8_t> data(10000, 7);
	std::uint32_t cookie = 0xabcd;
	auto send = [&](sock &from, const endpoint &dest, bool with_cookie, std::size_t len,
			int flags) {
		message m(&dest, data.data(), len);
		if (with_cookie)
			m.add_control(SOL_RDS, RDS_CMSG_ZCOPY_COOKIE, &cookie, sizeof(cookie));
		return m.send(from, flags);
	};

	t.is("option off, cookie", -EINVAL, send(s, name, true, 100, MSG_ZEROCOPY));
	t.is("option off, no cookie", -EINVAL, send(s, name, false, 100, MSG_ZEROCOPY));
	s.set(SOL_SOCKET, SO_ZEROCOPY, 1);
	loop.set(SOL_SOCKET, SO_ZEROCOPY, 1);
	t.is("no cookie", -EINVAL, send(s, name, false, 100, MSG_ZEROCOPY));
	t.is("cookie without the flag", -EINVAL, send(s, name, true, 100, 0));
	t.is("empty", -EINVAL, send(s, name, true, 0, MSG_ZEROCOPY));
	t.is("loopback", -EOPNOTSUPP, send(loop, loop_name, true, 100, MSG_ZEROCOPY));
	t.is("loopback, no cookie", -EOPNOTSUPP, send(loop, loop_name, false, 100, MSG_ZEROCOPY));
	message shorter(&name, data.data(), 100);
	shorter.add_control(SOL_RDS, RDS_CMSG_ZCOPY_COOKIE, &cookie, 3);
	t.is("short cookie", -EINVAL, shorter.send(s, MSG_ZEROCOPY));
	half_mapped memory;
	message hole(&name, memory.end() - 100, 200);
	hole.add_control(SOL_RDS, RDS_CMSG_ZCOPY_COOKIE, &cookie, sizeof(cookie));
	t.is("runs into a hole", -EFAULT, hole.send(s, MSG_ZEROCOPY));

	t.is("good", 10000, send(s, name, true, 10000, MSG_ZEROCOPY));
	t.ok("arrives", to.receives(std::string(10000, 7)));
	t.ok("POLLIN for the completion", s.becomes(POLLIN));
	message m(nullptr, nullptr, 0);
	t.is("receive the completion", 0, m.receive(s, MSG_DONTWAIT));
	t.is("... without a name", 0, m.hdr.msg_namelen);
	const cmsghdr *c = m.find(SOL_RDS, RDS_CMSG_ZCOPY_COMPLETION);
	t.ok("... as a control message", c && c->cmsg_len == CMSG_LEN(sizeof(rds_zcopy_cookies)));
	if (c) {
		rds_zcopy_cookies record;
		std::memcpy(&record, CMSG_DATA(c), sizeof(record));
		t.is("... one cookie", 1, record.num);
		t.is("... the right one", cookie, record.cookies[0]);
	}
	t.ok("no second one", s.empty());
}

void rows_monitor(tap &t, const place &tcp)
{
	t.section("congestion monitor");
	sock to(tcp.at()), s(tcp.at());
	constexpr short readable = POLLIN | POLLRDNORM | POLLWRBAND;

	s.set(SOL_RDS, RDS_CONG_MONITOR, 1);
	t.is("not readable at first", 0, s.poll(readable));
	int sent = 0;
	long r;
	while ((r = s.send(to.name(), 8192, MSG_DONTWAIT)) == 8192 && sent < 500)
		sent++;
	t.is("congested", -ENOBUFS, r);
	/* Any update counts on this transport: ask again until none is on its way. */
	std::string got;
	while (s.receive(got, MSG_DONTWAIT) >= 0)
		s.send(to.name(), 0, MSG_DONTWAIT);
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
	if (c) {
		std::uint64_t mask;
		std::memcpy(&mask, CMSG_DATA(c), sizeof(mask));
		t.ok("... with the bit of the port",
		     mask & RDS_CONG_MONITOR_MASK(to.name().port()));
	}
	t.is("send", 4, s.send_text(to.name(), "free"));
}

/* ---------------------------------------------------------------- pointers */

struct pointer {
	std::string name;
	void *where;
};

/* Where no program may read or write @room bytes; a copy that trusts one of them is an exploit. */
std::vector<pointer> wild_pointers(const half_mapped &memory, std::size_t room)
{
	auto at = [](std::uintptr_t value) { return reinterpret_cast<void *>(value); };
	std::vector<pointer> all{
		{"1", at(1)},
		{"the last byte of user space", at(0x7fffffffefff)},
		{"the first byte beyond", at(0x7ffffffff000)},
		{"no canonical address", at(std::uintptr_t{1} << 62)},
		{"kernel memory", at(0xffff888000000000)},
		{"kernel text", at(0xffffffff81000000)},
		{"the last byte of all", at(~std::uintptr_t{0})},
		{"a page's end", memory.end() - room + 1},
	};
	return all;
}

void rows_pointers_send(tap &t, const half_mapped &memory)
{
	t.section("pointers, send");
	sock to(ip("127.0.0.1")), s(ip("127.0.0.1"));
	endpoint name = to.name();
	auto payload = [&](const pointer &p) {
		t.is("payload at " + p.name, -EFAULT, s.send(name, p.where, 64));
	};

	for (const pointer &p : wild_pointers(memory, 64)) {
		payload(p);
		message m(&name, "x", 1);
		m.hdr.msg_control = p.where;
		m.hdr.msg_controllen = 64;
		t.is("control at " + p.name, -EFAULT, m.send(s));
	}
	payload({"NULL", nullptr});
	for (const pointer &p : wild_pointers(memory, 16)) {
		message m(&name, "x", 1);
		m.hdr.msg_name = p.where;
		t.is("name at " + p.name, -EFAULT, m.send(s));
		message v(&name, "x", 1);
		v.hdr.msg_iov = static_cast<iovec *>(p.where);
		t.is("vector at " + p.name, -EFAULT, v.send(s));
	}
	t.ok("nothing arrived", to.empty());
}

/* A payload that cannot be copied out stays; with the rest it was taken already. */
void rows_pointers_receive(tap &t, const half_mapped &memory, const half_mapped &constant)
{
	t.section("pointers, receive");
	sock r(ip("127.0.0.1")), s(ip("127.0.0.1"));
	endpoint name = r.name();
	auto with = [](const std::vector<pointer> &wild, const pointer &more) {
		auto all = wild;
		all.push_back(more);
		return all;
	};
	pointer read_only{"read-only memory", constant.start()};
	char room[64];

	s.send_text(name, "still there");
	auto buffers = with(wild_pointers(memory, 7), read_only);
	for (const pointer &p : with(buffers, {"NULL", nullptr})) {
		t.is("payload to " + p.name, -EFAULT, result_of(::recv(r.fd(), p.where, 11, 0)));
		iovec two[] = {{room, 4}, {p.where, 60}};
		t.is("payload to a good buffer and " + p.name, -EFAULT,
		     result_of(::readv(r.fd(), two, 2)));
	}
	t.ok("the message is still there", r.receives("still there"));

	r.set(SOL_SOCKET, SO_TIMESTAMP, 1);
	for (const pointer &p : with(wild_pointers(memory, 16), read_only)) {
		s.send_text(name, "name");
		message m(nullptr, room, sizeof(room));
		m.hdr.msg_name = p.where;
		m.hdr.msg_namelen = 16;
		t.is("name to " + p.name, -EFAULT, m.receive(r));
		s.send_text(name, "control");
		message c(nullptr, room, sizeof(room));
		c.hdr.msg_control = p.where;
		c.hdr.msg_controllen = 64;
		t.is("control to " + p.name, -EFAULT, result_of(::recvmsg(r.fd(), &c.hdr, 0)));
		t.ok("... keeps the message", t.stock() || r.receives("control"));
	}
	t.ok("nothing is left", r.empty());
}

void rows_pointers_options(tap &t, const half_mapped &memory, const half_mapped &constant)
{
	t.section("pointers, options and names");
	sock s(ip("127.0.0.1")), fresh;
	int value = 0;
	socklen_t four = 4, plenty = 4096;

	for (const pointer &p : wild_pointers(memory, 4)) {
		auto *len = static_cast<socklen_t *>(p.where);
		for (int option : {RDS_RECVERR, RDS_CONG_MONITOR})
			t.is("setsockopt " + std::to_string(option) + " from " + p.name, -EFAULT,
			     result_of(::setsockopt(s.fd(), SOL_RDS, option, p.where, 4)));
		t.is("SO_RDS_TRANSPORT from " + p.name, -EFAULT,
		     result_of(::setsockopt(fresh.fd(), SOL_RDS, SO_RDS_TRANSPORT, p.where, 4)));
		for (int option : {RDS_RECVERR, SO_RDS_TRANSPORT, RDS_INFO_COUNTERS})
			t.is("length of " + std::to_string(option) + " at " + p.name, -EFAULT,
			     result_of(::getsockopt(s.fd(), SOL_RDS, option, &value, len)));
		for (int option : {RDS_RECVERR, SO_RDS_TRANSPORT})
			t.is("getsockopt " + std::to_string(option) + " to " + p.name, -EFAULT,
			     result_of(::getsockopt(s.fd(), SOL_RDS, option, p.where, &four)));
	}
	for (const pointer &p : wild_pointers(memory, 16)) {
		auto *sa = static_cast<sockaddr *>(p.where);
		socklen_t len = 16;
		t.is("RDS_CANCEL_SENT_TO from " + p.name, -EFAULT,
		     result_of(::setsockopt(s.fd(), SOL_RDS, RDS_CANCEL_SENT_TO, sa, 16)));
		t.is("bind from " + p.name, -EFAULT, result_of(::bind(fresh.fd(), sa, 16)));
		t.is("connect from " + p.name, -EFAULT, result_of(::connect(fresh.fd(), sa, 16)));
		t.is("getsockname to " + p.name, -EFAULT,
		     result_of(::getsockname(s.fd(), sa, &len)));
	}
	for (const pointer &p : wild_pointers(memory, plenty)) {
		bool wraps = reinterpret_cast<std::uintptr_t>(p.where) + plenty < plenty;
		t.is("counters to " + p.name, wraps ? -EINVAL : -EAGAIN,
		     result_of(::getsockopt(s.fd(), SOL_RDS, RDS_INFO_COUNTERS, p.where, &plenty)));
	}
	auto *frozen = reinterpret_cast<socklen_t *>(constant.start());
	t.is("length in read-only memory", -EFAULT,
	     result_of(::getsockopt(s.fd(), SOL_RDS, SO_RDS_TRANSPORT, &value, frozen)));
	t.is("counters, length in read-only memory", -EFAULT,
	     result_of(::getsockopt(s.fd(), SOL_RDS, RDS_INFO_COUNTERS, &value, frozen)));
	t.is("still unbound", -1, fresh.transport());
}

void rows_pointers(tap &t)
{
	half_mapped memory, constant;
	constexpr socklen_t four = 4;

	std::memcpy(constant.start(), &four, sizeof(four));
	constant.read_only();
	rows_pointers_send(t, memory);
	rows_pointers_receive(t, memory, constant);
	rows_pointers_options(t, memory, constant);
}

void rows_of_place(tap &t, const place &p)
{
	rows_bind(t, p);
	rows_bind_many(t, p);
	rows_connect(t, p);
	rows_send_calls(t, p);
	rows_send_order(t, p);
	rows_send_big(t, p);
	rows_special_destinations(t, p);
	rows_send_order_kept(t, p);
	rows_receive(t, p);
	rows_truncation(t, p);
	rows_source_name(t, p);
	rows_timestamp(t, p);
	rows_poll(t, p);
	rows_close(t, p);
	if (p.address.family() == AF_INET)
		rows_bind_mapped(t, p);
}

} // namespace

int main(int argc, char **argv)
{
	arguments args(argc, argv, usage);
	tap t(args.flag("--stock"));
	bool planned = args.flag("--planned");
	auto tcp_address = args.address("--tcp"), tcp6_address = args.address("--tcp6");
	auto far = args.address("--far");
	args.finish();
	if (!tcp_address || tcp_address->family() != AF_INET)
		args.fail("--tcp with an IPv4 address is needed");

	place loop{"loopback", ip("127.0.0.1"), ip("::1"), transport_loop};
	place loop6{"IPv6 loopback", ip("::1"), ip("127.0.0.1"), transport_loop};
	place tcp{"TCP", *tcp_address, ip("2001:db8::1"), RDS_TRANS_TCP};

	rows_socket(t);
	rows_absent(t);
	rows_address_shapes(t);
	rows_address_generic(t);
	rows_names(t);
	rows_send_flags(t);
	rows_send_generic(t);
	rows_of_place(t, loop);
	rows_of_place(t, loop6);
	rows_of_place(t, tcp);
	if (tcp6_address)
		rows_of_place(t, {"IPv6 TCP", *tcp6_address, *tcp_address, RDS_TRANS_TCP});
	rows_congestion(t, tcp);
	if (far)
		rows_full(t, tcp, *far);
	rows_getsockopt(t);
	rows_sol_socket(t);
	rows_ioctl(t);
	rows_info(t);
	rows_info_fields(t);
	rows_options(t);
	rows_transport(t, tcp);
	rows_monitor(t, tcp);
	rows_refused(t, loop);
	rows_refused(t, tcp);
	rows_pointers(t);
	if (planned) {
		rows_arrival_options(t);
		rows_tos(t, tcp);
		rows_rdma(t, loop);
		rows_rdma(t, tcp);
		rows_zerocopy(t, tcp);
	}
	return t.finish();
}
