// SPDX-License-Identifier: GPL-2.0
/*
 * Network namespaces: addresses, ports, messages, lists and choices of one do not reach another.
 */
#include <string>
#include <vector>

#include "topics.h"

namespace {

long listed(const sock &s, int list, std::uint16_t port, std::size_t at)
{
	std::vector<std::uint8_t> buffer(1 << 20);
	socklen_t len = 1 << 20;
	long stride = ::getsockopt(s.fd(), SOL_RDS, list, buffer.data(), &len), found = 0;
	std::uint16_t wanted = htons(port);

	for (std::size_t i = 0; stride > 0 && i < len; i += static_cast<std::size_t>(stride))
		found += !std::memcmp(buffer.data() + i + at, &wanted, 2);
	return found;
}

void rows_ports(tap &t, const world &w)
{
	t.section("namespaces, ports");
	endpoint name = ip("127.0.0.1", 4321);
	sock here(name), there = w.at_far();

	t.is("the same loopback address and port", 0, there.bind(name));
	sock sender(ip("127.0.0.1")), other = w.at_far(ip("127.0.0.1"));
	t.is("send here", 4, sender.send_text(name, "here"));
	t.ok("... arrives here", here.receives("here"));
	t.ok("... and only here", there.empty());
	t.is("send there", 5, other.send_text(name, "there"));
	t.ok("... arrives there", there.name().port() == 4321 && there.receives("there"));
	t.ok("... never here", here.empty());
}

void rows_addresses(tap &t, const world &w)
{
	t.section("namespaces, addresses");
	sock here, there = w.at_far();

	t.is("bind here to the address there", -EADDRNOTAVAIL, here.bind(w.far));
	t.is("bind there to the address here", -EADDRNOTAVAIL, there.bind(w.near));
	t.is("bind there to its own", 0, there.bind(w.far));
	sock six = w.at_far();
	t.is("bind there to its own, IPv6", 0, six.bind(w.far6));
	for (int number : {0, 1}) {
		sock s = w.at_far();
		t.is("SO_RDS_TRANSPORT " + std::to_string(number) + " there", -EPROTOTYPE,
		     s.set(SOL_RDS, SO_RDS_TRANSPORT, number));
		t.number("... transport", -1, s.transport());
	}
	sock tcp = w.at_far();
	t.is("SO_RDS_TRANSPORT 2 there", 0, tcp.set(SOL_RDS, SO_RDS_TRANSPORT, RDS_TRANS_TCP));
}

void rows_lists(tap &t, const world &w)
{
	t.section("namespaces, lists");
	sock here(w.near.with_port(4441)), there = w.at_far(w.far.with_port(4442));

	t.is("sockets here, of here", 1, listed(here, RDS_INFO_SOCKETS, 4441, 12));
	t.is("sockets here, of there", 0, listed(here, RDS_INFO_SOCKETS, 4442, 12));
	t.is("sockets there, of there", 1, listed(there, RDS_INFO_SOCKETS, 4442, 12));
	t.is("sockets there, of here", 0, listed(there, RDS_INFO_SOCKETS, 4441, 12));
	t.is("IPv6 sockets there, of there", 1, listed(there, RDS6_INFO_SOCKETS, 4442, 36));
	t.is("IPv6 sockets there, of here", 0, listed(there, RDS6_INFO_SOCKETS, 4441, 36));
	here.send(w.nobody.with_port(4443), 1);
	t.is("messages here, of here", 1, listed(here, RDS6_INFO_SEND_MESSAGES, 4443, 46));
	t.is("messages there, of here", 0, listed(there, RDS6_INFO_SEND_MESSAGES, 4443, 46));
	here.send(here.name(), 1);
	here.holds_message();
	t.is("received here, of here", 1, listed(here, RDS_INFO_RECV_MESSAGES, 4441, 20));
	t.is("received there, of here", 0, listed(there, RDS_INFO_RECV_MESSAGES, 4441, 20));
}

} // namespace

void topic_namespaces(tap &t, const world &w)
{
	rows_ports(t, w);
	rows_addresses(t, w);
	rows_lists(t, w);
}
