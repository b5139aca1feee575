// SPDX-License-Identifier: GPL-2.0
/*
 * From what the user typed to an address, and from a destination to the source address that the
 * routing tables suggest for it. Called once, at the start of a tool. No locks.
 */
#ifndef RDS_TOOLS_RESOLVE_H
#define RDS_TOOLS_RESOLVE_H

#include <netdb.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>

#include "endpoint.h"
#include "unique_fd.h"

namespace rds_tools {

/* A number is taken as it is; a name prefers IPv4, which every RDS peer speaks. */
inline endpoint resolve(const std::string &name)
{
	if (auto numeric = endpoint::parse_address(name))
		return *numeric;

	for (int family : {AF_INET, AF_INET6}) {
		addrinfo hints{}, *found = nullptr;
		hints.ai_family = family;
		hints.ai_socktype = SOCK_DGRAM;
		if (::getaddrinfo(name.c_str(), nullptr, &hints, &found) || !found)
			continue;

		endpoint ep;
		std::memcpy(ep.sa(), found->ai_addr,
			    found->ai_addrlen < endpoint::capacity() ? found->ai_addrlen
								     : endpoint::capacity());
		::freeaddrinfo(found);
		ep.set_port(0);
		return ep;
	}
	throw std::runtime_error("no address for \"" + name + "\"");
}

/* Connecting a UDP socket sends nothing, but makes the kernel choose the source address. */
inline endpoint guess_source(const endpoint &destination)
{
	unique_fd fd(::socket(destination.family(), SOCK_DGRAM, 0));
	endpoint target = destination.with_port(1), source;
	socklen_t len = endpoint::capacity();

	if (fd.get() < 0 || ::connect(fd.get(), target.sa(), target.length()) ||
	    ::getsockname(fd.get(), source.sa(), &len))
		throw std::runtime_error("no route to " + destination.address_text() + ": " +
					 std::strerror(errno));
	source.set_port(0);
	return source;
}

} // namespace rds_tools

#endif
