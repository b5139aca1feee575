// SPDX-License-Identifier: GPL-2.0
/*
 * The RDS socket of a task: set up as the options want it, and its two calls, sendmsg and recvmsg.
 * Owned by a task, one thread; errors that end the run are exceptions.
 */
#ifndef RDS_TOOLS_STRESS_SOCKET_H
#define RDS_TOOLS_STRESS_SOCKET_H

#include <fcntl.h>
#include <linux/rds.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>

#include "endpoint.h"
#include "proc_number.h"
#include "stress_options.h"
#include "unique_fd.h"

namespace rds_tools::stress {

inline std::runtime_error failure(const std::string &what, int err = errno)
{
	return std::runtime_error(what + ": " + std::strerror(err));
}

/* One control message at most, of level SOL_RDS. */
class control_message {
public:
	template <typename T>
	void put(int level, int type, const T &value)
	{
		static_assert(CMSG_SPACE(sizeof(T)) <= sizeof(bytes_));
		auto *c = reinterpret_cast<cmsghdr *>(bytes_);
		c->cmsg_level = level;
		c->cmsg_type = type_ = type;
		c->cmsg_len = CMSG_LEN(sizeof(T));
		std::memcpy(CMSG_DATA(c), &value, sizeof(T));
		size_ = CMSG_SPACE(sizeof(T));
	}

	std::span<char> bytes() { return {bytes_, size_}; }
	int type() const { return type_; }

private:
	alignas(cmsghdr) char bytes_[CMSG_SPACE(sizeof(rds_rdma_args))] = {};
	std::size_t size_ = 0;
	int type_ = 0;
};

/* What one recvmsg gave: a message, or only what came with it. */
struct received {
	bool is_message;
	std::size_t bytes;
};

class task_socket {
public:
	/* @talks: of many tasks that have the same to say, one does */
	task_socket(const shared_options &opt, const endpoint &local, bool talks)
	    : local_(local), fd_(open_rds_socket())
	{
		int one = 1;
		if (::setsockopt(fd(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)))
			throw failure("SO_REUSEADDR");
		if (::bind(fd(), local.sa(), local.length()))
			throw failure("cannot bind to " + local.text());
		set_buffer(opt, SO_SNDBUF, "send", talks);
		set_buffer(opt, SO_RCVBUF, "receive", talks);
		if (opt.cong_monitor)
			monitor_congestion(talks);
		if (::fcntl(fd(), F_SETFL, O_NONBLOCK))
			throw failure("O_NONBLOCK");
		std::uint8_t tos = opt.tos;
		if (tos && ::ioctl(fd(), SIOCRDSSETTOS, &tos))
			throw failure("cannot set the type of service");
	}

	int fd() const { return fd_.get(); }
	int level() const { return level_; }
	bool monitored() const { return monitored_; }
	const endpoint &local() const { return local_; }

	/* 0, or the error: what can be tried again is not an exception. */
	int set(int option, const void *value, socklen_t size) const
	{
		return ::setsockopt(fd(), level_, option, value, size) ? errno : 0;
	}

	/* As set(). The whole message, or nothing of it. */
	int send(const endpoint &to, std::span<std::uint8_t> message,
		 control_message &control) const
	{
		endpoint name = to;
		iovec iov{message.data(), message.size()};
		msghdr msg{};
		msg.msg_name = name.sa();
		msg.msg_namelen = name.length();
		msg.msg_iov = &iov;
		msg.msg_iovlen = 1;
		msg.msg_control = control.bytes().data();
		msg.msg_controllen = control.bytes().size();

		ssize_t n = ::sendmsg(fd(), &msg, 0);
		if (n < 0)
			return errno;
		if (n != static_cast<ssize_t>(message.size()))
			throw std::runtime_error("sendmsg to " + to.text() + " took " +
						 std::to_string(n) + " of " +
						 std::to_string(message.size()) + " bytes");
		return 0;
	}

	/* Nothing when there is nothing more; else calls each(type, data) for what RDS adds. */
	template <typename F>
	std::optional<received> receive(endpoint &from, std::span<std::uint8_t> buffer,
					F each) const
	{
		alignas(cmsghdr) char control[256];
		iovec iov{buffer.data(), buffer.size()};
		msghdr msg{};
		msg.msg_name = from.sa();
		msg.msg_namelen = endpoint::capacity();
		msg.msg_iov = &iov;
		msg.msg_iovlen = 1;
		msg.msg_control = control;
		msg.msg_controllen = sizeof(control);

		ssize_t n = ::recvmsg(fd(), &msg, MSG_DONTWAIT);
		if (n < 0) {
			if (errno == EAGAIN || errno == EINTR)
				return std::nullopt;
			throw failure("recvmsg");
		}
		for (cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c))
			if (c->cmsg_level == level_ && c->cmsg_len >= CMSG_LEN(0))
				each(c->cmsg_type,
				     std::span(CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0)));
		bool is_message = n || msg.msg_namelen;
		if (is_message && msg.msg_namelen < from.length())
			throw std::runtime_error("recvmsg gives a message without its sender");
		return received{is_message, static_cast<std::size_t>(n)};
	}

private:
	void set_buffer(const shared_options &opt, int option, const char *name, bool talks) const
	{
		std::uint64_t wish = std::uint64_t{2} * opt.tasks * opt.depth *
				     (std::uint64_t{opt.request_bytes} + opt.ack_bytes);
		int value = static_cast<int>(std::min<std::uint64_t>(wish, INT_MAX / 2));
		if (::setsockopt(fd(), SOL_SOCKET, option, &value, sizeof(value)))
			throw failure(std::string("cannot set the size of the ") + name +
				      " buffer");

		int granted = 0;
		socklen_t len = sizeof(granted);
		if (::getsockopt(fd(), SOL_SOCKET, option, &granted, &len))
			throw failure(std::string("cannot read the size of the ") + name +
				      " buffer");
		if (talks && granted / 2 < value)
			std::fprintf(stderr,
				     "rds-stress: the %s buffers have %d bytes, %d were asked for "
				     "(net.core.%cmem_max)\n",
				     name, granted / 2, value, option == SO_SNDBUF ? 'w' : 'r');
	}

	void monitor_congestion(bool talks)
	{
		int one = 1;
		int err = set(RDS_CONG_MONITOR, &one, sizeof(one));
		monitored_ = !err;
		if (err && err != ENOPROTOOPT)
			throw failure("RDS_CONG_MONITOR", err);
		if (err && talks)
			std::fprintf(stderr, "rds-stress: this kernel has no congestion monitor, "
					     "going on without it\n");
	}

	endpoint local_;
	unique_fd fd_;
	int level_ = rds_level();
	bool monitored_ = false;
};

} // namespace rds_tools::stress

#endif
