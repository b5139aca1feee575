// SPDX-License-Identifier: GPL-2.0
/*
 * connect, and the names that sockets tell.
 */
#include <string>

#include "topics.h"

namespace {

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
	t.is("then send without a name", -EOPNOTSUPP, mixed.send("x"));
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

/* The scope in a peer's name is the socket's own. */
void rows_scopes(tap &t, const world &w)
{
	t.section("names, scope");
	auto scope = [](const endpoint &ep) {
		return static_cast<long>(
			reinterpret_cast<const sockaddr_in6 *>(ep.sa())->sin6_scope_id);
	};
	sock s;
	endpoint peer;
	socklen_t len = endpoint::capacity();
	bool right;

	s.bind(w.link_scoped);
	right = scope(s.name()) == scope(w.link_scoped);
	t.ok("getsockname has the bound scope", right);
	s.connect(w.far6.with_port(9));
	t.is("getpeername", 0, result_of(::getpeername(s.fd(), peer.sa(), &len)));
	right = scope(peer) == scope(w.link_scoped);
	t.ok("... has the bound scope, whoever the peer", right);
}

} // namespace

void topic_name(tap &t, const world &w)
{
	on_each_place(t, w, rows_connect);
	rows_names(t);
	rows_scopes(t, w);
}
