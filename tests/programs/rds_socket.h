// SPDX-License-Identifier: GPL-2.0
/*
 * An AF_RDS socket for the test programs: set-up that fails loudly, sending that knows the two soft
 * errors, receiving that tells messages from notifications. One thread for each socket; no locks.
 */
#ifndef TESTS_PROGRAMS_RDS_SOCKET_H
#define TESTS_PROGRAMS_RDS_SOCKET_H

#include <linux/rds.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "endpoint.h"

using rds_tools::endpoint;

constexpr std::size_t max_message = 1 << 20;

[[noreturn]] inline void die(const std::string &what, int err = errno)
{
	std::fprintf(stderr, "%s: %s\n", what.c_str(), std::strerror(err));
	std::fflush(nullptr);
	::_exit(1); /* other threads may be running: no destructors */
}

/* What the soft errors and wake-ups came to; printed in the summaries. */
struct soft_errors {
	std::atomic<std::uint64_t> eagain{0}, enobufs{0}, cong_updates{0}, late{0};
};

struct received {
	std::size_t size = 0;
	bool truncated = false;
	endpoint from;
};

class rds_socket {
public:
	/* A wake-up that takes this long is counted as missed, and the call is tried again. */
	inline static int late_ms = 1000;

	rds_socket() : fd_(::socket(AF_RDS, SOCK_SEQPACKET, 0))
	{
		if (fd_ < 0)
			die("socket(AF_RDS)");
	}
	rds_socket(const rds_socket &) = delete;
	rds_socket &operator=(const rds_socket &) = delete;
	~rds_socket() { ::close(fd_); }

	int fd() const { return fd_; }

	void bind(const endpoint &local)
	{
		if (::bind(fd_, local.sa(), local.length()))
			die("bind " + local.text());
	}

	int option(int level, int name, const char *what) const
	{
		int value = 0;
		socklen_t len = sizeof(value);
		if (::getsockopt(fd_, level, name, &value, &len))
			die(what);
		return value;
	}

	/*
	 * Buffers beyond the system's limit need the privileged form; half of the value is usable.
	 */
	void raise_buffer(int name, int forced_name, std::size_t usable)
	{
		int wish = static_cast<int>(usable);
		if (static_cast<std::size_t>(option(SOL_SOCKET, name, "getsockopt buffer")) / 2 >=
		    usable)
			return;
		if (::setsockopt(fd_, SOL_SOCKET, forced_name, &wish, sizeof(wish)) &&
		    ::setsockopt(fd_, SOL_SOCKET, name, &wish, sizeof(wish)))
			die("setsockopt buffer");
		if (static_cast<std::size_t>(option(SOL_SOCKET, name, "getsockopt buffer")) / 2 <
		    usable)
			die("a buffer of " + std::to_string(usable) + " bytes was not granted",
			    EPERM);
	}
	void raise_sndbuf(std::size_t usable) { raise_buffer(SO_SNDBUF, SO_SNDBUFFORCE, usable); }
	void raise_rcvbuf(std::size_t usable) { raise_buffer(SO_RCVBUF, SO_RCVBUFFORCE, usable); }

	/* The smallest buffer that the kernel gives; returns the usable half. */
	std::size_t shrink_sndbuf()
	{
		int wish = 1;
		if (::setsockopt(fd_, SOL_SOCKET, SO_SNDBUF, &wish, sizeof(wish)))
			die("setsockopt SO_SNDBUF");
		return static_cast<std::size_t>(option(SOL_SOCKET, SO_SNDBUF, "SO_SNDBUF")) / 2;
	}

	void monitor_congestion()
	{
		int one = 1;
		if (::setsockopt(fd_, SOL_RDS, RDS_CONG_MONITOR, &one, sizeof(one)))
			die("setsockopt RDS_CONG_MONITOR");
	}

