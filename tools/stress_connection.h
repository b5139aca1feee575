// SPDX-License-Identifier: GPL-2.0
/*
 * The TCP connection below the control stream: listening, connecting, frames in and out. A peer
 * that is gone without a word is noticed after about 20 seconds. One thread; errors are exceptions.
 */
#ifndef RDS_TOOLS_STRESS_CONNECTION_H
#define RDS_TOOLS_STRESS_CONNECTION_H

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "endpoint.h"
#include "stress_control.h"
#include "unique_fd.h"

namespace rds_tools::stress {

inline std::runtime_error tcp_failure(const std::string &what, int err = errno)
{
	return std::runtime_error(what + ": " + std::strerror(err));
}

inline void set_option(int fd, int level, int name, int value)
{
	if (::setsockopt(fd, level, name, &value, sizeof(value)))
		throw tcp_failure("setsockopt");
}

class control_connection {
public:
	explicit control_connection(unique_fd fd) : fd_(std::move(fd))
	{
		constexpr int idle = 5, between = 3, probes = 5, unacknowledged_ms = 20000;
		set_option(fd_.get(), SOL_SOCKET, SO_KEEPALIVE, 1);
		set_option(fd_.get(), IPPROTO_TCP, TCP_KEEPIDLE, idle);
		set_option(fd_.get(), IPPROTO_TCP, TCP_KEEPINTVL, between);
		set_option(fd_.get(), IPPROTO_TCP, TCP_KEEPCNT, probes);
		set_option(fd_.get(), IPPROTO_TCP, TCP_USER_TIMEOUT, unacknowledged_ms);
		set_option(fd_.get(), IPPROTO_TCP, TCP_NODELAY, 1);
	}

	int fd() const { return fd_.get(); }
	endpoint local() const { return name(::getsockname); }
	endpoint peer() const { return name(::getpeername); }

	/* Frames are small, and few: what the socket's buffer does not take at once is an error. */
	void send(const std::vector<std::uint8_t> &frame)
	{
		ssize_t n = ::send(fd_.get(), frame.data(), frame.size(),
				   MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n != static_cast<ssize_t>(frame.size()))
			throw tcp_failure("cannot write to the peer", n < 0 ? errno : ENOBUFS);
	}

	/* For last words: the peer may be gone already. */
	void try_send(const std::vector<std::uint8_t> &frame) noexcept
	{
		::send(fd_.get(), frame.data(), frame.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
	}

	/* A frame that is already here. */
	std::optional<frame> next() { return decoder_.next(); }

	/* After poll() said so. False at the end of the stream. */
	bool read_some()
	{
		std::uint8_t bytes[1024];
		ssize_t n = ::recv(fd_.get(), bytes, sizeof(bytes), MSG_DONTWAIT);
		if (n > 0)
			decoder_.feed(std::span(bytes, static_cast<std::size_t>(n)));
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			throw tcp_failure("the connection to the peer broke");
		return n != 0;
	}

private:
	endpoint name(int (*get)(int, sockaddr *, socklen_t *)) const
	{
		endpoint ep;
		socklen_t len = endpoint::capacity();
		if (get(fd_.get(), ep.sa(), &len))
			throw tcp_failure("the connection has no address");
		return ep;
	}

	unique_fd fd_;
	frame_decoder decoder_;
};

inline unique_fd tcp_socket(int family)
{
	unique_fd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
	if (fd.get() < 0)
		throw tcp_failure("cannot make a TCP socket");
	return fd;
}

inline unique_fd listen_at(const endpoint &local)
{
	unique_fd fd = tcp_socket(local.family());

	set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
	if (local.family() == AF_INET6)
		set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (::bind(fd.get(), local.sa(), local.length()) || ::listen(fd.get(), 1))
		throw tcp_failure("cannot listen on " + local.text());
	return fd;
}

/* Nothing when nobody listens there, or cannot be reached: that may change. */
inline std::optional<unique_fd> connect_to(const std::optional<endpoint> &local,
					   const endpoint &peer)
{
	unique_fd fd = tcp_socket(peer.family());

	if (local) {
		endpoint from = local->with_port(0);
		if (::bind(fd.get(), from.sa(), from.length()))
			throw tcp_failure("cannot use the address " + from.address_text());
	}
	if (!::connect(fd.get(), peer.sa(), peer.length()))
		return fd;
	return std::nullopt;
}

} // namespace rds_tools::stress

#endif
