// SPDX-License-Identifier: GPL-2.0
/*
 * The shapes of addresses and what bind, connect and send make of each; flow labels, scopes, padding.
 */
#include <string>
#include <vector>

#include "topics.h"

namespace {

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
	t.is("connect, length 128", 0,
	     result_of(::connect(bound.fd(), raw_address(v4, 128).sa(), 128)));
	t.is("bind, length 128", 0, result_of(::bind(fresh.fd(), plain.sa(), 128)));
	t.is("bind, foreign subnet broadcast", -EADDRNOTAVAIL, sock().bind(ip("198.51.100.255")));
	t.is("connect, foreign subnet broadcast", 0, sock().connect(ip("198.51.100.255", 1)));
}

endpoint spoiled(const endpoint &ep, std::uint32_t flow, std::uint32_t scope)
{
	endpoint copy = ep;
	auto *six = reinterpret_cast<sockaddr_in6 *>(copy.sa());
	six->sin6_flowinfo = flow;
	six->sin6_scope_id = scope;
	return copy;
}

std::string numbers(const endpoint &ep)
{
	const auto *six = reinterpret_cast<const sockaddr_in6 *>(ep.sa());
	return "flow " + std::to_string(six->sin6_flowinfo) + ", scope " +
	       (six->sin6_scope_id ? "set" : "0");
}

endpoint peer_of(const sock &s)
{
	endpoint ep;
	socklen_t len = endpoint::capacity();
	::getpeername(s.fd(), ep.sa(), &len);
	return ep;
}

/* Flow labels are never looked at, scopes only where the address is link-local. */
void rows_flow_and_scope(tap &t, const world &w)
{
	t.section("flow and scope");
	sock to(w.tcp6.at()), s;
	std::uint32_t index = ::if_nametoindex("abi0");

	t.is("bind with a flow label and a scope", 0, s.bind(spoiled(w.tcp6.at(), 5, index)));
	t.same("... read back", "flow 0, scope 0", numbers(s.name()));
	t.is("connect with a flow label and a wrong scope", 0,
	     s.connect(spoiled(to.name(), 5, 4711)));
	t.same("... read back", "flow 0, scope 0", numbers(peer_of(s)));
	t.is("send with a flow label and a wrong scope", 4,
	     s.send_text(spoiled(to.name(), 7, 4711), "flow"));
	t.ok("... arrives", to.receives("flow"));
	t.is("bind to an IPv4-compatible address", -EADDRNOTAVAIL, sock().bind(ip("::10.44.0.1")));
	t.is("connect to an IPv4-compatible address", 0, sock().connect(ip("::10.44.0.1", 1)));
	t.is("connect to a unique-local address", 0, sock().connect(ip("fd99::1", 1)));
	t.skip("IPv6 in a kernel without it", "the kernel has it; vm no-ipv6 has it");
}

void rows_link_local(tap &t, const world &w)
{
	t.section("link-local");
	std::uint32_t other = ::if_nametoindex("lo");
	sock s, unscoped(w.tcp6.at());
	endpoint there = w.far_link_scoped.with_port(4000);

	t.is("bind without scope", -EINVAL, sock().bind(w.link));
	t.is("bind with the scope of another interface", -EADDRNOTAVAIL,
	     sock().bind(spoiled(w.link, 0, other)));
	t.is("bind with the scope of no interface", -EADDRNOTAVAIL,
	     sock().bind(spoiled(w.link, 0, 4711)));
	t.is("bind", 0, s.bind(w.link_scoped));
	t.same("... read back", "flow 0, scope set", numbers(s.name()));
	t.number("... transport", RDS_TRANS_TCP, s.transport());
	t.is("same port again", -EADDRINUSE, sock().bind(s.name()));
	t.is("connect to another scope", -EINVAL, s.connect(spoiled(there, 0, other)));
	t.is("connect to its scope", 0, s.connect(there));
	t.is("send to another scope", -EINVAL, s.send(spoiled(there, 0, other), 1));
	t.is("send to its scope", 1, s.send(there, 1));
	t.is("send without scope", -EINVAL, s.send(spoiled(there, 0, 0), 1));
	t.is("send to an address that needs none", 1, s.send(w.far6.with_port(4000), 1));
	t.is("an unscoped socket to a scope", 1, unscoped.send(there, 1));

	sock early;
	t.is("connect before bind", 0, early.connect(there));
	t.is("... then bind to another scope", -EINVAL, early.bind(spoiled(w.link, 0, other)));
	t.is("... and connect to another scope", 0, early.connect(spoiled(there, 0, other)));
	t.is("... then bind to the first", -EINVAL, early.bind(w.link_scoped));
	t.is("... and connect back", 0, early.connect(there));
	t.is("... then bind", 0, early.bind(w.link_scoped));
}

} // namespace

void topic_address(tap &t, const world &w)
{
	rows_address_shapes(t);
	rows_address_generic(t);
	rows_flow_and_scope(t, w);
	rows_link_local(t, w);
}