	/*
	 * From now on messages are sent from so many buffers of our own, without a copy. Before it
	 * is told that a buffer is free again it is as it was sent; then it is overwritten at once, so
	 * that whoever is told too early shows.
	 */
	void zerocopy(unsigned buffers)
	{
		int one = 1;
		if (::setsockopt(fd_, SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one)))
			die("setsockopt SO_ZEROCOPY");
		for (unsigned i = 0; i < buffers; i++)
			slots_.emplace_back();
	}
	/* All buffers have been given back. */
	void wait_for_completions(soft_errors &soft)
	{
		while (std::ranges::any_of(slots_, &slot::used))
			wait_for_completion(soft);
	}

	/* 0 or an errno; a short count is an error of the kernel. */
	int try_send(const endpoint &to, std::span<const std::uint8_t> data, int flags,
		     std::uint32_t cookie = 0)
	{
		alignas(cmsghdr) char control[CMSG_SPACE(sizeof(cookie))]{};
		iovec iov{const_cast<std::uint8_t *>(data.data()), data.size()};
		msghdr msg{};
		msg.msg_name = const_cast<sockaddr *>(to.sa());
		msg.msg_namelen = to.length();
		msg.msg_iov = &iov;
		msg.msg_iovlen = 1;
		if (flags & MSG_ZEROCOPY) {
			msg.msg_control = control;
			msg.msg_controllen = sizeof(control);
			cmsghdr *c = CMSG_FIRSTHDR(&msg);
			c->cmsg_level = SOL_RDS;
			c->cmsg_type = RDS_CMSG_ZCOPY_COOKIE;
			c->cmsg_len = CMSG_LEN(sizeof(cookie));
			std::memcpy(CMSG_DATA(c), &cookie, sizeof(cookie));
		}
		ssize_t n = ::sendmsg(fd_, &msg, flags);
		if (n < 0)
			return errno;
		if (static_cast<std::size_t>(n) != data.size())
			die("sendto returned a part", EPROTO);
		return 0;
	}

	/*
	 * With MSG_DONTWAIT a full send buffer is waited for with POLLOUT, a congested port with
	 * POLLIN; without it the kernel does the waiting. Messages that arrive meanwhile are kept
	 * for receive().
	 */
	void send_patiently(const endpoint &to, std::span<const std::uint8_t> data,
			    soft_errors &soft, int flags = MSG_DONTWAIT)
	{
		std::uint32_t cookie = 0;
		if (!slots_.empty() && !data.empty()) {
			cookie = take_slot(soft);
			slot &s = slots_[cookie];
			s.bytes.resize(std::max(s.bytes.size(), data.size()));
			std::ranges::copy(data, s.bytes.begin());
			data = std::span(s.bytes).first(data.size());
			flags |= MSG_ZEROCOPY;
		}
		for (;;) {
			int err = try_send(to, data, flags, cookie);
			switch (err) {
			case 0:
				return;
			case EAGAIN:
				soft.eagain++;
				if (!wait(POLLOUT, late_ms))
					soft.late++;
				break;
			case ENOBUFS:
				if (!(flags & MSG_DONTWAIT))
					die("blocking sendto " + to.text(), err);
				soft.enobufs++;
				if (!wait(POLLIN, late_ms))
					soft.late++;
				else
					take_notification(soft);
				break;
			case EINTR:
				break;
			default:
				die("sendto " + to.text(), err);
			}
		}
	}

	/*
	 * Returns when everything sent so far was acknowledged by the peer's transport: with a
	 * message that fills the send buffer, POLLOUT comes back only then. Call after sending
	 * exactly shrink_sndbuf() bytes.
	 */
	void wait_until_acknowledged()
	{
		while (!wait(POLLOUT, late_ms)) {
		}
	}

	bool wait(short events, int timeout_ms)
	{
		pollfd p{fd_, events, 0};
		int n = ::poll(&p, 1, timeout_ms);
		if (n < 0 && errno != EINTR)
			die("poll");
		if (n > 0 && p.revents & (POLLERR | POLLHUP | POLLNVAL))
			die("poll reported an error state", EPROTO);
		return n > 0;
	}

	/* False if there is nothing, or only a notification, which is counted. */
	bool receive(std::vector<std::uint8_t> &buffer, received &got, soft_errors &soft)
	{
		if (inbox_.empty())
			return receive_now(buffer, got, soft);
		auto &[first, data] = inbox_.front();
		got = first;
		std::copy(data.begin(), data.end(), buffer.begin());
		inbox_.pop_front();
		return true;
	}

