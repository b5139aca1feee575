// SPDX-License-Identifier: GPL-2.0
/*
 * bind: order of the checks, ports, the transport that is chosen, what stays after a failure.
 */
#include <string>
#include <vector>

#include "topics.h"

namespace {

void rows_bind(tap &t, const place &p)
{
	t.section("bind, " + p.name);
	sock first;

	t.is("port 0", 0, first.bind(p.at()));
	endpoint name = first.name();
	t.ok("chosen port is 2 or more", name.port() >= 2);
	t.ok("name has the address", name.same_address(p.address));
	t.number("transport", p.transport, first.transport());
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
	t.number("unbound after all that", -1, second.transport());
	t.is("sends nothing either", -ENOTCONN, second.send(name, 1));
	t.is("can be bound still", 0, second.bind(p.at()));

	for (std::uint16_t port : {2, 65535}) {
		sock s;
		t.is("port " + std::to_string(port), 0, s.bind(p.at(port)));
		t.is("port " + std::to_string(port) + " is kept", port, s.name().port());
	}

	sock other_address(ip("127.0.0.77", name.port()));
	t.ok("same port, other address", other_address.name().port() == name.port());
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

/* Which transport an address gets, with and without a choice before. */
void rows_chosen(tap &t, const world &w)
{
	t.section("bind, transport");
	auto chosen = [](const char *text) {
		sock s;
		long r = s.bind(ip(text));
		return r ? r : s.transport();
	};
	auto preset = [](const endpoint &address) {
		sock s;
		s.set(SOL_RDS, SO_RDS_TRANSPORT, RDS_TRANS_TCP);
		long r = s.bind(address);
		return r ? r : s.transport();
	};

	t.is("127.0.0.1", transport_loop, chosen("127.0.0.1"));
	t.is("127.255.1.2", transport_loop, chosen("127.255.1.2"));
	t.is("::1", transport_loop, chosen("::1"));
	t.is("mapped 127.0.0.1", transport_loop, chosen("::ffff:127.0.0.1"));
	t.is("an address of an interface", RDS_TRANS_TCP, chosen("10.44.0.1"));
	t.is("its subnet's broadcast", -EADDRNOTAVAIL, chosen("10.44.0.255"));
	t.is("the other end's", -EADDRNOTAVAIL, chosen("10.44.0.2"));
	t.is("127.0.0.1, TCP chosen", RDS_TRANS_TCP, preset(ip("127.0.0.1")));
	t.is("::1, TCP chosen", RDS_TRANS_TCP, preset(ip("::1")));
	t.is("an address of an interface, TCP chosen", RDS_TRANS_TCP, preset(w.near));
	t.is("mapped, TCP chosen", RDS_TRANS_TCP, preset(ip("::ffff:10.44.0.1")));
	t.is("the other end's, TCP chosen", -ENOPROTOOPT, preset(w.far));
	t.is("the other end's IPv6, TCP chosen", -ENOPROTOOPT, preset(w.far6));
	t.is("port 1, TCP chosen", -EINVAL, preset(w.near.with_port(1)));
	t.is("foreign, port 1, TCP chosen", -ENOPROTOOPT, preset(w.far.with_port(1)));
	t.skip("InfiniBand", "no RDMA device here");
	t.skip("no free port", "takes 65534 sockets on one address");
	t.skip("no memory", "nothing fails allocations here; kunit does");
}

/* What a failed bind leaves behind. */
void rows_failed(tap &t, const world &w)
{
	t.section("bind, failed");
	sock in_use(w.near);
	auto after = [&](tap &tt, const char *name, const endpoint &address, long expected) {
		sock s;
		s.set(SOL_RDS, SO_RDS_TRANSPORT, RDS_TRANS_TCP);
		tt.is(name, expected, s.bind(address));
		tt.number("... transport chosen before", RDS_TRANS_TCP, s.transport());
		tt.is("... can be bound", 0, s.bind(w.near));
	};

	after(t, "port in use", in_use.name(), -EADDRINUSE);
	after(t, "port 1", w.near.with_port(1), -EINVAL);
	after(t, "address not local", w.far, -ENOPROTOOPT);
	after(t, "address no address", ip("0.0.0.0"), -EINVAL);
}

} // namespace

void topic_bind(tap &t, const world &w)
{
	on_each_place(t, w, [](tap &tt, const place &p) {
		rows_bind(tt, p);
		rows_bind_many(tt, p);
		if (p.address.family() == AF_INET)
			rows_bind_mapped(tt, p);
	});
	rows_chosen(t, w);
	rows_failed(t, w);
}
