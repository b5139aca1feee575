// SPDX-License-Identifier: GPL-2.0
/*
 * Addresses for the fuzzer: those that exist in a namespace, those that others have, those that
 * nobody has, and shapes that no honest program would use. Plain values.
 */
#ifndef TESTS_PROGRAMS_FUZZ_ADDRESS_H
#define TESTS_PROGRAMS_FUZZ_ADDRESS_H

#include <net/if.h>

#include <cstring>
#include <string>

#include "endpoint.h"
#include "fuzz_random.h"
#include "fuzz_world.h"

struct fuzz_address {
	sockaddr_storage bytes{};
	socklen_t len = 0;
	bool odd = false; /* its shape was spoiled */

	fuzz_address() = default;
	fuzz_address(const std::string &text, std::uint16_t port, std::uint32_t scope = 0)
	{
		if (auto ep = rds_tools::endpoint::parse_address(text, port)) {
			std::memcpy(&bytes, ep->sa(), ep->length());
			len = ep->length();
		}
		if (scope)
			v6()->sin6_scope_id = scope;
	}
	sockaddr_in6 *v6() { return reinterpret_cast<sockaddr_in6 *>(&bytes); }
	bool is_v6() const { return bytes.ss_family == AF_INET6; }
	std::string text() const
	{
		char name[INET6_ADDRSTRLEN] = "?";
		const char *raw = reinterpret_cast<const char *>(&bytes);
		if (bytes.ss_family == AF_INET || is_v6())
			::inet_ntop(bytes.ss_family, raw + (is_v6() ? 8 : 4), name, sizeof(name));
		std::uint16_t port;
		std::memcpy(&port, raw + 2, sizeof(port));
		return std::string(name) + ":" + std::to_string(ntohs(port)) + " (" +
		       std::to_string(len) + " bytes)";
	}
};

/* Few ports, so that senders find receivers. */
inline std::uint16_t fuzz_port(fuzz_random &r, bool bind)
{
	if (r.percent(85))
		return static_cast<std::uint16_t>(4000 + r.below(6));
	if (bind)
		return r.one_in(3) ? static_cast<std::uint16_t>(r.below(4)) : 0;
	return r.one_in(3) ? static_cast<std::uint16_t>(r.next())
			   : static_cast<std::uint16_t>(r.below(2));
}

/* The veth device has the same index for the whole run: it is made first. */
inline std::uint32_t fuzz_scope(std::size_t space)
{
	static const std::uint32_t host0 = ::if_nametoindex("fz0");
	return space ? 2 : host0;
}

inline std::string local_name(fuzz_random &r, std::size_t space)
{
	if (r.one_in(12))
		return fuzz_world::passing_address(r.below(4));
	if (r.one_in(3))
		return r.of<const char *>(
			{"127.0.0.1", "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"});
	if (space >= fuzz_world::hosts)
		return fuzz_world::guest_address(space);
	std::string digit = std::to_string(space + 1);
	return r.of<std::string>({"10.99.0." + digit, "10.99.0." + digit, "fd99::" + digit,
				  "::ffff:10.99.0." + digit, "fe80::9" + digit});
}

inline fuzz_address local_address(fuzz_random &r, std::size_t space)
{
	std::string name = local_name(r, space);
	return {name, fuzz_port(r, true), name.starts_with("fe80") ? fuzz_scope(space) : 0};
}

inline std::string nobody(fuzz_random &r)
{
	if (r.one_in(20))
		return "10.99." + std::to_string(r.below(2)) + "." + std::to_string(r.below(64));
	return r.of<const char *>({"10.99.0.77", "203.0.113.1", "fd99::77", "2001:db8::1"});
}

/*
 * Each place has an address of its own, to which most of its sockets are bound: so that messages find
 * somebody, whatever the calls before came to.
 */
struct fuzz_home {
	std::size_t space, family;
	bool inside; /* nobody on the other host reaches it */
	fuzz_address address;

	explicit fuzz_home(std::size_t place) : space(place % fuzz_world::hosts)
	{
		std::string digit = std::to_string(space + 1);
		std::size_t form = place / fuzz_world::hosts % 5;
		std::string name = form == 0   ? "127.0.0.1"
				   : form == 1 ? "fd99::" + digit
				   : form == 2 ? "fe80::9" + digit
					       : "10.99.0." + digit;
		inside = !form;
		family = form == 1 || form == 2 ? AF_INET6 : AF_INET;
		address = {name, static_cast<std::uint16_t>(4000 + place),
			   form == 2 ? fuzz_scope(space) : 0};
	}
	bool reaches(const fuzz_home &other) const
	{
		return family == other.family &&
		       (space == other.space || !(inside || other.inside));
	}
};

/* A destination for a sender in @space: itself, the other host, or nobody. */
inline fuzz_address remote_address(fuzz_random &r, std::size_t space)
{
	std::size_t target = space;
	if (r.percent(45))
		target = space < fuzz_world::hosts ? 1 - space : 0;
	if (r.one_in(20))
		target = fuzz_world::hosts + r.below(fuzz_world::guests);
	std::string name = r.one_in(6) ? nobody(r) : local_name(r, target);
	return {name, fuzz_port(r, false), name.starts_with("fe80") ? fuzz_scope(space) : 0};
}

/* A destination for the socket of @place: mostly the home of one that can be reached. */
inline fuzz_address destination(fuzz_random &r, std::size_t place, std::size_t space)
{
	fuzz_home home(place);
	if (r.one_in(4))
		return remote_address(r, space);
	for (;;) {
		fuzz_home other(r.below(fuzz_world::places));
		if (!home.reaches(other))
			continue;
		if (home.address.v6()->sin6_scope_id)
			other.address.v6()->sin6_scope_id = fuzz_scope(space);
		return other.address;
	}
}

/* One time in @rarely in a shape that must be refused, or nearly. */
inline fuzz_address spoil(fuzz_random &r, fuzz_address a, std::size_t rarely)
{
	if (!r.one_in(rarely))
		return a;
	a.odd = true;
	switch (r.below(7)) {
	case 0:
		a.len = static_cast<socklen_t>(
			r.of<std::size_t>({0, 1, 2, 8, 15, 17, 27, 29, 127, 128, 129, ~0u}));
		break;
	case 1:
		a.bytes.ss_family = r.of<sa_family_t>(
			{AF_UNSPEC, AF_RDS, AF_INET, AF_INET6, AF_UNIX, AF_NETLINK, 0xffff});
		break;
	case 2:
		a.v6()->sin6_scope_id = static_cast<std::uint32_t>(r.number());
		break;
	case 3:
		a.v6()->sin6_flowinfo = static_cast<std::uint32_t>(r.next());
		break;
	case 4: {
		const char *name = r.of<const char *>(
			{"0.0.0.0", "255.255.255.255", "224.0.0.1", "10.99.0.255", "::", "ff02::1",
			 "::ffff:0.0.0.0", "::ffff:224.0.0.1", "::127.0.0.1", "fe80::1"});
		a = {name, fuzz_port(r, true)};
		a.odd = true;
		break;
	}
	case 5:
		for (unsigned char *p = reinterpret_cast<unsigned char *>(&a.bytes); r.below(8);)
			p[r.below(sizeof(a.bytes))] = static_cast<unsigned char>(r.next());
		break;
	default:
		a.len = static_cast<socklen_t>(r.below(sizeof(a.bytes) + 1));
	}
	return a;
}

#endif
