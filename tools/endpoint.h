// SPDX-License-Identifier: GPL-2.0
/*
 * An IPv4 or IPv6 address with a port, as RDS sockets take and give them. Numeric only: names are
 * resolved in resolve.h, which a statically linked program had better not include.
 * A plain value, no locks.
 */
#ifndef RDS_TOOLS_ENDPOINT_H
#define RDS_TOOLS_ENDPOINT_H

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>

namespace rds_tools {

class endpoint {
public:
	endpoint() { std::memset(&addr_, 0, sizeof(addr_)); }

	/* "10.0.0.1", "2001:db8::1" or "fe80::1%eth0" */
	static std::optional<endpoint> parse_address(const std::string &text,
						     std::uint16_t port = 0)
	{
		endpoint ep;

		if (::inet_pton(AF_INET, text.c_str(), &ep.addr_.v4.sin_addr) == 1) {
			ep.addr_.v4.sin_family = AF_INET;
			ep.set_port(port);
			return ep;
		}

		auto percent = text.find('%');
		if (::inet_pton(AF_INET6, text.substr(0, percent).c_str(),
				&ep.addr_.v6.sin6_addr) != 1)
			return std::nullopt;
		ep.addr_.v6.sin6_family = AF_INET6;
		if (percent != text.npos) {
			std::string scope = text.substr(percent + 1);
			ep.addr_.v6.sin6_scope_id = ::if_nametoindex(scope.c_str());
			if (!ep.addr_.v6.sin6_scope_id)
				return std::nullopt;
		}
		ep.set_port(port);
		return ep;
	}

	/* "10.0.0.1:4000" or "[2001:db8::1]:4000" */
	static std::optional<endpoint> parse(const std::string &text)
	{
		auto colon = text.rfind(':');
		if (colon == text.npos || colon == 0)
			return std::nullopt;

		std::string host = text.substr(0, colon), digits = text.substr(colon + 1);
		if (host.front() == '[') {
			if (host.size() < 3 || host.back() != ']')
				return std::nullopt;
			host = host.substr(1, host.size() - 2);
		} else if (host.find(':') != host.npos) {
			return std::nullopt;
		}

		if (digits.empty() || digits.size() > 5 ||
		    digits.find_first_not_of("0123456789") != digits.npos)
			return std::nullopt;
		unsigned long port = std::stoul(digits);
		if (port > 65535)
			return std::nullopt;
		return parse_address(host, static_cast<std::uint16_t>(port));
	}

	int family() const { return addr_.any.sa_family; }
	std::uint16_t port() const
	{
		return ntohs(family() == AF_INET6 ? addr_.v6.sin6_port : addr_.v4.sin_port);
	}
	void set_port(std::uint16_t port)
	{
		if (family() == AF_INET6)
			addr_.v6.sin6_port = htons(port);
		else
			addr_.v4.sin_port = htons(port);
	}
	endpoint with_port(std::uint16_t port) const
	{
		endpoint copy = *this;
		copy.set_port(port);
		return copy;
	}

	const sockaddr *sa() const { return &addr_.any; }
	sockaddr *sa() { return &addr_.any; }
	socklen_t length() const
	{
		return family() == AF_INET6 ? sizeof(addr_.v6) : sizeof(addr_.v4);
	}
	static constexpr socklen_t capacity() { return sizeof(sockaddr_in6); }

	bool same_address(const endpoint &other) const
	{
		if (family() != other.family())
			return false;
		if (family() == AF_INET6)
			return !std::memcmp(&addr_.v6.sin6_addr, &other.addr_.v6.sin6_addr,
					    sizeof(addr_.v6.sin6_addr));
		return addr_.v4.sin_addr.s_addr == other.addr_.v4.sin_addr.s_addr;
	}
	bool operator==(const endpoint &other) const
	{
		return same_address(other) && port() == other.port();
	}

	std::string address_text() const
	{
		char text[INET6_ADDRSTRLEN] = "?";
		if (family() == AF_INET6)
			::inet_ntop(AF_INET6, &addr_.v6.sin6_addr, text, sizeof(text));
		else if (family() == AF_INET)
			::inet_ntop(AF_INET, &addr_.v4.sin_addr, text, sizeof(text));
		return text;
	}
	std::string text() const
	{
		std::string host = address_text();
		if (family() == AF_INET6)
			host = "[" + host + "]";
		return host + ":" + std::to_string(port());
	}

private:
	union {
		sockaddr any;
		sockaddr_in v4;
		sockaddr_in6 v6;
	} addr_;
};

} // namespace rds_tools

#endif
