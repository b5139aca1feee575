// SPDX-License-Identifier: GPL-2.0
/*
 * Two ends of a way for messages: RDS, or what it is measured against with the same messages. Each
 * message costs one sendto and one recvfrom, whatever carries it. Ends are made in one process, which
 * then forks; one process uses one end.
 */
#ifndef TESTS_PROGRAMS_BENCH_WIRE_H
#define TESTS_PROGRAMS_BENCH_WIRE_H

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <time.h>

#include <memory>

#include "rds_socket.h"

inline std::uint64_t now_ns()
{
	timespec t;
	::clock_gettime(CLOCK_MONOTONIC, &t);
	return static_cast<std::uint64_t>(t.tv_sec) * 1000000000u +
	       static_cast<std::uint64_t>(t.tv_nsec);
}

/* From now on sockets are made in that host, a namespace of `ip netns`. */
inline void enter_host(const std::string &name)
{
	if (name.empty())
		return; /* where we are */
	int fd = ::open(("/run/netns/" + name).c_str(), O_RDONLY);
	if (fd < 0 || ::setns(fd, CLONE_NEWNET))
		die("network namespace " + name);
	::close(fd);
}

inline endpoint host_address(const std::string &address, std::uint16_t port)
{
	auto ep = endpoint::parse_address(address, port);
	if (!ep)
		die(address, EINVAL);
	return *ep;
}

inline void set_option(int fd, int level, int name, int value)
{
	if (::setsockopt(fd, level, name, &value, sizeof(value)))
		die("setsockopt " + std::to_string(level) + "/" + std::to_string(name));
}

/* Not while something is measured: each wait would set up a timer. 0: for ever. */
inline void set_patience(int fd, suseconds_t us)
{
	timeval t{0, us};
	if (::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)))
		die("setsockopt SO_RCVTIMEO");
}

enum class carrier { rds, tcp, udp, local };

/* What RDS puts before each message; who has no datagrams needs as much. */
constexpr std::size_t framing = 48;

/* UDP would drop what the reader has not got round to: a token comes back for so many. */
constexpr std::uint64_t udp_window = 16;

class wire_end {
public:
	wire_end() = default;
	wire_end(carrier over, int fd) : over_(over), fd_(fd) {}
	wire_end(int fd, const endpoint &peer) : wire_end(carrier::rds, fd) { peer_ = peer; }

	int fd() const { return fd_; }

	/* The number is in the first bytes of each message. */
	void reserve(std::size_t size)
	{
		ahead_ = over_ == carrier::tcp || over_ == carrier::udp ? framing : 0;
		whole_ = ahead_ + size;
		data_.assign(std::max(whole_, ahead_ + sizeof(std::uint64_t)), 0x5a);
	}

	/* False: it could not be sent. */
	bool send(std::uint64_t number)
	{
		std::memcpy(data_.data() + ahead_, &number, sizeof(number));
		if (over_ == carrier::rds)
			return sent(
				::sendto(fd_, data_.data(), whole_, 0, peer_.sa(), peer_.length()));
		return sent(::send(fd_, data_.data(), whole_, MSG_NOSIGNAL));
	}

	/* False: another message than that one, or none. */
	bool receive(std::uint64_t number)
	{
		sockaddr_in from;
		socklen_t len = sizeof(from);
		ssize_t n;
		if (over_ == carrier::rds)
			n = ::recvfrom(fd_, data_.data(), whole_, 0,
				       reinterpret_cast<sockaddr *>(&from), &len);
		else
			n = ::recv(fd_, data_.data(), whole_,
				   over_ == carrier::tcp ? MSG_WAITALL : 0);
		std::uint64_t got;
		std::memcpy(&got, data_.data() + ahead_, sizeof(got));
		return sent(n) && got == number;
	}

	/* After each message of a stream, of which it is the @nth: the sender waits, the receiver lets it go on. */
	bool pace(std::uint64_t nth)
	{
		char token;
		return !turn(nth) || ::recv(fd_, &token, 1, 0) == 1;
	}
	bool let_go_on(std::uint64_t nth) { return !turn(nth) || ::send(fd_, "", 1, 0) == 1; }

	/* Whatever has come. */
	void drain()
	{
		char bin[4096];
		while (over_ != carrier::tcp && ::recv(fd_, bin, sizeof(bin), MSG_DONTWAIT) >= 0) {
		}
	}

private:
	bool turn(std::uint64_t nth) const { return over_ == carrier::udp && !(nth % udp_window); }
	bool sent(ssize_t n) const { return n == static_cast<ssize_t>(whole_); }

	carrier over_ = carrier::rds;
	int fd_ = -1;
	endpoint peer_;
	std::size_t ahead_ = 0, whole_ = 0;
	std::vector<std::uint8_t> data_;
};

struct wire {
	wire_end left, right;
};

constexpr std::size_t default_buffer = 212992;

