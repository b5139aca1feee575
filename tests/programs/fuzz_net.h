// SPDX-License-Identifier: GPL-2.0
/*
 * Network namespaces for the fuzzer, made by itself: a namespace as an object, the thread's
 * stay in one, veth pairs, addresses and links by rtnetlink. Every call acts on the namespace in
 * which the calling thread is; no locks.
 */
#ifndef TESTS_PROGRAMS_FUZZ_NET_H
#define TESTS_PROGRAMS_FUZZ_NET_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

class owned_fd {
public:
	owned_fd() = default;
	explicit owned_fd(int fd) : fd_(fd) {}
	owned_fd(owned_fd &&other) : fd_(std::exchange(other.fd_, -1)) {}
	owned_fd &operator=(owned_fd &&other)
	{
		std::swap(fd_, other.fd_);
		return *this;
	}
	~owned_fd()
	{
		if (fd_ >= 0)
			::close(fd_);
	}
	int get() const { return fd_; }
	explicit operator bool() const { return fd_ >= 0; }

private:
	int fd_ = -1;
};

inline owned_fd this_namespace()
{
	return owned_fd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
}

/* The thread is in another namespace as long as this lives. */
class stay {
public:
	/* in a new one, when there is none given; see ok() */
	explicit stay(int fd = -1) : home_(this_namespace())
	{
		ok_ = home_ && !(fd < 0 ? ::unshare(CLONE_NEWNET) : ::setns(fd, CLONE_NEWNET));
	}
	stay(const stay &) = delete;
	~stay()
	{
		if (ok_ && ::setns(home_.get(), CLONE_NEWNET))
			std::abort();
	}
	bool ok() const { return ok_; }

private:
	owned_fd home_;
	bool ok_;
};

/* One rtnetlink request and its answer. */
class rtnetlink {
public:
	template <typename T>
	rtnetlink(std::uint16_t type, std::uint16_t flags, const T &body)
	{
		header()->nlmsg_type = type;
		header()->nlmsg_flags = flags | NLM_F_REQUEST | NLM_F_ACK;
		header()->nlmsg_len = NLMSG_LENGTH(0);
		append(&body, sizeof(body));
	}

	rtnetlink &attribute(std::uint16_t type, const void *data, std::size_t n)
	{
		rtattr head{static_cast<std::uint16_t>(RTA_LENGTH(n)), type};
		append(&head, sizeof(head));
		append(data, n);
		return *this;
	}
	rtnetlink &attribute(std::uint16_t type, const std::string &text)
	{
		return attribute(type, text.c_str(), text.size() + 1);
	}
	template <typename F>
	rtnetlink &nest(std::uint16_t type, F inside)
	{
		std::size_t start = header()->nlmsg_len;
		attribute(type, nullptr, 0);
		inside();
		std::uint16_t n = static_cast<std::uint16_t>(header()->nlmsg_len - start);
		std::memcpy(buffer_.data() + start, &n, sizeof(n));
		return *this;
	}
	template <typename T>
	void raw(const T &body)
	{
		append(&body, sizeof(body));
	}

	/* Return: 0 or a negated errno. */
	int send()
	{
		owned_fd s(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
		alignas(nlmsghdr) char answer[4096];
		if (!s || ::send(s.get(), buffer_.data(), header()->nlmsg_len, 0) < 0)
			return -errno;
		ssize_t n;
		do
			n = ::recv(s.get(), answer, sizeof(answer), 0);
		while (n < 0 && errno == EINTR);
		const nlmsghdr *head = reinterpret_cast<const nlmsghdr *>(answer);
		if (n < static_cast<ssize_t>(NLMSG_LENGTH(sizeof(nlmsgerr))) ||
		    head->nlmsg_type != NLMSG_ERROR)
			return -EPROTO;
		return static_cast<const nlmsgerr *>(NLMSG_DATA(head))->error;
	}

private:
	nlmsghdr *header() { return reinterpret_cast<nlmsghdr *>(buffer_.data()); }
	void append(const void *data, std::size_t n)
	{
		if (n)
			std::memcpy(buffer_.data() + header()->nlmsg_len, data, n);
		header()->nlmsg_len += NLMSG_ALIGN(n);
	}

	alignas(nlmsghdr) std::array<char, 1024> buffer_{};
};

inline int set_link(const std::string &name, bool up)
{
	ifinfomsg body{};
	body.ifi_index = static_cast<int>(::if_nametoindex(name.c_str()));
	if (!body.ifi_index)
		return -ENODEV;
	body.ifi_flags = up ? IFF_UP : 0;
	body.ifi_change = IFF_UP;
	return rtnetlink(RTM_NEWLINK, 0, body).send();
}

inline int delete_link(const std::string &name)
{
	ifinfomsg body{};
	return rtnetlink(RTM_DELLINK, 0, body).attribute(IFLA_IFNAME, name).send();
}

/* @name here, @peer in the namespace @where. */
inline int make_veth(const std::string &name, const std::string &peer, int where)
{
	rtnetlink request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, ifinfomsg{});
	request.attribute(IFLA_IFNAME, name);
	request.nest(IFLA_LINKINFO, [&] {
		request.attribute(IFLA_INFO_KIND, std::string("veth"));
		request.nest(IFLA_INFO_DATA, [&] {
			request.nest(VETH_INFO_PEER, [&] {
				request.raw(ifinfomsg{});
				request.attribute(IFLA_IFNAME, peer);
				request.attribute(IFLA_NET_NS_FD, &where, sizeof(where));
			});
		});
	});
	return request.send();
}

inline int change_address(const std::string &link, const std::string &text, int prefix, bool add)
{
	in6_addr raw{};
	bool v6 = text.find(':') != text.npos;
	ifaddrmsg body{};
	body.ifa_family = v6 ? AF_INET6 : AF_INET;
	body.ifa_prefixlen = static_cast<std::uint8_t>(prefix);
	body.ifa_index = ::if_nametoindex(link.c_str());
	body.ifa_flags = v6 ? IFA_F_NODAD : 0;
	if (::inet_pton(body.ifa_family, text.c_str(), &raw) != 1)
		return -EINVAL;
	rtnetlink request(add ? RTM_NEWADDR : RTM_DELADDR, add ? NLM_F_CREATE | NLM_F_EXCL : 0,
			  body);
	return request.attribute(IFA_LOCAL, &raw, v6 ? 16 : 4).send();
}

#endif