private:
	struct slot {
		std::vector<std::uint8_t> bytes;
		bool used = false;
	};

	std::uint32_t take_slot(soft_errors &soft)
	{
		for (;;) {
			auto free = std::ranges::find(slots_, false, &slot::used);
			if (free != slots_.end()) {
				free->used = true;
				return static_cast<std::uint32_t>(free - slots_.begin());
			}
			wait_for_completion(soft);
		}
	}

	void wait_for_completion(soft_errors &soft)
	{
		if (wait(POLLIN, late_ms))
			take_notification(soft);
		else
			soft.late++;
	}

	void complete(const cmsghdr *c)
	{
		rds_zcopy_cookies done;
		if (c->cmsg_len != CMSG_LEN(sizeof(done)))
			die("a completion of the wrong length", EPROTO);
		std::memcpy(&done, CMSG_DATA(c), sizeof(done));
		if (!done.num || done.num > RDS_MAX_ZCOOKIES)
			die("a completion of " + std::to_string(done.num) + " messages", EPROTO);
		for (std::uint32_t i = 0; i < done.num; i++) {
			std::uint32_t which = done.cookies[i];
			if (which >= slots_.size() || !slots_[which].used)
				die("a completion of what was not sent", EPROTO);
			std::ranges::fill(slots_[which].bytes, std::uint8_t{0xdb});
			slots_[which].used = false;
		}
	}

	void take_controls(msghdr &msg, soft_errors &soft)
	{
		for (cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
			if (c->cmsg_level != SOL_RDS)
				continue;
			if (c->cmsg_type == RDS_CMSG_CONG_UPDATE)
				soft.cong_updates++;
			if (c->cmsg_type == RDS_CMSG_ZCOPY_COMPLETION)
				complete(c);
		}
	}

	bool receive_now(std::span<std::uint8_t> buffer, received &got, soft_errors &soft)
	{
		alignas(cmsghdr) char control[256];
		iovec iov{buffer.data(), buffer.size()};
		msghdr msg{};
		msg.msg_name = got.from.sa();
		msg.msg_namelen = endpoint::capacity();
		msg.msg_iov = &iov;
		msg.msg_iovlen = 1;
		msg.msg_control = control;
		msg.msg_controllen = sizeof(control);

		ssize_t n = ::recvmsg(fd_, &msg, MSG_DONTWAIT);
		if (n < 0) {
			if (errno == EAGAIN || errno == EINTR)
				return false;
			die("recvmsg");
		}
		take_controls(msg, soft);
		if (!msg.msg_namelen)
			return false;
		if (msg.msg_namelen != got.from.length())
			die("recvmsg gave a name of the wrong length", EPROTO);
		got.size = static_cast<std::size_t>(n);
		got.truncated = msg.msg_flags & MSG_TRUNC;
		return true;
	}

	/* A message that comes while we wait for an update is kept, so that POLLIN goes away. */
	void take_notification(soft_errors &soft)
	{
		/* touched only as far as something comes */
		auto buffer = std::make_unique_for_overwrite<std::uint8_t[]>(max_message);
		received got;
		if (receive_now({buffer.get(), max_message}, got, soft))
			inbox_.emplace_back(got,
					    std::vector(buffer.get(), buffer.get() + got.size));
	}

	int fd_;
	std::vector<slot> slots_;
	std::deque<std::pair<received, std::vector<std::uint8_t>>> inbox_;
};

#endif