/* Room for four messages, if the default is less: RDS counts half of it, AF_UNIX what pages take. */
inline void make_room(int fd, std::size_t size)
{
	int wish = static_cast<int>(4 * size);
	if (2 * static_cast<std::size_t>(wish) <= default_buffer)
		return;
	set_option(fd, SOL_SOCKET, SO_SNDBUFFORCE, wish);
	set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, wish);
}

inline int bound_socket(int family, int type, const endpoint &local)
{
	int fd = ::socket(family, type, 0);
	if (fd < 0)
		die("socket");
	if (::bind(fd, local.sa(), local.length()))
		die("bind " + local.text());
	return fd;
}

inline int rds_bound(const endpoint &local)
{
	return bound_socket(AF_RDS, SOCK_SEQPACKET, local);
}

/*
 * Where the ends are. Host a has all of 10.1.0.0/16, b of 10.2.0.0/16 and 10.0.0.0/16: the smaller and the larger, and
 * the smaller again.
 */
struct place {
	std::string left_host, right_host;
	endpoint left, right;

	/* The @nth pair of addresses that nobody had before. */
	static std::string address(const char *net, unsigned nth)
	{
		return net + std::to_string(nth / 250) + "." + std::to_string(nth % 250 + 1);
	}
	static place loop(unsigned nth, std::uint16_t port)
	{
		return between("a", "10.1.", "a", "10.1.", nth, port);
	}
	static place net(unsigned nth, std::uint16_t port)
	{
		return between("a", "10.1.", "b", "10.2.", nth, port);
	}
	/* Two addresses of a device with RDMA, where we are. */
	static place rdma(std::uint16_t port)
	{
		return {"", "", host_address("10.60.0.1", port), host_address("10.60.0.2", port)};
	}
	static place downhill(unsigned nth, std::uint16_t port)
	{
		return between("a", "10.1.", "b", "10.0.", nth, port);
	}

private:
	static place between(const char *left, const char *left_net, const char *right,
			     const char *right_net, unsigned nth, std::uint16_t port)
	{
		return {left, right, host_address(address(left_net, nth), port),
			host_address(address(right_net, nth),
				     static_cast<std::uint16_t>(port + 1000))};
	}
};

inline wire rds_wire(const place &p, std::size_t size)
{
	wire w;
	enter_host(p.left_host);
	w.left = wire_end(rds_bound(p.left), p.right);
	enter_host(p.right_host);
	w.right = wire_end(rds_bound(p.right), p.left);
	make_room(w.left.fd(), size);
	make_room(w.right.fd(), size);
	return w;
}

inline int tcp_listener(const endpoint &local)
{
	int fd = ::socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0)
		die("socket");
	set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (::bind(fd, local.sa(), local.length()) || ::listen(fd, 1024))
		die("listen " + local.text());
	return fd;
}

inline int tcp_connect(const endpoint &local, const endpoint &to)
{
	int fd = bound_socket(AF_INET, SOCK_STREAM, local.with_port(0));
	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	if (::connect(fd, to.sa(), to.length()))
		die("connect " + to.text());
	return fd;
}

inline int tcp_accept(int listener)
{
	int fd = ::accept(listener, nullptr, nullptr);
	if (fd < 0)
		die("accept");
	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	return fd;
}

inline wire tcp_wire(const place &p)
{
	wire w;
	enter_host(p.right_host);
	int listener = tcp_listener(p.right);
	enter_host(p.left_host);
	w.left = wire_end(carrier::tcp, tcp_connect(p.left, p.right));
	w.right = wire_end(carrier::tcp, tcp_accept(listener));
	::close(listener);
	return w;
}

inline wire udp_wire(const place &p)
{
	enter_host(p.left_host);
	int left = bound_socket(AF_INET, SOCK_DGRAM, p.left);
	enter_host(p.right_host);
	int right = bound_socket(AF_INET, SOCK_DGRAM, p.right);
	for (int fd : {left, right}) {
		set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20);
		endpoint to = fd == left ? p.right : p.left;
		if (::connect(fd, to.sa(), to.length()))
			die("connect " + to.text());
	}
	return {wire_end(carrier::udp, left), wire_end(carrier::udp, right)};
}

inline wire local_wire(std::size_t size)
{
	int fd[2];
	if (::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd))
		die("socketpair");
	make_room(fd[0], size);
	make_room(fd[1], size);
	return {wire_end(carrier::local, fd[0]), wire_end(carrier::local, fd[1])};
}

inline wire make_wire(carrier over, const place &p, std::size_t size)
{
	wire w;
	switch (over) {
	case carrier::rds:
		w = rds_wire(p, size);
		break;
	case carrier::tcp:
		w = tcp_wire(p);
		break;
	case carrier::udp:
		w = udp_wire(p);
		break;
	case carrier::local:
		w = local_wire(size);
		break;
	}
	w.left.reserve(size);
	w.right.reserve(size);
	return w;
}

#endif
